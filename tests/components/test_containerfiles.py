"""The Containerfiles: one a step, all of one form, over images that components/Containerfile makes."""

import re

import pytest

from components.image_locks import ROOT
from components.steps import STEPS, Step

FOLDERS = {step.folder: step for step in STEPS}


def text(folder: str) -> str:
    return (ROOT / "components" / folder / "Containerfile").read_text()


@pytest.mark.parametrize("folder", FOLDERS)
def test_images_differ_in_their_step_alone(folder: str) -> None:
    torch = "torch==" in (ROOT / "components" / folder / "requirements.lock").read_text()
    as_gate = text(folder).replace(f"components/{folder}", "components/gate")
    if torch:
        as_gate = as_gate.replace("withanyone-build-torch", "withanyone-build").replace(
            "withanyone-torch", "withanyone-base"
        )
    step: Step = FOLDERS[folder]
    assert as_gate.replace(f"the {step.name} step", "the gate step") == text("gate")


def test_images_stand_on_stages_that_the_build_makes() -> None:
    stages = set(re.findall(r"^FROM .* AS (\S+)$", (ROOT / "components" / "Containerfile").read_text(), re.MULTILINE))
    built = re.search(r"for stage in (.*); do", (ROOT / "components" / "build.sh").read_text())
    assert built
    used = {name for folder in FOLDERS for name in re.findall(r"localhost/withanyone-(\S+)", text(folder))}
    assert used <= set(built[1].split()) <= stages


def test_nothing_that_runs_is_root_or_is_made_from_a_stage_that_builds() -> None:
    shared = (ROOT / "components" / "Containerfile").read_text()
    assert re.search(r"^FROM user AS base$", shared, re.MULTILINE)
    assert re.search(r"^FROM base AS torch$", shared, re.MULTILINE)
    assert re.findall(r"^USER (\S+)$", shared, re.MULTILINE) == ["1000:0"]
    for folder in FOLDERS:
        assert "USER" not in text(folder)
        assert text(folder).count("RUN") == 1  # in the stage that builds
