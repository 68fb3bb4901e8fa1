"""The folders that come into the package step, with as little in them as it reads."""

from pathlib import Path

from model.artefacts import folder_digest, write_json
from tests.components.packaging.files import encoded
from tests.components.packaging.small import with_faces


def incoming(root: Path, verdict: str = "promote") -> dict[str, Path]:
    """`model`, `scores` and `decision` folders below `root` that belong together."""
    folders = {name: root / name for name in ("model", "scores", "decision")}
    write_json(
        folders["model"] / "training.json",
        {"schema": 1, "licences": [{"name": "photos", "licence": "CC0-1.0", "use": "any"}]},
    )
    (folders["model"] / "card.md").write_text("# A model of squares\n")
    digest = folder_digest(folders["model"])
    write_json(
        folders["scores"] / "scores.json", {"schema": 1, "model": {"digest": digest}, "dataset": {"digest": "d" * 64}}
    )
    case = folders["scores"] / "images" / "case"
    case.mkdir(parents=True)
    (case / "reference-0.jpg").write_bytes(encoded(with_faces(40, 40), "PNG"))  # two faces: not to be used
    (case / "reference-1.jpg").write_bytes(encoded(with_faces(40), "PNG"))
    inputs = {"model": digest}
    decided = {"schema": 1, "verdict": verdict, "inputs": inputs, "intended_use": "research", "reason": "as it is"}
    write_json(folders["decision"] / "decision.json", decided)
    return folders
