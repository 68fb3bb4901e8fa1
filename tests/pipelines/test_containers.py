"""What a run in containers asks of the engine, and what it refuses; `make test-containers` runs it for real."""

import os
from pathlib import Path
from typing import Any

import docker
import pytest

from components.steps import STEPS
from model import weights
from model.errors import UserError
from pipelines import containers as module
from pipelines.containers import Containers, containers
from pipelines.settings import load_settings
from pipelines.store import Store


class Engine:
    """Stands in for a docker client: knows images, lists what it is told, notes what is removed."""

    def __init__(self) -> None:
        self.options: list[str] = []
        self.known = {f"localhost/{step.image}": f"sha256:{step.folder}" for step in STEPS}
        self.left: list[Any] = []
        self.images = self.containers = self

    def info(self) -> dict[str, Any]:
        return {"SecurityOptions": self.options}

    def list(self, **_: object) -> "list[Any]":
        return self.left

    def get(self, name: str) -> Any:
        if name not in self.known:
            raise docker.errors.ImageNotFound("no such image", explanation=name)
        return type("Image", (), {"id": self.known[name]})

    def close(self) -> None:
        pass


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(docker, "from_env", lambda timeout: made)
    monkeypatch.setattr(weights, "fetch_all", list)
    return made


def wanted(folder: Path, *changes: str) -> Containers:
    return containers(STEPS, load_settings(None, changes), Store(folder / ".store"))


def arguments(asked: Containers) -> dict[str, Any]:
    with asked.kfp_runner() as runner:
        return dict(runner.container_run_args)


def test_containers_are_not_root_and_write_to_what_is_mounted_for_it(engine: Engine, tmp_path: Path) -> None:
    given = arguments(wanted(tmp_path, f"photos.folder={tmp_path}/in"))
    assert given["user"] == f"{os.getuid() or 1000}:0"
    assert given["read_only"] is True
    assert given["cap_drop"] == ["ALL"]
    mounts = {mount["Target"]: mount.get("ReadOnly", False) for mount in given["mounts"]}
    assert mounts == {"/cache": False, "/cache/weights": True, f"{tmp_path}/in": True}


def test_another_image_is_another_version_of_its_step_alone(engine: Engine, tmp_path: Path) -> None:
    settings = load_settings(None)

    def versions() -> dict[str, str]:
        runner = wanted(tmp_path).runner
        return {step.name: runner.version(step, settings[step.name])[0] for step in STEPS}

    first = versions()
    assert versions() == first
    assert len(set(first.values())) == len(STEPS)
    gate = next(step for step in STEPS if step.name == "gate")
    engine.known[f"localhost/{gate.image}"] = "sha256:new"
    changed = versions()
    assert {name for name in first if first[name] != changed[name]} == {"gate"}


def test_a_missing_image_a_missing_engine_and_a_rootless_one_are_sentences(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.options = ["name=seccomp,profile=default", "name=rootless"]
    with pytest.raises(UserError, match="engine is rootless"):
        wanted(tmp_path)
    engine.options = []
    engine.known.popitem()
    with pytest.raises(UserError, match=r"An image is missing .*: run `make images` first"):
        wanted(tmp_path)
    monkeypatch.undo()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nowhere.sock")
    told = r"No container engine answers at unix://\S+/nowhere\.sock \(No such file or directory\): start .*DOCKER_HOST"
    with pytest.raises(UserError, match=told):
        wanted(tmp_path)


def test_containers_that_a_killed_run_left_are_removed(engine: Engine, tmp_path: Path) -> None:
    removed: list[bool] = []
    engine.left = [type("Left", (), {"remove": lambda self, force: removed.append(force)})()]
    wanted(tmp_path)
    assert removed == [True]


class Container:
    """A container that says `parts` on stdout and `late` on stderr, and ends with `code`."""

    def __init__(self, parts: list[bytes], late: bytes, code: int) -> None:
        self.parts, self.late, self.code = parts, late, code
        self.gone = False

    def logs(self, stdout: bool, stderr: bool, **_: object) -> Any:
        return self.late if stderr else iter(self.parts)

    def wait(self) -> dict[str, int]:
        assert not self.gone
        return {"StatusCode": self.code}

    def remove(self, force: bool) -> None:
        self.gone = force


@pytest.mark.parametrize("code", [0, 1, 3, 137])
def test_the_code_of_a_container_is_read_before_it_is_removed(
    engine: Engine, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    made = Container(["é".encode()[:1], "é".encode()[1:] + b" works\n"], b"late \xff\n", code)
    engine.run = lambda **given: made if given["detach"] and "auto_remove" not in given else None  # type: ignore[attr-defined]
    assert module._run(engine, "image", ["true"], {}) == code
    assert made.gone
    assert capsys.readouterr().out == "é works\nlate \\xff\n"
