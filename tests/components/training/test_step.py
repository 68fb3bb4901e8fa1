"""The train step on small networks: the artefact it writes, what it refuses, what it starts from."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from components.training.config import TrainingConfig
from components.training.step import run
from model import presets
from model.adapter.checkpoint import load_adapter
from model.artefacts import read_json, write_json
from model.errors import UserError
from model.presets import AdapterSize, Preset, nano
from tests.model.tiny import SIZES, TinyRecogniser, tiny_autoencoder, tiny_backbone
from tests.model.training.tiny_dataset import tiny_dataset
from tests.model.training.tiny_job import BUCKETS, encode_text

BROUGHT = {"name": "base", "licence": "theirs alone", "use": "research"}
SHORT = TrainingConfig.model_validate(
    {
        "preset": "tiny",
        "batch": 4,
        "checkpoint_every": 2,
        "phases": [{"name": "one", "steps": 4, "learning_rate": 0.01, "warmup": 1}],
    }
)


def tiny_preset() -> Preset:
    return replace(
        nano(),
        name="tiny",
        backbone=dict(tiny_backbone().config),
        recogniser="tiny",
        recogniser_dim=SIZES.embedding,
        adapter=AdapterSize(SIZES.tokens, SIZES.heads, SIZES.head_dim),
        buckets=BUCKETS,
        licences=(BROUGHT,),
    )


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Frozen parts of a preset of small networks, in the places where the step looks for them."""
    torch.set_num_threads(1)
    folder = tmp_path / "assets"
    (folder / "tiny").mkdir(parents=True)
    save_file(tiny_backbone().state_dict(), folder / "tiny" / "backbone.safetensors")
    monkeypatch.setenv("WITHANYONE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(presets.PRESETS, "tiny", tiny_preset)
    for module in ("model.presets", "components.training.start"):
        monkeypatch.setattr(f"{module}.ASSETS", folder)
    place = "model.training.assemble"
    monkeypatch.setattr(f"{place}.load_autoencoder", lambda _: tiny_autoencoder())
    monkeypatch.setattr(f"{place}.load_backbone", lambda _: tiny_backbone())
    monkeypatch.setattr(f"{place}.load_judge", lambda _: TinyRecogniser())
    monkeypatch.setattr(f"{place}.load_text", lambda _: SimpleNamespace(encode=encode_text))
    return folder / "tiny"


def inputs(folder: Path, *, success: bool = True) -> dict[str, Any]:
    dataset = tiny_dataset(folder / "dataset")
    write_json(folder / "validation" / "result.json", {"schema": 1, "success": success, "expectations": []})
    return {"dataset": dataset.folder, "validation": folder / "validation", "model": folder / "model"}


def test_writes_the_model_and_its_history_and_leaves_no_work_behind(tmp_path: Path, assets: Path) -> None:
    paths = inputs(tmp_path)
    run(**paths, config=SHORT)
    model = paths["model"]
    names = {path.name for path in model.iterdir()}
    assert names == {"adapter.safetensors", "adapter.json", "training.json", "metrics.json", "card.md"}
    assert load_adapter(model).sizes == SIZES
    history = read_json(model / "training.json")
    assert history["identities"] == ["ann", "bob", "cid"]
    assert history["curve"][-1]["step"] == 4
    assert {"flow", "identity", "contrastive", "total", "gradient"} <= history["curve"][-1].keys()
    assert {"name", "licence", "use"} <= history["licences"][0].keys()
    assert BROUGHT in history["licences"]
    assert history["start_digest"] is None
    card = (model / "card.md").read_text()
    assert "3 people" in card
    assert "Research only" in card
    assert not list((tmp_path / "cache" / "work" / "train").iterdir())


def test_a_preset_that_edits_is_trained_by_the_same_step(
    tmp_path: Path, assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = inputs(tmp_path)
    run(**paths, config=SHORT)
    plain = read_json(paths["model"] / "training.json")["curve"]
    paths["model"].rename(tmp_path / "plain")
    monkeypatch.setitem(presets.PRESETS, "tiny", lambda: replace(tiny_preset(), edits=True))
    run(**paths, config=SHORT)
    edited = read_json(paths["model"] / "training.json")["curve"]
    assert [row["step"] for row in edited] == [row["step"] for row in plain]
    assert all(one["flow"] != other["flow"] for one, other in zip(edited, plain, strict=True))


def test_a_model_goes_on_from_another_and_inherits_its_people_and_licences(tmp_path: Path, assets: Path) -> None:
    paths = inputs(tmp_path)
    run(**paths, config=SHORT)
    champion = tmp_path / "champion"
    paths["model"].rename(champion)
    history = read_json(champion / "training.json")
    photos = {"name": "photos", "licence": "theirs", "use": "as licensed"}
    write_json(champion / "training.json", history | {"identities": ["zoe"], "licences": [photos]})
    slow = SHORT.phases[0].model_copy(update={"steps": 1, "learning_rate": 1e-9})
    run(**paths, config=SHORT.model_copy(update={"start": str(champion), "phases": (slow,)}))
    again = read_json(paths["model"] / "training.json")
    assert again["identities"] == ["ann", "bob", "cid", "zoe"]
    assert photos in again["licences"]
    before, after = (load_file(folder / "adapter.safetensors") for folder in (champion, paths["model"]))
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)


def test_the_preset_adapter_is_the_start_where_one_ships(tmp_path: Path, assets: Path) -> None:
    paths = inputs(tmp_path)
    run(**paths, config=SHORT)
    (paths["model"] / "adapter.safetensors").rename(assets / "adapter.safetensors")
    slow = SHORT.phases[0].model_copy(update={"steps": 1, "learning_rate": 1e-9})
    run(**paths, config=SHORT.model_copy(update={"phases": (slow,)}))
    shipped, after = load_file(assets / "adapter.safetensors"), load_file(paths["model"] / "adapter.safetensors")
    assert all(torch.allclose(shipped[name], after[name], atol=1e-6) for name in shipped)
    assert read_json(paths["model"] / "training.json")["start"] == "the adapter that ships with tiny"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (SHORT.model_copy(update={"preset": "huge"}), "preset 'huge' is not known"),
        (SHORT.model_copy(update={"start": "/no/where"}), "train.start '/no/where' is no folder"),
    ],
)
def test_settings_that_fit_nothing_are_refused(
    tmp_path: Path, assets: Path, config: TrainingConfig, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        run(**inputs(tmp_path), config=config)


def test_a_mix_that_names_no_folder_is_refused_before_anything_is_encoded(tmp_path: Path, assets: Path) -> None:
    phase = SHORT.phases[0].model_copy(update={"mix": {"stylised": 1.0}})
    with pytest.raises(UserError, match="the mix of 'one' names the folder 'stylised'"):
        run(**inputs(tmp_path), config=SHORT.model_copy(update={"phases": (phase,)}))
    assert not (tmp_path / "cache" / "features").exists()


def test_a_dataset_that_is_not_proven_good_is_refused(tmp_path: Path, assets: Path) -> None:
    paths = inputs(tmp_path, success=False)
    with pytest.raises(UserError, match="failed its validation"):
        run(**paths, config=SHORT)
    (paths["validation"] / "result.json").unlink()
    with pytest.raises(UserError, match=r"no result\.json"):
        run(**paths, config=SHORT)
    assert not paths["model"].exists()


def test_embeddings_of_another_recogniser_are_refused(tmp_path: Path, assets: Path) -> None:
    paths = inputs(tmp_path)
    manifest = read_json(paths["dataset"] / "manifest.json")
    other = {"name": "antelopev2", "dim": 512, "digest": "0"}
    write_json(paths["dataset"] / "manifest.json", manifest | {"recogniser": other})
    with pytest.raises(UserError, match="antelopev2"):
        run(**paths, config=SHORT)
