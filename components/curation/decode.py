"""From a photo's file to pixels: upright, RGB, of bounded size, or a refusal with its reason.

Animations and files of several pages are refused: which frame is the photo is not ours to guess. (The second picture of
a camera's `.mpo` is a preview or the other eye's; its first is the photo.) Transparent pixels become white.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from components.curation.config import CurationConfig
from model.errors import RefusedItemError

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF")
JPEG_QUALITY = 95  # stored photos; higher costs much room for differences below the networks' noise


class RefusedPhotoError(RefusedItemError):
    """A photo that cannot be used."""


@dataclass(frozen=True)
class Decoded:
    """A decoded photo: its pixels [H, W, 3] RGB, and the JPEG that is stored, without any metadata."""

    pixels: NDArray[np.uint8]
    jpg: bytes


def decode(path: Path, config: CurationConfig) -> Decoded:
    """Decode the photo at `path`; raises `RefusedPhotoError`, and nothing else whatever the file holds."""
    try:
        if path.stat().st_size == 0:
            raise RefusedPhotoError("empty", "the file has no bytes")
        picture = open_photo(path, config)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
        return Decoded(np.asarray(picture), buffer.getvalue())
    except RefusedPhotoError:
        raise
    except UnidentifiedImageError as error:
        if _is_heic(path):
            raise RefusedPhotoError("heic", "it is HEIC, which is not read here: save it as JPEG") from error
        raise RefusedPhotoError("not_an_image", f"it is no picture of a known format ({', '.join(FORMATS)})") from error
    except Image.DecompressionBombError as error:
        raise RefusedPhotoError("too_large", "its header claims an absurd number of pixels") from error
    except Exception as error:  # codecs raise whatever broken data lets them stumble over
        raise RefusedPhotoError("unreadable", f"decoding failed: {type(error).__name__}: {error}"[:300]) from error


def _is_heic(path: Path) -> bool:
    """Whether the file begins like the photos of many telephones: HEVC in HEIF, for which Pillow has no decoder."""
    with open(path, "rb") as file:
        head = file.read(64)
    brands = head[8 : int.from_bytes(head[:4], "big")]  # of the box `ftyp`, four letters each
    return head[4:8] == b"ftyp" and any(brand in brands for brand in (b"heic", b"heix", b"heim", b"heis"))


def open_photo(path: Path, config: CurationConfig) -> Image.Image:
    """The photo at `path`, upright, RGB and of bounded size; raises whatever its codec raises."""
    with Image.open(path, formats=FORMATS) as picture:
        width, height = picture.size
        if width * height > config.max_pixels:
            raise RefusedPhotoError("too_large", f"{width} x {height} is more than max_pixels={config.max_pixels}")
        if getattr(picture, "n_frames", 1) > 1 and picture.format != "MPO":
            raise RefusedPhotoError("animated", "it holds several frames or pages: save the one that is the photo")
        shrink = min(1.0, config.max_side / max(width, height))
        if min(width, height) * shrink < config.min_side:
            raise RefusedPhotoError("too_small", f"{width} x {height} leaves a side below min_side={config.min_side}")
        picture.draft(None, (round(width * shrink), round(height * shrink)))  # lets a JPEG decode at 1/2, 1/4 or 1/8
        upright = ImageOps.exif_transpose(picture)
        photo = _to_rgb(upright)
    photo.thumbnail((config.max_side, config.max_side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return photo


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):  # 16 bits a pixel, also where they come as 32
        values = np.asarray(picture).astype(np.int64)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise RefusedPhotoError("depth", "its pixels have more than 16 bits")
        return Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")
    if picture.mode == "F":
        raise RefusedPhotoError("depth", "its pixels are floating point numbers of unknown range")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")
