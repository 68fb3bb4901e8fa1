"""The networks that find and embed faces: which they are, loading them, and what their results depend on."""

import hashlib
import json
from pathlib import Path
from typing import Any

from components.curation.config import CurationConfig
from model.artefacts import file_digest, folder_digest
from model.errors import UserError
from model.faces.analyser import Analyser, load_analyser
from model.weights import weight

PASS_VERSION = 4  # counts up when the faces pass changes what it finds or keeps
PIXEL_SETTINGS = ("recogniser", "max_pixels", "min_side", "max_side")  # all that the faces pass depends on, but a pack


def load(config: CurationConfig) -> Analyser:
    """The networks that the settings name."""
    return load_analyser(config.recogniser, Path(config.pack).expanduser() if config.pack else None, config.device)


def recogniser(config: CurationConfig) -> dict[str, Any]:
    """Name and digest of the networks in use; raises `UserError` where `curate.pack` is no folder."""
    if config.pack:
        pack = Path(config.pack).expanduser()
        if not pack.is_dir():
            raise UserError(f"curate.pack '{config.pack}' is not a folder: give the folder of an insightface pack")
        return {"name": pack.resolve().name, "digest": folder_digest(pack)}
    return {"name": config.recogniser, "digest": file_digest(weight(config.recogniser))}


def look_digest(networks: dict[str, Any], config: CurationConfig) -> str:
    """What the pictures and faces depend on beside the photos' files; `networks` is what `recogniser` says."""
    settings = config.model_dump(include=set(PIXEL_SETTINGS))
    text = json.dumps([PASS_VERSION, networks, settings], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
