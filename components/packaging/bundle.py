"""What a Bento is built from: our sources and one bundle of model, weights, lineage and scores."""

import shutil
from pathlib import Path

from pydantic import BaseModel

import components
import model as model_package
from components.packaging.lineage import Lineage
from components.packaging.presets import FROZEN, carried_weights, served_preset
from model.artefacts import cache_folder, file_digest, write_json
from model.presets import frozen_digest
from model.weights import weight

# Names inside the bundle folder.
MODEL, WEIGHTS, LINEAGE, SCORES, DECISION = "model", "cache", "lineage.json", "scores.json", "decision.json"
SELF_TEST, DIGESTS = "self_test.json", "digests.json"


def write_bundle(
    folder: Path, *, model: Path, scores: Path, decision: Path, lineage: Lineage, self_test: BaseModel
) -> None:
    """Write the model folder, the weights it needs, its scores, decision, lineage and self-test into `folder`.

    `digests.json` pins each of these files by its SHA-256, `frozen.json` what draws beside them.
    """
    shutil.copytree(model, folder / MODEL)
    cache = cache_folder()
    chosen = served_preset(model)
    for name in carried_weights(chosen):
        file = weight(name)
        target = folder / WEIGHTS / file.relative_to(cache)
        target.parent.mkdir(parents=True, exist_ok=True)
        for part in file.parent.glob(f"{file.name}*"):  # the file and the digest noted beside it
            shutil.copyfile(part, target.with_name(part.name))
    shutil.copyfile(scores / "scores.json", folder / SCORES)
    shutil.copyfile(decision / "decision.json", folder / DECISION)
    write_json(folder / LINEAGE, lineage.model_dump())
    write_json(folder / SELF_TEST, self_test.model_dump())
    write_json(folder / FROZEN, {"preset": chosen.name, "digest": frozen_digest(chosen)})
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    write_json(folder / DIGESTS, {file.relative_to(folder).as_posix(): file_digest(file) for file in files})


def write_sources(folder: Path) -> None:
    """Copy the packages that the service imports: all of `model`, and this room of `components`."""
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(_place(model_package.__file__), folder / "model", ignore=leave)
    (folder / "components").mkdir()
    shutil.copyfile(str(components.__file__), folder / "components" / "__init__.py")
    shutil.copytree(Path(__file__).parent, folder / "components" / "packaging", ignore=leave)


def _place(module_file: str | None) -> Path:
    assert module_file is not None  # our top-level packages all have an __init__.py
    return Path(module_file).parent
