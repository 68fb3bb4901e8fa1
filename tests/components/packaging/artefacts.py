"""The folders that come into the package step, with as little in them as it reads."""

from collections.abc import Sequence
from pathlib import Path

from model.adapter.checkpoint import save_adapter
from model.adapter.network import IdentityAdapter
from model.artefacts import folder_digest, write_json
from tests.components.packaging.files import encoded
from tests.components.packaging.small import with_faces

# The first shows two faces and is not to be used.
REFERENCES = (encoded(with_faces(40, 40)), encoded(with_faces(40)))


def incoming(
    root: Path,
    verdict: str = "promote",
    adapter: IdentityAdapter | None = None,
    references: Sequence[bytes] = REFERENCES,
    preset: str = "nano",
) -> dict[str, Path]:
    """`model`, `scores` and `decision` folders below `root` that belong together."""
    folders = {name: root / name for name in ("model", "scores", "decision")}
    write_json(
        folders["model"] / "training.json",
        {"schema": 1, "licences": [{"name": "photos", "licence": "CC0-1.0", "use": "any"}]},
    )
    (folders["model"] / "card.md").write_text("# A model of squares\n")
    if adapter is not None:
        save_adapter(adapter, folders["model"], preset)
    else:
        write_json(folders["model"] / "adapter.json", {"schema": 1, "preset": preset, "sizes": {}})
    digest = folder_digest(folders["model"])
    write_json(
        folders["scores"] / "scores.json", {"schema": 1, "model": {"digest": digest}, "dataset": {"digest": "d" * 64}}
    )
    case = folders["scores"] / "images" / "case"
    case.mkdir(parents=True)
    for index, picture in enumerate(references):
        (case / f"reference-{index}.jpg").write_bytes(picture)
    inputs = {"model": digest}
    decided = {"schema": 1, "verdict": verdict, "inputs": inputs, "intended_use": "research", "reason": "as it is"}
    write_json(folders["decision"] / "decision.json", decided)
    return folders
