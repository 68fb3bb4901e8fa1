"""What a sample of a release says of its photo, checked: who is where, from which address, under which caption."""

import io
import json
import warnings
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from PIL import Image

from components.curation.decode import FORMATS
from components.curation.multiid.layout import LICENCE
from components.curation.multiid.samples import Packed
from components.listing import PLAIN_NAME, is_utf8
from model.errors import RefusedItemError
from model.inert_pickle import RefusedArrayError
from model.npy import read_npy

NOBODY = ("", "none", "null", "nan", "unknown", "-1")
MOST_TEXT = 4096  # characters of a caption or an address
INSIDE = 0.5  # least share of a box that must lie in the photo

Box = tuple[float, float, float, float]


class RefusedSampleError(RefusedItemError):
    """A sample that cannot be used."""


@dataclass(frozen=True)
class Labelled:
    """A photo of a release: `size` in pixels, `boxes` in pixels of the photo as it is, and the people in them."""

    size: tuple[int, int]
    boxes: tuple[Box, ...]
    people: tuple[str | None, ...]
    url: str
    caption: str
    query: str
    licence: str
    consent: str


def read_record(sample: Packed, identity: str | None = None) -> Labelled:
    """Check a sample; `identity` names the person of a reference photo, who has its first face.

    Raises `RefusedSampleError`, and nothing else whatever the members hold. Embeddings are checked for their number and
    not kept: curation measures faces with its own recogniser.
    """
    try:
        return _checked(sample, identity)
    except RefusedSampleError:
        raise
    except Exception as error:  # values may be of any type and depth
        raise RefusedSampleError("bad_field", f"a field is odd: {type(error).__name__}: {error}"[:300]) from error


def _checked(sample: Packed, identity: str | None) -> Labelled:
    said = _json(sample.json)
    arrays = _arrays(sample.npy)
    boxes = _boxes(said["bboxes"] if said.get("bboxes") is not None else arrays.get("bboxes"))
    faces = _embeddings(arrays)
    people = _people(said, identity, len(boxes))
    if not len(boxes) == faces == len(people):
        _refuse("counts_disagree", f"{len(boxes)} boxes, {faces} embeddings and {len(people)} names")
    size = _size(sample.jpg)
    texts = {name: _text(said, name) for name in ("url", "caption_en", "keyword", "licence", "consent")}
    return Labelled(
        size,
        _in_photo(boxes, said.get("crop"), size),
        people,
        texts["url"],
        texts["caption_en"],
        texts["keyword"],
        texts["licence"] or LICENCE,
        texts["consent"],
    )


def _refuse(reason: str, detail: str) -> NoReturn:
    raise RefusedSampleError(reason, detail)


def _json(data: bytes) -> dict[str, Any]:
    try:
        said = json.loads(data.decode("utf-8-sig"), parse_constant=lambda word: _refuse("bad_json", f"it holds {word}"))
    except (ValueError, RecursionError) as error:
        raise RefusedSampleError("bad_json", f"its .json is none: {type(error).__name__}: {error}"[:300]) from error
    if type(said) is not dict:
        _refuse("bad_json", "its .json holds no object")
    return said


def _arrays(data: bytes) -> dict[Any, Any]:
    try:
        arrays = read_npy(data)
    except RefusedArrayError as error:
        raise RefusedSampleError("bad_npy", f"its .npy is refused ({error.reason}): {error}"[:300]) from error
    if type(arrays) is not dict:
        _refuse("bad_npy", "its .npy holds no dict")
    return arrays


def _numbers(value: Any, axes: int, what: str) -> np.ndarray:
    """`value` as finite float64 of so many axes; a list of equal rows counts."""
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError) as error:
        raise RefusedSampleError("bad_field", f"{what} are rows of different lengths or no numbers") from error
    if array.size == 0:
        return np.zeros((0,) * axes)
    if array.dtype.kind not in "iuf" or array.ndim != axes:
        _refuse("bad_field", f"{what} are no numbers of {axes} axes")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        _refuse("bad_field", f"{what} hold infinities or no numbers")
    return array


def _boxes(value: Any) -> np.ndarray:
    if value is None:
        _refuse("missing_field", "it has no bboxes")
    boxes = _numbers(value, 2, "bboxes")
    if boxes.size == 0:
        return np.zeros((0, 4))
    if boxes.shape[1] != 4 or not (boxes[:, 2:] > boxes[:, :2]).all():
        _refuse("bad_field", "a box is none of x1 < x2, y1 < y2")
    return boxes


def _embeddings(arrays: dict[Any, Any]) -> int:
    value = arrays.get("embeddings", arrays.get("embedding"))
    if value is None:
        _refuse("missing_field", "its .npy has neither embeddings nor embedding")
    embeddings = np.atleast_2d(value) if isinstance(value, np.ndarray) and value.size else value
    return len(_numbers(embeddings, 2, "embeddings"))


def _people(said: dict[str, Any], identity: str | None, faces: int) -> tuple[str | None, ...]:
    if identity is not None:
        return tuple([_person(identity)] + [None] * (faces - 1))[:faces]
    value = next((said[name] for name in ("name", "names", "keyword") if said.get(name) is not None), None)
    if value is None:
        _refuse("missing_field", "it has none of name, names and keyword")
    if type(value) is str:
        value = value.split()
    return tuple(_person(one) for one in (value if type(value) is list else [value]))


def _person(value: Any) -> str | None:
    if type(value) is float and value.is_integer():
        value = int(value)
    if value is None:
        return None
    if type(value) not in (int, str):
        _refuse("bad_field", "a name is neither a whole number nor a text")
    text = str(value).strip()
    if text.lower() in NOBODY:
        return None
    if not PLAIN_NAME.fullmatch(text):
        _refuse("bad_field", f"a name is no identity: {text[:60]!r}")
    return text


def _text(said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    if value is None:
        return ""
    if type(value) is not str or len(value) > MOST_TEXT:
        _refuse("bad_field", f"{name} is no text of at most {MOST_TEXT} characters")
    if not is_utf8(value):
        _refuse("bad_field", f"{name} holds half a character")
    return " ".join(value.replace("\0", "").split())


def _size(data: bytes) -> tuple[int, int]:
    """Width and height of the photo as it is to be seen, from its header."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                width, height = picture.size
                turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    except Exception as error:  # codecs raise whatever broken data lets them stumble over
        raise RefusedSampleError("bad_jpg", f"its .jpg is no picture: {type(error).__name__}"[:300]) from error
    return (height, width) if turned else (width, height)


def _in_photo(boxes: np.ndarray, crop: Any, size: tuple[int, int]) -> tuple[Box, ...]:
    """The boxes in pixels of the stored photo, which is the region `crop` of the one they were found in."""
    if crop is not None:
        region = _numbers(crop, 1, "crop")
        if region.shape != (4,):
            _refuse("bad_field", "crop is none of x1, y1, x2, y2")
        boxes = boxes - np.tile(region[:2], 2)
    if len(boxes):
        seen = np.clip(boxes, 0, np.tile(size, 2))
        with np.errstate(all="ignore"):  # a crop far outside leaves a box nothing, whose share is no number
            share = np.prod(seen[:, 2:] - seen[:, :2], axis=1) / np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        if not share.min() >= INSIDE:
            _refuse("box_outside", f"a box lies outside the photo of {size[0]} x {size[1]} pixels")
    return tuple(tuple(round(float(value), 2) for value in box) for box in boxes)  # type: ignore[misc]
