"""An image of a Bento as far as it goes without an engine; `make test-containers` makes and runs one."""

import shutil
from pathlib import Path

import pytest
import yaml

from components.packaging.build import NAME
from components.packaging.containerize import _into_store, containerize
from components.packaging.image import BASE
from model.errors import UserError


def base_image(bento: Path) -> str:
    return str(yaml.safe_load((bento / "bento.yaml").read_text())["image"]["base_image"])


def test_another_base_is_for_the_image_alone(made: tuple[Path, object], tmp_path: Path) -> None:
    version = _into_store(made[0], tmp_path, "registry.example/python:3.11")
    assert base_image(tmp_path / "bentos" / NAME / version) == "registry.example/python:3.11"
    assert base_image(made[0]) == BASE


def test_without_another_base_the_bento_is_taken_as_it_is(made: tuple[Path, object], tmp_path: Path) -> None:
    version = _into_store(made[0], tmp_path, None)
    shown = tmp_path / "bentos" / NAME / version
    assert {file.relative_to(shown) for file in shown.rglob("*")} == {
        file.relative_to(made[0]) for file in made[0].rglob("*")
    }
    assert base_image(shown) == BASE


def test_a_missing_engine_and_a_changed_file_are_sentences(
    made: tuple[Path, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made[0], tmp_path / "bento")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="'podman' is not installed here"):
        containerize(tmp_path / "bento", "withanyone:v1", "podman", None, {})
    (tmp_path / "podman").write_text("#!/bin/sh\n")
    (tmp_path / "podman").chmod(0o755)
    (tmp_path / "bento" / "src" / "bundle" / "scores.json").write_text("{}")
    with pytest.raises(UserError, match=r"scores\.json of this Bento is not the file that was packaged"):
        containerize(tmp_path / "bento", "withanyone:v1", "podman", None, {})


def test_an_engine_that_makes_no_image_is_told(
    made: tuple[Path, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "podman").write_text("#!/bin/sh\necho no such image: $* >&2\nexit 125\n")
    (tmp_path / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(UserError, match="podman made no image of"):
        containerize(made[0], "withanyone:v1", "podman", "none:1", {"withanyone.model": "m"})
    assert "no such image: build" in caplog.text
    assert "--label withanyone.model=m" in caplog.text
    assert "--tag withanyone:v1" in caplog.text
