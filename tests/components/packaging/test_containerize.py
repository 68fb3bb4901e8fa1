"""An image of a Bento as far as it goes without an engine; `make test-containers` makes and runs one."""

import io
import shutil
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from components.packaging.build import NAME
from components.packaging.containerize import LOG_TAIL, WIDTH, _into_store, containerize, follow
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


BUILDS = {
    "podman": ["STEP 1/2: FROM [base]\n", "Get:1 a package\n", "STEP 2/2: RUN make\n", "COMMIT x\n"],
    "podman in stages": ["[1/2] STEP 1/2: FROM [base]\n", "[1/2] STEP 2/2: RUN make\n"],
    "docker": ["Step 1/2 : FROM [base]\n", "---> Running in 5/9\n", "Step 2/2 : RUN make\n"],
    "BuildKit": ["#1 [internal] load\n", "#5 [1/2] FROM [base]\n", "#6 0.3 a package\n", "#6 [base 2/2] RUN make\n"],
}


@pytest.mark.parametrize("lines", BUILDS.values(), ids=BUILDS.keys())
def test_the_steps_of_an_engine_are_a_line_each_where_nobody_watches(lines: list[str]) -> None:
    shown = io.StringIO()
    said = follow(lines, "podman builds x", Console(file=shown, width=40))
    assert shown.getvalue().splitlines()[1:] == ["1/2 FROM [base]", "2/2 RUN make"]
    assert "podman builds x" in shown.getvalue().splitlines()[0]
    assert said == "".join(lines)


def test_a_terminal_gets_a_bar_that_says_what_is_done_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    shown = io.StringIO()
    lines = ["STEP 3/4: RUN " + "long " * 99 + "\n", *["noise\n"] * LOG_TAIL]
    said = follow(lines, "podman builds x", Console(file=shown, width=120, force_terminal=True))
    assert "2/4" in shown.getvalue()
    assert ("RUN " + "long " * 99)[:WIDTH] in shown.getvalue()
    assert "noise" not in shown.getvalue()
    assert len(said) == LOG_TAIL
    assert said.endswith("noise\n")
