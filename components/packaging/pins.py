"""The exact packages that serving needs, read from the environment in which the Bento is proven."""

from importlib.metadata import PackageNotFoundError, metadata, version

from packaging.requirements import Requirement
from packaging.version import Version

from components.image_locks import closure
from model.errors import UserError

PROJECT = "withanyone"


def pins(role: str) -> list[str]:
    """`name==version` of everything that the project's extra `role` asks for, directly or not, sorted.

    The version is the installed one, without the local part of a build (such as `+cpu`), which names no release.
    """
    try:
        about = metadata(PROJECT)
    except PackageNotFoundError:
        raise UserError(f"'{PROJECT}' is not installed here, so what it needs is unknown; run `make setup`") from None
    asked = [Requirement(text) for text in about.get_all("Requires-Dist", [])]
    extras = {
        extra: [str(wanted).partition(";")[0] for wanted in asked if _holds(wanted, extra)]
        for extra in about.get_all("Provides-Extra", [])
    }
    names = closure([f"{PROJECT}[{role}]"], extras)
    return [f"{name}=={Version(version(name)).public}" for name in sorted(names)]


def _holds(wanted: Requirement, extra: str) -> bool:
    """Whether the project asks for `wanted` here when `extra` is chosen; its core has no marker and always counts."""
    return wanted.marker is None or wanted.marker.evaluate({"extra": extra})
