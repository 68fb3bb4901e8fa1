"""Picture files, good and bad, made in memory."""

import base64
import struct
import zipfile
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image


def pixels(side: int = 96, seed: int = 0) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(coarse).resize((side, side))


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def animated(kind: str) -> bytes:
    return encoded(pixels(), kind, save_all=True, append_images=[pixels(seed=1)])


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(width: int, height: int) -> bytes:
    """A PNG file of some bytes that claims many pixels, all of them black."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + 3 * width)) for _ in range(min(height, 300))) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def text_bomb() -> bytes:
    """A small PNG file with a compressed text of 64 MiB."""
    good = encoded(pixels())
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(64 << 20)))
    return good[:33] + text + good[33:]


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"><script/></svg>'


def zipped() -> bytes:
    """A ZIP archive with one file."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("run.sh", "#!/bin/sh")
    return made.getvalue()
