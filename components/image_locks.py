"""The locks of the images: the parts of requirements.lock that a step's role, or all roles of a kind, ask for."""

import importlib.metadata
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from components.steps import Step

ROOT = Path(__file__).resolve().parent.parent
# Asked for by a package, left out of requirements.lock for the reasons it gives.
LEFT_OUT = {"onnxruntime", "opencv-python", "openvino-telemetry"}
# A Kubeflow step is started by kfp's executor, which needs nothing but kfp itself.
EXECUTOR = "kfp"

# What the images share, by role of pyproject.toml: all have the first, those with torch the second. Setuptools comes
# before torch asks for it, to take the place of the one that a new environment brings.
SHARED = {"data": {EXECUTOR, "setuptools"}, "faces": {EXECUTOR}}


def image_lock(step: Step) -> str:
    """The lines of requirements.lock that the core and the role of `step` ask for, directly or not, and kfp's executor.

    The extra of a role in pyproject.toml is called like the folder of its step; one called FOLDER-SOMETHING holds what
    the step alone has, and not those who use its role.
    """
    return _lock(f"The image of the {step.name} step", step.folder, {EXECUTOR})


def shared_lock(role: str) -> str:
    """The lines of requirements.lock that images with the `role`, one of SHARED, have in common."""
    return _lock(f"What images with the role {role} share", role, SHARED[role])


def _lock(what: str, role: str, more: set[str]) -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    own = [text for name, texts in extras.items() if name.partition("-")[0] == role for text in texts]
    wanted = closure([*project["dependencies"], *own], extras) | more
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if "==" in line and canonicalize_name(line.split("==")[0]) in wanted]
    head = f"# {what}: a part of requirements.lock, derived by `make paperwork`."
    return "\n".join([head, *pins, ""])


def closure(texts: Iterable[str], extras: Mapping[str, list[str]]) -> set[str]:
    """Normal names of the packages that `texts` ask for, directly or not, by the metadata of what is installed.

    `extras` are the project's own. Raises PackageNotFoundError when a package that is asked for is not installed.
    """
    found: set[str] = set()
    seen: set[tuple[str, frozenset[str]]] = set()
    queue = [Requirement(text) for text in texts]
    while queue:
        wanted = queue.pop()
        name = str(canonicalize_name(wanted.name))
        key = (name, frozenset(wanted.extras))
        if name in LEFT_OUT or key in seen:
            continue
        seen.add(key)
        if name == "withanyone":
            queue += [Requirement(text) for extra in wanted.extras for text in extras[extra]]
        else:
            found.add(name)
            queue += _asked_by(name, wanted.extras)
    return found


def _asked_by(name: str, extras: set[str]) -> list[Requirement]:
    """What the installed package `name` asks for on this platform, with `extras` of its own."""
    asked = [Requirement(text) for text in importlib.metadata.requires(name) or []]
    environments = [{"extra": extra} for extra in ("", *sorted(extras))]
    return [item for item in asked if not item.marker or any(map(item.marker.evaluate, environments))]
