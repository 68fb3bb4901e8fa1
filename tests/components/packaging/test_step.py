"""The package step: what it packages, what it skips, what it refuses; a Bento is really built and served."""

import shutil
from pathlib import Path

import pytest
import yaml

from components.image_locks import LEFT_OUT
from components.packaging import step
from components.packaging.config import PackagingConfig
from components.packaging.image import BASE, EXCLUDED, UV
from components.packaging.lineage import Lineage
from components.packaging.pins import pins
from components.packaging.proof import serving
from components.packaging.selftest import SelfTest
from components.packaging.serve import command
from model.artefacts import read_json, write_json
from model.errors import UserError
from tests.components.packaging.artefacts import incoming

ROOT = Path(__file__).resolve().parents[3]


def test_the_proof_tells_times_and_checks(made: tuple[Path, dict[str, Path]]) -> None:
    proof = read_json(made[0] / "proof.json")
    assert proof["build_seconds"] > 0
    assert proof["ready_seconds"] > 0
    assert len(proof["checks"]) >= 9
    assert all(proof["checks"].values())


def test_the_bento_carries_what_it_needs(made: tuple[Path, dict[str, Path]]) -> None:
    bento, folders = made
    lineage = Lineage.of(**folders)
    about = yaml.safe_load((bento / "bento.yaml").read_text())
    assert about["labels"] == lineage.model_dump()
    assert about["version"] == lineage.model[:16]
    assert read_json(bento / "src" / "bundle" / "lineage.json") == lineage.model_dump()
    assert (bento / "src" / "bundle" / "model" / "card.md").read_text() == "# A model of squares\n"
    assert "A model of squares" in (bento / "README.md").read_text()
    assert "Research use only" in (bento / "README.md").read_text()
    assert list(bento.rglob("*.pyc")) == []
    assert [path for path in bento.rglob("*.jpg")] == []  # noqa: C416  (no reference of a person travels on)


def test_the_pins_are_those_of_this_environment(made: tuple[Path, dict[str, Path]]) -> None:
    lines = (made[0] / "env" / "python" / "requirements.txt").read_text().split()
    assert set(lines) == set(pins("packaging"))
    assert {"bentoml", "torch", "diffusers"} <= {line.split("==")[0] for line in lines}
    locked = set((ROOT / "requirements.lock").read_text().split())
    assert [line for line in lines if line not in locked] == []


def test_it_names_no_place_of_this_machine(made: tuple[Path, dict[str, Path]]) -> None:
    bento, _ = made
    named = [str(ROOT), str(bento.parent), "--index-url", "find-links"]
    texts = {
        file: file.read_text()
        for file in [bento / "bento.yaml", *(bento / "env").rglob("*.txt"), *bento.glob("env/docker/*")]
    }
    assert [(file, name) for file, text in texts.items() for name in named if name in text] == []


def test_images_of_it_listen_to_others_and_report_to_nobody(made: tuple[Path, dict[str, Path]]) -> None:
    dockerfile = (made[0] / "env" / "docker" / "Dockerfile").read_text()
    assert "BENTOML_HOST=0.0.0.0" in dockerfile
    assert "BENTOML_DO_NOT_TRACK=True" in dockerfile


def test_images_of_it_install_what_is_pinned_and_nothing_to_build_with(made: tuple[Path, dict[str, Path]]) -> None:
    dockerfile = (made[0] / "env" / "docker" / "Dockerfile").read_text()
    assert f"FROM {BASE} " in dockerfile
    assert f"uv=={UV}" in dockerfile
    assert f"uv=={UV}" in (ROOT / "requirements.lock").read_text().split()
    assert set(EXCLUDED) <= LEFT_OUT
    assert all(f'"{name}"' in dockerfile for name in EXCLUDED)
    assert [tool for tool in ("apt-get", "build-essential", "gcc", "git ") if tool in dockerfile] == []
    assert f"ARG BASE_IMAGE={BASE}\n" in (ROOT / "components" / "Containerfile").read_text()


def test_a_service_that_does_not_come_up_is_told(
    made: tuple[Path, dict[str, Path]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(made[0], broken)
    (broken / "src" / "components" / "packaging" / "door.py").write_text("raise ImportError('no door')")
    with pytest.raises(UserError, match="was not ready within"), serving(broken, tmp_path, 120):
        pytest.fail("it is not ready")
    assert "no door" in caplog.text


@pytest.mark.parametrize("verdict", ["hold", "reject"])
def test_what_is_not_promoted_is_skipped(tmp_path: Path, verdict: str) -> None:
    bento = tmp_path / "bento"
    step.run(**incoming(tmp_path, verdict), bento=bento, config=PackagingConfig())
    assert [file.name for file in bento.iterdir()] == ["skipped.json"]
    assert f"the verdict is '{verdict}'" in read_json(bento / "skipped.json")["reason"]
    with pytest.raises(UserError, match=f"holds no service: the verdict is '{verdict}'"):
        command(bento)


def test_anyway_packages_what_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "_self_test", lambda model, references, device: SelfTest())
    monkeypatch.setattr(step, "_build_into", lambda draft, test, **_: (draft / "bento.yaml").write_text("made"))
    times = {"ready_seconds": 1.0, "generate_seconds": 1.0}
    monkeypatch.setattr(
        step, "prove", lambda bento, references, lineage, seconds, device: {"verdict": lineage.verdict, **times}
    )
    step.run(**incoming(tmp_path, "hold"), bento=tmp_path / "bento", config=PackagingConfig(anyway=True))
    assert read_json(tmp_path / "bento" / "proof.json")["verdict"] == "hold"


def test_a_failed_proof_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise UserError("the packaged service failed its checks size; it is not delivered")

    monkeypatch.setattr(step, "_self_test", lambda model, references, device: SelfTest())
    monkeypatch.setattr(step, "_build_into", lambda draft, test, **_: (draft / "bento.yaml").write_text("made"))
    monkeypatch.setattr(step, "prove", fails)
    folders = incoming(tmp_path)
    with pytest.raises(UserError, match="failed its checks"):
        step.run(**folders, bento=tmp_path / "bento", config=PackagingConfig())
    assert {path.name for path in tmp_path.iterdir()} == set(folders)


@pytest.mark.parametrize("named", ["scores", "decision"])
def test_artefacts_of_another_model_are_refused(tmp_path: Path, named: str) -> None:
    folders = incoming(tmp_path)
    file = folders[named] / f"{named}.json"
    other = {"digest": "f" * 64}
    write_json(
        file, {**read_json(file), **({"model": other} if named == "scores" else {"inputs": {"model": "f" * 64}})}
    )
    with pytest.raises(UserError, match="are of model ffffffffffff, but the model folder is"):
        step.run(**folders, bento=tmp_path / "bento", config=PackagingConfig())


def test_scores_without_a_reference_are_refused(tmp_path: Path) -> None:
    folders = incoming(tmp_path)
    shutil.rmtree(folders["scores"] / "images")
    with pytest.raises(UserError, match="holds no reference to prove the service with"):
        step.run(**folders, bento=tmp_path / "bento", config=PackagingConfig())


def test_serving_a_folder_that_is_no_bento_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"it has no bento\.yaml"):
        command(tmp_path)
