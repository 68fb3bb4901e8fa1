"""Decoding: a corpus of files that are broken, odd or hostile, each with its fate."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from components.curation.config import CurationConfig
from components.curation.decode import RefusedPhotoError, decode

CONFIG = CurationConfig(max_side=256, min_side=64, max_pixels=4_000_000)
PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)).resize((320, 240))


def save(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of few bytes whose header claims any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


JPEG = save(PHOTO, "JPEG")
PNG = save(PHOTO, "PNG")
FRAMES = [PHOTO.rotate(angle) for angle in (10, 20)]
REFUSED: dict[str, tuple[bytes, str]] = {
    "zero bytes": (b"", "empty"),
    "one byte": (b"\xff", "not_an_image"),
    "text": (b"These are words.\n", "not_an_image"),
    "html under a jpg name": (b"<html><body>404</body></html>", "not_an_image"),
    "heic": (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(500), "heic"),
    "pdf": (b"%PDF-1.7\n" + bytes(500), "not_an_image"),
    "zip": (b"PK\x03\x04" + bytes(200), "not_an_image"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not_an_image"),
    "postscript, which would start an interpreter": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "not_an_image",
    ),
    "jpeg magic alone": (b"\xff\xd8\xff\xe0", "not_an_image"),
    "jpeg cut in its header": (JPEG[:100], "unreadable"),
    "jpeg cut in its pixels": (JPEG[: len(JPEG) // 2], "unreadable"),
    "png cut": (PNG[: len(PNG) // 2], "unreadable"),
    "png with a wrong checksum": (PNG[:29] + b"\0\0\0\0" + PNG[33:], "not_an_image"),
    "png of garbage pixels": (PNG[:60] + b"\x55" * (len(PNG) - 60), "unreadable"),
    "webp cut": (save(PHOTO, "WEBP")[:200], "unreadable"),
    "bomb in the header": (png_claiming(60_000, 60_000), "too_large"),
    "more pixels than max_pixels": (png_claiming(3000, 2000), "too_large"),
    "far fewer pixels than claimed": (png_claiming(300, 300), "unreadable"),
    "no width": (png_claiming(0, 100), "not_an_image"),
    "animated gif": (save(FRAMES[0], "GIF", save_all=True, append_images=FRAMES), "animated"),
    "animated webp": (save(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES), "animated"),
    "animated png": (save(FRAMES[0], "PNG", save_all=True, append_images=FRAMES), "animated"),
    "tiff of two pages": (save(FRAMES[0], "TIFF", save_all=True, append_images=FRAMES), "animated"),
    "tiny": (save(PHOTO.resize((20, 20)), "PNG"), "too_small"),
    "a line": (save(PHOTO.resize((4000, 3)), "PNG"), "too_small"),
    "thin once it is shrunk": (save(PHOTO.resize((1600, 200)), "PNG"), "too_small"),
    "floating point": (save(Image.new("F", (100, 100)), "TIFF"), "depth"),
    "32 bits": (save(Image.fromarray(np.full((100, 100), 2**20, np.int32)), "TIFF"), "depth"),
}
USABLE: dict[str, bytes] = {
    "jpeg": JPEG,
    "cmyk jpeg": save(PHOTO.convert("CMYK"), "JPEG"),
    "grey jpeg": save(PHOTO.convert("L"), "JPEG"),
    "progressive jpeg": save(PHOTO, "JPEG", progressive=True),
    "jpeg with bytes after its end": JPEG + b"extra" * 100,
    "large jpeg": save(PHOTO.resize((1600, 1200)), "JPEG"),
    "png": PNG,
    "16 bit grey png": save(Image.fromarray(np.asarray(PHOTO.convert("L"), np.uint16) * 257), "PNG"),
    "16 bit tiff": save(Image.fromarray(np.asarray(PHOTO.convert("L"), np.uint16) * 257), "TIFF"),
    "palette png": save(PHOTO.convert("P"), "PNG"),
    "palette png with transparency": save(PHOTO.convert("P"), "PNG", transparency=0),
    "png with alpha": save(PHOTO.convert("RGBA"), "PNG"),
    "grey png with alpha": save(PHOTO.convert("LA"), "PNG"),
    "black and white png": save(PHOTO.convert("1"), "PNG"),
    "bmp": save(PHOTO, "BMP"),
    "gif of one frame": save(PHOTO, "GIF"),
    "webp": save(PHOTO, "WEBP"),
    "lab tiff": save(Image.merge("LAB", PHOTO.split()), "TIFF"),
    "portable pixmap": save(PHOTO, "PPM"),
    "camera pair": save(PHOTO, "MPO", save_all=True, append_images=[PHOTO]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_with_its_reason(name: str, tmp_path: Path) -> None:
    data, reason = REFUSED[name]
    (tmp_path / "photo.jpg").write_bytes(data)
    with pytest.raises(RefusedPhotoError) as refusal:
        decode(tmp_path / "photo.jpg", CONFIG)
    assert refusal.value.reason == reason
    assert str(refusal.value)


@pytest.mark.parametrize("name", USABLE)
def test_odd_but_sound_files_become_rgb_of_bounded_size(name: str, tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(USABLE[name])
    decoded = decode(tmp_path / "photo", CONFIG)
    assert decoded.pixels.shape == (192, 256, 3)
    with Image.open(io.BytesIO(decoded.jpg)) as stored:
        assert (stored.size, stored.mode, dict(stored.getexif())) == ((256, 192), "RGB", {})
    if "lab" not in name and "black" not in name:
        wanted = np.asarray(PHOTO.convert("L").resize((256, 192)), float)
        found = decoded.pixels.mean(axis=2)
        assert np.corrcoef(wanted.ravel(), found.ravel())[0, 1] > 0.6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_upright(orientation: int, tmp_path: Path) -> None:
    upright = Image.new("RGB", (320, 240), "black")
    upright.paste("red", (0, 0, 160, 120))
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # what undoes each orientation, as PIL numbers transpositions
    turned = upright if orientation == 1 else upright.transpose(Image.Transpose(back[orientation]))
    turned.save(tmp_path / "photo.jpg", exif=exif(orientation))
    pixels = decode(tmp_path / "photo.jpg", CONFIG).pixels
    assert pixels.shape == (192, 256, 3)
    assert pixels[40, 60, 0] > 200
    assert max(int(pixels[y, x, 0]) for y, x in ((40, 200), (150, 60), (150, 200))) < 50


def test_transparent_pixels_become_white(tmp_path: Path) -> None:
    Image.new("RGBA", (100, 100), (255, 0, 0, 0)).save(tmp_path / "photo.png")
    assert (decode(tmp_path / "photo.png", CONFIG).pixels == 255).all()


def test_a_photo_that_may_not_be_read_or_vanished_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedPhotoError, match="FileNotFoundError"):
        decode(tmp_path / "gone.jpg", CONFIG)
    (tmp_path / "shut.jpg").write_bytes(JPEG)
    (tmp_path / "shut.jpg").chmod(0)
    if not os.access(tmp_path / "shut.jpg", os.R_OK):
        with pytest.raises(RefusedPhotoError, match="PermissionError"):
            decode(tmp_path / "shut.jpg", CONFIG)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(sorted(USABLE)), st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6)), min_size=1, max_size=8)
)
def test_damage_anywhere_never_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, name: str, damage: list[tuple[float, bytes]]
) -> None:
    data = bytearray(USABLE[name])
    for where, junk in damage:
        start = int(where * len(data))
        data[start : start + len(junk)] = junk
    path = tmp_path_factory.mktemp("damaged") / "photo"
    path.write_bytes(data)
    try:
        shape = decode(path, CONFIG).pixels.shape
    except RefusedPhotoError:
        return
    assert max(shape) <= CONFIG.max_side
    assert shape[2] == 3
