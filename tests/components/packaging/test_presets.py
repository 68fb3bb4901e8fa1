"""A model whose frozen parts the operator brings: served with both branches from tiny checkpoints, or refused."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from components.packaging.bundle import write_bundle
from components.packaging.engine import Engine, Made
from components.packaging.lineage import Lineage
from components.packaging.loading import load_engine
from components.packaging.presets import check_frozen
from components.packaging.refusals import RefusalError
from components.packaging.requests import GenerateRequest
from components.packaging.selftest import SelfTest
from components.packaging.settings import ServiceSettings
from components.packaging.shadow import load_shadow
from components.packaging.step import _self_test
from components.packaging.terms import BROUGHT
from model import presets
from model.adapter.sizes import ARC, SIG
from model.artefacts import read_json
from model.errors import UserError
from model.parts import BASE, PACK, SIGLIP, Parts
from model.presets import nano
from tests.components.packaging.artefacts import incoming
from tests.components.packaging.files import base64_of, encoded, pixels
from tests.model.checkpoints import save_siglip, tiny_flux, tiny_parts
from tests.model.tiny import BOTH, tiny_adapter
from validation.benchmark.metrics import cosine

ORDER = GenerateRequest(prompt="a man", references=[base64_of(encoded(pixels(128)))], steps=2)
Bundle = tuple[Path, dict[str, Path]]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """The preset flux-dev cut to checkpoints that lie where the environment says."""
    parts = tiny_parts(tmp_path_factory.mktemp("parts"))
    with pytest.MonkeyPatch.context() as patch:
        for name, where in ((BASE, parts.base), (SIGLIP, parts.siglip), (PACK, parts.pack)):
            patch.setenv(name, where)
        patch.setenv("WITHANYONE_CACHE", "")  # set by the loading, restored here
        patch.setitem(presets.PRESETS, "flux-dev", lambda: tiny_flux(Parts.here()))
        yield parts


def packed(root: Path, branches: tuple[str, ...] = (ARC, SIG)) -> Bundle:
    folders = incoming(root, adapter=tiny_adapter(sizes=replace(BOTH, branches=branches)), preset="flux-dev")
    bundle = root / "src" / "bundle"
    write_bundle(bundle, **folders, lineage=Lineage.of(**folders), self_test=SelfTest())
    return bundle, folders


@pytest.fixture(scope="module")
def bundle(tiny: Parts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(tmp_path_factory.mktemp("packed"))[0]


def made(engine: Engine, request: GenerateRequest) -> Made:
    """What the engine makes of a request alone."""
    return engine.make([engine.order(request)])[0]


@pytest.fixture(scope="module")
def engine(bundle: Path) -> Engine:
    return load_engine(bundle, ServiceSettings())


def test_both_branches_are_served_and_weighed(engine: Engine) -> None:
    engine.warm_up()
    weighed = {
        (identity, siglip): made(
            engine, ORDER.model_copy(update={"id_weight": identity, "siglip_weight": siglip})
        ).pictures[0]
        for identity, siglip in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
    }
    assert len({picture.tobytes() for picture in weighed.values()}) == 4
    usual = made(engine, ORDER)
    assert usual.pictures[0].tobytes() == weighed[1.0, 1.0].tobytes()
    assert usual.order.weights == {"id_weight": 1.0, "siglip_weight": 1.0}
    assert b"withanyone.siglip_weight\x001.0" in usual.files[0]
    about = engine.describe()
    assert (about["branches"], about["licence"]["sentence"]) == (["arc", "sig"], BROUGHT)


def test_the_self_test_is_measured_and_passed_with_both_branches(
    tiny: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WITHANYONE_CACHE", str(tmp_path / "cache"))
    folders = incoming(tmp_path, adapter=tiny_adapter(sizes=BOTH), preset="flux-dev")
    references = sorted((folders["scores"] / "images").glob("*/reference-*.jpg"))
    measured = _self_test(folders["model"], references, "cpu")
    bundle = tmp_path / "src" / "bundle"
    write_bundle(bundle, **folders, lineage=Lineage.of(**folders), self_test=measured)
    engine = load_engine(bundle, ServiceSettings())
    engine.warm_up()
    similarities = []
    for look in (engine.references.look, None):
        face = engine.analyser.analyse([measured.draw(engine.pipeline, engine.analyser.dim, look)])[0][0]
        similarities.append(float(cosine(face.embedding, np.array(measured.identity, np.float32))))
    assert similarities[0] == pytest.approx(measured.similarity, abs=1e-3)
    assert similarities[1] != pytest.approx(measured.similarity, abs=1e-3)


def test_a_bento_carries_nothing_that_is_brought(bundle: Path) -> None:
    assert not (bundle / "cache").exists()
    assert read_json(bundle / "frozen.json")["preset"] == "flux-dev"


def test_a_model_of_the_embedding_alone_has_no_weight_for_looks(tiny: Parts, tmp_path: Path) -> None:
    engine = load_engine(packed(tmp_path, (ARC,))[0], ServiceSettings())
    assert engine.describe()["branches"] == ["arc"]
    with pytest.raises(RefusalError, match="siglip_weight is of a branch that this model does not have; leave it out"):
        engine.order(ORDER.model_copy(update={"siglip_weight": 0.5}))


def test_a_model_of_the_siglip_branch_alone_is_tested_and_served(
    tiny: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WITHANYONE_CACHE", str(tmp_path / "cache"))
    bundle, folders = packed(tmp_path, (SIG,))
    references = sorted((folders["scores"] / "images").glob("*/reference-*.jpg"))
    measured = _self_test(folders["model"], references, "cpu")
    assert measured.similarity is not None
    engine = load_engine(bundle, ServiceSettings())
    engine.self_test = measured
    engine.warm_up()
    assert engine.describe()["branches"] == ["sig"]
    usual, off = (made(engine, ORDER.model_copy(update=weight)) for weight in ({}, {"siglip_weight": 0.0}))
    assert usual.pictures[0].tobytes() != off.pictures[0].tobytes()
    assert usual.order.weights == {"siglip_weight": 1.0}
    with pytest.raises(RefusalError, match="id_weight is of a branch that this model does not have; leave it out"):
        engine.order(ORDER.model_copy(update={"id_weight": 0.5}))


def test_other_parts_than_it_was_packaged_with(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = save_siglip(tmp_path / "other")
    (other / "config.json").write_text((other / "config.json").read_text() + "\n")
    monkeypatch.setenv(SIGLIP, str(other))
    with pytest.raises(UserError, match=f"what {BASE}, {SIGLIP} and {PACK} name is not what this model was packaged"):
        load_engine(bundle, ServiceSettings())


def test_a_base_of_nano_that_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.packaging.presets.SERVED_WEIGHTS", ())
    folders = incoming(tmp_path)
    write_bundle(tmp_path / "bundle", **folders, lineage=Lineage.of(**folders), self_test=SelfTest())
    monkeypatch.setattr("components.packaging.presets.frozen_digest", lambda chosen: "f" * 64)
    with pytest.raises(UserError, match="the base nano is not the one this model was packaged with"):
        load_engine(tmp_path / "bundle", ServiceSettings())
    (tmp_path / "bundle" / "frozen.json").unlink()  # as in a Bento of an earlier version, given as a shadow
    with pytest.raises(UserError, match="was made by an earlier version: package its model again"):
        check_frozen(tmp_path / "bundle", nano())


def test_a_shadow_has_the_champions_branches(bundle: Path, engine: Engine, tmp_path: Path) -> None:
    packed(tmp_path, (ARC,))
    settings = ServiceSettings(shadow=tmp_path, shadow_log=tmp_path / "log")
    with pytest.raises(UserError, match=r"of preset flux-dev \(arc\), the champion's of flux-dev \(arc, sig\)"):
        load_shadow(settings, bundle, engine)
    shadow = load_shadow(settings.model_copy(update={"shadow": bundle.parents[1]}), bundle, engine)
    assert shadow is not None
    own = made(engine, ORDER)
    drawn = shadow.pipeline(own.order.requests, steps=2, on_step=None, **own.order.weights)
    assert drawn[0].tobytes() == own.pictures[0].tobytes()


def test_a_model_that_edits_is_tested_and_served_with_a_photo(
    tiny: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(presets.PRESETS, "flux-dev", lambda: replace(tiny_flux(Parts.here()), edits=True))
    monkeypatch.setenv("WITHANYONE_CACHE", str(tmp_path / "cache"))
    bundle, folders = packed(tmp_path, (ARC,))
    references = sorted((folders["scores"] / "images").glob("*/reference-*.jpg"))
    measured = _self_test(folders["model"], references, "cpu")
    assert measured.edits
    engine = load_engine(bundle, ServiceSettings())
    engine.self_test = measured
    engine.warm_up()
    assert engine.describe()["edits"]
    photos = [base64_of(encoded(pixels(128, seed=seed))) for seed in (1, 2)]
    drawn = [made(engine, ORDER.model_copy(update={"image": photo})).pictures[0].tobytes() for photo in photos]
    assert drawn[0] != drawn[1]
    with pytest.raises(RefusalError, match="image is missing, and this model edits a photo; send the photo"):
        engine.order(ORDER)


def test_a_gpu_that_is_not_there(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match="torch finds no GPU that it can use here"):
        load_engine(bundle, ServiceSettings(device="cuda"))
