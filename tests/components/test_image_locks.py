"""The locks of the images: what a role asks for, and that a step's code finds in its image all that it imports."""

import importlib.metadata
import sys
from functools import cache

import grimp
import pytest
from packaging.utils import canonicalize_name

from components.image_locks import LEFT_OUT, closure, image_lock, shared_lock
from components.steps import STEPS, Step

ROOMS = ("model", "validation", "components", "pipelines", "dags")
# The gate reads the licences of the pretrained weights; it never opens them. Nodes are started by torch's launcher.
NOT_REACHED = {"gate": {"torch", "safetensors"}, "train": {"deepspeed"}}


@cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph(*ROOMS, include_external_packages=True)


def named(lock: str) -> set[str]:
    return {str(canonicalize_name(line.split("==")[0])) for line in lock.splitlines() if "==" in line}


def locked(step: Step) -> set[str]:
    return named(image_lock(step))


@cache
def owners() -> dict[str, set[str]]:
    found = importlib.metadata.packages_distributions()
    return {module: {str(canonicalize_name(name)) for name in names} for module, names in found.items()}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_image_holds_what_its_step_imports(step: Step) -> None:
    reached = {
        module.split(".")[0]
        for entry in ("step", "component")
        for module in imports().find_upstream_modules(f"components.{step.folder}.{entry}")
    }
    outside = reached - {*ROOMS, *sys.stdlib_module_names} - NOT_REACHED.get(step.name, set())
    there = locked(step)
    assert {"pydantic"} <= reached
    assert sorted(module for module in outside if not owners().get(module, set()) & there) == []


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_image_holds_the_code_that_its_step_imports(step: Step) -> None:
    folders = {one.folder for one in STEPS}
    rooms = {
        module.split(".")[1]
        for entry in ("step", "component")
        for module in imports().find_upstream_modules(f"components.{step.folder}.{entry}")
        if module.startswith("components.")
    }
    assert rooms & folders <= {step.folder}


def test_only_images_that_look_at_faces_carry_torch() -> None:
    assert {step.name for step in STEPS if "torch" not in locked(step)} == {"validate", "gate"}


def test_shared_layers_hold_nothing_that_an_image_does_not_ask_for() -> None:
    everywhere = set.intersection(*map(locked, STEPS))
    with_torch = set.intersection(*(locked(step) for step in STEPS if "torch" in locked(step)))
    assert named(shared_lock("data")) <= everywhere | {"setuptools"}
    assert named(shared_lock("faces")) <= with_torch
    assert "torch" in named(shared_lock("faces"))


def test_closure_follows_own_extras_and_stops_at_what_is_left_out() -> None:
    found = closure(["withanyone[one]"], {"one": ["withanyone[two]"], "two": ["insightface>=2"]})
    assert {"insightface", "numpy", "scikit-image"} <= found
    assert not found & (LEFT_OUT | {"withanyone"})
