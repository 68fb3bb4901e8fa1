"""Read the content credentials of a picture: who signed it, whether it was changed since, and what made it."""

import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import c2pa

from components.packaging.credentials import LABEL
from model.errors import UserError

KINDS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


@dataclass(frozen=True)
class Found:
    """What a picture says of itself.

    `state` is `Trusted` (its certificate comes from an anchor that was given), `Valid` (unchanged since it was signed,
    by whomever) or `Invalid` (changed, or its signature is broken), `problems` says why.
    """

    state: str
    signer: str
    lineage: dict[str, Any]
    problems: tuple[str, ...]


def read_credentials(picture: bytes, anchors: bytes | None = None) -> Found:
    """The credentials of a picture file, trusted where the PEM `anchors` vouch for the signer.

    Raises UserError where it carries none, or is no picture.
    """
    kind = next((kind for start, kind in KINDS.items() if picture.startswith(start)), None)
    if kind is None:
        raise UserError("the file is no PNG, JPEG or WebP picture; give one that the service made")
    options: dict[str, Any] = {"verify": {"verify_trust": anchors is not None, "remote_manifest_fetch": False}}
    if anchors is not None:
        options["trust"] = {"trust_anchors": anchors.decode("ascii", "replace")}
    try:
        with c2pa.Reader(kind, BytesIO(picture), context=c2pa.Context.from_dict(options)) as reader:
            return _found(json.loads(reader.json()))
    except c2pa.C2paError as error:
        if "ManifestNotFound" in str(error):
            raise UserError(
                "the picture carries no content credentials: it was not made by the service, or was stripped of them"
            ) from error
        raise UserError(f"the picture's content credentials cannot be read ({error})") from error


def _found(store: dict[str, Any]) -> Found:
    manifest = store["manifests"][store["active_manifest"]]
    lineage: dict[str, Any] = next((part["data"] for part in manifest["assertions"] if part["label"] == LABEL), {})
    failures = store.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    problems = tuple(f"{one['code']}: {one.get('explanation', '')}" for one in failures)
    signature = manifest.get("signature_info", {})
    signer = str(signature.get("common_name") or signature.get("issuer", "nobody"))
    return Found(str(store["validation_state"]), signer, lineage, problems)


def read_anchors(file: Path | None) -> bytes | None:
    """The PEM certificates of `file`; raises UserError where it cannot be read."""
    try:
        return file.read_bytes() if file else None
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}); give a PEM file of certificates") from error
