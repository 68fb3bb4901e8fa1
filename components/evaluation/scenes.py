"""Cases that come from outside: pictures and a prompt, in folders of the released layout, for any system's pictures.

A case's folder holds `out`, `ori` (the ground truth) and `ref_0`, `ref_1`, ... or from 1 on, each .jpg, .png or .webp,
and `meta.json` with `prompt`; also `bboxes` (x1 y1 x2 y2 in px of the ground truth) where the system was told the
layout, and `names` of the references in their order.
"""

import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from model.errors import RefusedItemError, UserError

ENDINGS = ("jpg", "jpeg", "png", "webp")
FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 64_000_000  # of a picture; more is no picture that a judge could need
REFERENCE = re.compile(r"ref_(\d+)")
SYSTEM, SEED = "model", 0  # under which pictures of the released layout stand in the tables
Encoded = bytes | Path


class RefusedError(RefusedItemError):
    """A case or a picture that cannot be used."""


@dataclass(frozen=True)
class Refusal:
    """What was refused: a case, which is not scored, or a picture, which counts as one without a face."""

    path: str
    stage: Literal["case", "picture"]
    reason: str
    detail: str


@dataclass(frozen=True)
class Scene:
    """A case from outside, pictures still encoded; `outputs` by system and seed, None where there is no picture.

    `boxes` [P, 4], px of the ground truth, is None where the system was not told the layout. `names` are the people's,
    in the order of the references.
    """

    case_id: str
    prompt: str
    truth: Encoded
    references: tuple[Encoded, ...]
    names: tuple[str, ...]
    boxes: NDArray[np.float32] | None
    outputs: Mapping[tuple[str, int], Encoded | None]


def read_folders(images: Path) -> tuple[list[Scene], list[Refusal]]:
    """The cases below `images` by name, and those that are refused. Raises UserError where there is none at all."""
    places = sorted({path.parent for name in ("ori.*", "out.*", "meta.json") for path in images.rglob(name)})
    scenes: list[Scene] = []
    refused: list[Refusal] = []
    for place in places:
        name = place.relative_to(images).as_posix() if place != images else images.resolve().name
        try:
            scenes.append(_read_folder(place, name))
        except RefusedError as error:
            refused.append(Refusal(name, "case", error.reason, str(error)))
    if not scenes:
        first = f" (first: {refused[0].path}: {refused[0].detail})" if refused else ""
        raise UserError(
            f"--images {images} has no case to score, {len(refused)} were refused{first}: give a folder of folders "
            "with out.jpg, ori.jpg, ref_1.jpg, ... and meta.json"
        )
    return scenes, refused


def _read_folder(place: Path, name: str) -> Scene:
    truth, output = _picture(place, "ori"), _picture(place, "out")
    if truth is None:
        raise RefusedError("missing_file", "it has no ori.jpg, the ground truth")
    numbered = {
        int(match[1]): path
        for path in sorted(place.iterdir())
        if path.suffix[1:].lower() in ENDINGS and (match := REFERENCE.fullmatch(path.stem))
    }
    references = tuple(numbered[number] for number in sorted(numbered))
    if not references:
        raise RefusedError("missing_file", "it has no ref_1.jpg, the reference of its first person")
    meta = _meta(place / "meta.json")
    people = len(references)
    return Scene(
        name,
        str(meta["prompt"]),
        truth,
        references,
        people_names(meta.get("names"), references, name),
        parse_boxes(meta.get("bboxes"), people),
        {(SYSTEM, SEED): output},
    )


def _picture(place: Path, stem: str) -> Path | None:
    return next((path for ending in ENDINGS if (path := place / f"{stem}.{ending}").is_file()), None)


def _meta(path: Path) -> dict[str, Any]:
    """The case file; raises RefusedError where it is missing, broken or without a prompt."""
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RefusedError("missing_file", "it has no meta.json, which holds the prompt") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RefusedError("unreadable", f"its meta.json is no JSON: {error}"[:300]) from error
    if not isinstance(meta, dict) or not isinstance(meta.get("prompt"), str):
        raise RefusedError("no_prompt", "its meta.json has no text under prompt")
    return meta


def people_names(names: object, references: tuple[Encoded, ...], case_id: str) -> tuple[str, ...]:
    """The people's names, given or made from the case's; raises RefusedError where a person is named twice.

    Two references of the same bytes name a person twice, too.
    """
    prints = [hashlib.sha256(item.read_bytes() if isinstance(item, Path) else item).digest() for item in references]
    if len(set(prints)) < len(prints):
        raise RefusedError("person_twice", "two of its references are the same file, so it names a person twice")
    if names is None:
        return tuple(f"{case_id} {number + 1}" for number in range(len(references)))
    if not isinstance(names, list) or len(names) != len(references) or not all(isinstance(n, str) for n in names):
        raise RefusedError("names", f"its names must be a list of {len(references)} texts, one for each reference")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RefusedError("person_twice", f"it names {', '.join(twice)} twice")
    return tuple(names)


def parse_boxes(boxes: object, people: int) -> NDArray[np.float32] | None:
    """Boxes [P, 4] of a case file, None where it has none; raises RefusedError unless there is a sound one a person."""
    if boxes is None or boxes == []:
        return None
    try:
        found = np.array(boxes, dtype=np.float32)
    except (TypeError, ValueError):
        found = np.zeros(0, np.float32)
    if found.shape != (people, 4) or not np.isfinite(found).all() or not (found[:, 2:] > found[:, :2]).all():
        raise RefusedError("boxes", f"its bboxes must be {people} boxes of x1, y1, x2, y2 with x1 < x2 and y1 < y2")
    return found


def decode(picture: Encoded) -> NDArray[np.uint8]:
    """The RGB pixels [H, W, 3], upright; raises RefusedError, and nothing else whatever the bytes are."""
    try:
        source = io.BytesIO(picture) if isinstance(picture, bytes) else picture
        with Image.open(source, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise RefusedError("too_large", f"{image.width} x {image.height} px are more than {MOST_PIXELS} pixels")
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except RefusedError:
        raise
    except Exception as error:  # codecs raise whatever broken data lets them stumble over
        raise RefusedError("unreadable", f"it cannot be decoded: {type(error).__name__}: {error}"[:300]) from error
