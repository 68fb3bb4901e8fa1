"""Which Bento an image is made of: a registered version's, the champion's unless another is named, nobody else's."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from components.packaging import containerize as module
from components.packaging import step
from components.packaging.config import PackagingConfig
from model.artefacts import write_json
from model.errors import UserError
from pipelines.bentos import LINEAGE, image_of
from pipelines.cli import app
from pipelines.promotion import Approval, promote
from pipelines.registry import Registry
from pipelines.runs import Runs
from tests.pipelines.decided import decided_run


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    calls: list[tuple[Any, ...]] = []

    def noted(*given: Any) -> str:
        calls.append(given)
        return "cafe"

    monkeypatch.setattr(module, "containerize", noted)
    return calls


def made(home: Path, version: str | None, **more: str | None) -> dict[str, str]:
    given: dict[str, Any] = {"tag": None, "engine": "podman", "base": None} | more
    opened = Runs(home / "runs"), Registry(home / "registry")
    return image_of(version, *opened, home / "deployment", PackagingConfig(), **given)


def test_only_what_was_promoted_becomes_an_image(tmp_path: Path, asked: list[tuple[Any, ...]]) -> None:
    run = decided_run(tmp_path)
    with pytest.raises(UserError, match="no version in production: promote a run first"):
        made(tmp_path, None)
    record = promote(Runs(tmp_path / "runs"), "latest", Registry(tmp_path / "registry"), Approval("ada"))
    write_json(run / "bento" / LINEAGE, {"model": record["model"], "decision": record["decision"]})
    for name in ("bento.yaml", "proof.json"):
        (run / "bento" / name).write_text("{}")
    with pytest.raises(UserError, match=f"no version '{run.name}': it has v1.0.0"):
        made(tmp_path, run.name)
    assert asked == []
    assert made(tmp_path, None) == {"version": "v1.0.0", "image": "localhost/withanyone:v1.0.0", "id": "cafe"}
    assert made(tmp_path, "v1", tag="example.org/faces:7", base="own:1")["image"] == "example.org/faces:7"
    (bento, tag, engine, base, labels), (_, other, _, own, _) = asked
    assert (tag, engine, base, other, own) == (
        "localhost/withanyone:v1.0.0",
        "podman",
        None,
        "example.org/faces:7",
        "own:1",
    )
    assert bento == tmp_path / "deployment" / "bentos" / "v1.0.0"
    assert labels["withanyone.model"] == record["model"]
    assert labels["org.opencontainers.image.version"] == "v1.0.0"


def test_a_bento_that_is_missing_is_built_with_the_settings_of_the_step(
    tmp_path: Path, asked: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    decided_run(tmp_path)
    record = promote(Runs(tmp_path / "runs"), "latest", Registry(tmp_path / "registry"), Approval("ada"))
    given: list[PackagingConfig] = []

    def build(*, bento: Path, config: PackagingConfig, **_: Path) -> None:
        given.append(config)
        write_json(bento / LINEAGE, {"model": record["model"], "decision": record["decision"]})

    monkeypatch.setattr(step, "run", build)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("package: {device: cuda, ready_seconds: 900}\n")
    done = CliRunner().invoke(app, ["containerize", "--engine", "podman"])
    assert done.exit_code == 0, done.output
    assert given == [PackagingConfig(anyway=True, device="cuda", ready_seconds=900)]
