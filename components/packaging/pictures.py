"""Reference pictures from untrusted bytes: decoded within limits, in memory, or refused with a reason."""

import base64
import binascii
import struct
import warnings
from http import HTTPStatus
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from components.packaging import limits
from components.packaging.refusals import RefusalError, unfit

# What Pillow's decoders of the allowed formats raise on damaged files.
_DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    struct.error,
    Image.DecompressionBombError,
)

_ENDS = 4096  # bytes of either end in which programs look for the marks of their files
_MARKS = {
    b"%pdf-": "a PDF document",
    b"<svg": "an SVG drawing",
    b"<html": "an HTML page",
    b"<script": "an HTML page",
    b"<?php": "a PHP program",
    b"#!/bin/": "a shell script",
}


def read_base64(text: str, name: str) -> NDArray[np.uint8]:
    """The upright RGB pixels [H,W,3] of a picture in base64; raises RefusalError, which calls the picture `name`."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        remedy = "send the bytes of the picture file in standard base64, without a prefix or line breaks"
        raise unfit(name, "is not base64", remedy) from None
    return read_bytes(data, name)


def read_bytes(data: bytes, name: str) -> NDArray[np.uint8]:
    """The upright RGB pixels [H,W,3] of a picture file; raises RefusalError, which calls the picture `name`."""
    if len(data) > limits.PICTURE_BYTES:
        raise _too_large(name, f"has {len(data)} bytes, more than {limits.PICTURE_BYTES}")
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(BytesIO(data), formats=limits.PICTURE_FORMATS) as image:
                _check_header(image, name)
                other = _also(data)
                if other is not None:
                    raise unfit(name, f"is {other} as well", "save the picture again without what was added to it")
                return _upright_rgb(image)
        except UnidentifiedImageError:
            raise unfit(
                name, "is no JPEG, PNG or WebP picture", "send a still picture in one of these formats"
            ) from None
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise _too_large(name, f"has more than {limits.PICTURE_PIXELS} pixels") from None
        except _DAMAGE:
            raise unfit(name, "is damaged and cannot be decoded", "save it again as a JPEG or PNG file") from None


def _also(data: bytes) -> str | None:
    """What else the bytes of a picture are to other programs: files made so are made to get past somebody."""
    end = data.rfind(b"PK\5\6")  # of a ZIP archive, whose directory is told at the file's end, before a comment
    if end >= 0 and end + 22 + int.from_bytes(data[end + 20 : end + 22], "little") == len(data):
        return "a ZIP archive"
    ends = data[:_ENDS].lower(), data[-_ENDS:].lower()
    return next((kind for mark, kind in _MARKS.items() if any(mark in part for part in ends)), None)


def _check_header(image: Image.Image, name: str) -> None:
    """Judge by the header alone, before any pixel is decoded."""
    width, height = image.size
    if width * height > limits.PICTURE_PIXELS:
        raise _too_large(name, f"has {width} x {height} pixels, more than {limits.PICTURE_PIXELS}")
    if min(width, height) < limits.PICTURE_SIDE:
        raise unfit(name, f"has {width} x {height} pixels", f"send one of at least {limits.PICTURE_SIDE} pixels a side")
    # Phones put a second view into JPEG files (MPO); the first frame is the photo.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise unfit(name, "is animated", "send a still picture")


def _upright_rgb(image: Image.Image) -> NDArray[np.uint8]:
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):  # 16 bits of grey, which `convert` would clip instead of scale
        grey = (np.asarray(upright).astype(np.float64) / 257).clip(0, 255).astype(np.uint8)
        upright = Image.fromarray(grey)
    if upright.has_transparency_data:
        # What is transparent hides whatever its pixels hold; white is what a viewer shows.
        upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright.convert("RGBA"))
    return np.asarray(upright.convert("RGB"))


def _too_large(name: str, why: str) -> RefusalError:
    return RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, name, why, "send a smaller picture")
