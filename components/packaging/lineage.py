"""Where a packaged model comes from: gathered from the artefacts, carried by the Bento, written into each picture."""

from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from PIL.PngImagePlugin import PngInfo
from pydantic import BaseModel, ConfigDict

from model.artefacts import file_digest, folder_digest, read_json
from model.errors import UserError

CHUNK = "withanyone."  # prefix of the PNG text chunks


class Lineage(BaseModel):
    """The ids of what made a picture: SHA-256 digests in hex, and what was decided on the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str  # of this code
    model: str
    dataset: str
    decision: str
    verdict: str
    intended_use: str

    @classmethod
    def of(cls, *, model: Path, scores: Path, decision: Path) -> Self:
        """Read the ids from the artefact folders; raises UserError when they do not belong together."""
        digest = folder_digest(model)
        figures = read_json(scores / "scores.json", "model", "dataset")
        decided = read_json(decision / "decision.json", "inputs", "verdict", "intended_use")
        for source, named in (
            ("scores", figures["model"]["digest"]),
            ("inputs of the decision", decided["inputs"].get("model", "none")),
        ):
            if named != digest:
                wrong = f"the {source} are of model {named[:12]}, but the model folder is {digest[:12]}"
                raise UserError(f"{wrong}; evaluate and decide again")
        return cls(
            version=version("withanyone"),
            model=digest,
            dataset=figures["dataset"]["digest"],
            decision=file_digest(decision / "decision.json"),
            verdict=decided["verdict"] + (" by override" if decided.get("overrides") else ""),
            intended_use=decided["intended_use"],
        )

    def text_chunks(self, **inputs: Any) -> PngInfo:
        """PNG text chunks with the lineage and the `inputs` that made a picture."""
        chunks = PngInfo()
        for name, value in {**self.model_dump(), **inputs}.items():
            chunks.add_text(f"{CHUNK}{name}", str(value))
        return chunks
