"""Pictures that are broken, odd or hostile."""

import io
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image


def save(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, bits: int = 8) -> bytes:
    """A PNG of any claimed size."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0))
    body = b"".join(chunks) or chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b"")


@cache
def swelling() -> bytes:
    """Few bytes that become 70 MiB."""
    return zlib.compress(bytes(70 * 2**20), 9)


def images() -> dict[str, bytes]:
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (15, 20, 3), np.uint8)).resize((160, 120))
    jpeg, whole, gif = save(photo, "JPEG"), save(photo, "PNG"), save(photo, "GIF")
    scan = jpeg.index(b"\xff\xda")
    tiff = save(photo, "TIFF")
    grey = np.asarray(photo.convert("L"), np.uint16) * 257
    return {
        "zero bytes": b"",
        "one byte": b"\xff",
        "magic alone": b"\xff\xd8\xff\xe0",
        "jpeg cut in its tables": jpeg[:200],
        "jpeg cut in its scan": jpeg[: scan + 40],
        "jpeg without its scan": jpeg[:scan] + b"\xff\xd9",
        "jpeg with a segment longer than the file": jpeg[:2] + b"\xff\xe1\xff\xff" + jpeg[2:],
        "jpeg of no size": jpeg.replace(struct.pack(">HH", 120, 160), bytes(4), 1),
        "jpeg of absurd size": jpeg.replace(struct.pack(">HH", 120, 160), b"\xff" * 4, 1),
        "jpeg with exif that points to itself": jpeg[:2]
        + app1(b"II*\0\x08\0\0\0\x01\0i\x87\4\0\1\0\0\0\x08\0\0\0")
        + jpeg[2:],
        "jpeg with exif of endless count": jpeg[:2]
        + app1(b"MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12\0\3" + b"\xff" * 8)
        + jpeg[2:],
        "jpeg with an orientation of 99": save(photo, "JPEG", exif=app(99)),
        "cmyk jpeg": save(photo.convert("CMYK"), "JPEG"),
        "cmyk jpeg cut": save(photo.convert("CMYK"), "JPEG")[:-900],
        "sixteen bit png": save(Image.fromarray(grey), "PNG"),
        "png cut": whole[: len(whole) // 2],
        "png with a wrong checksum": whole[:29] + bytes(4) + whole[33:],
        "png bomb by its header": png(60_000, 60_000),
        "png of the largest size": png(2**31 - 1, 2**31 - 1),
        "png of no width": png(0, 9),
        "png of three bits": png(9, 9, bits=3),
        "png whose text swells": png(99, 99, chunk(b"zTXt", b"a\0\0" + swelling())),
        "png whose pixels swell": png(99, 99, chunk(b"IDAT", swelling())),
        "png whose profile is cut": png(99, 99, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(99))[:9])),
        "gif without a frame": gif[:13] + bytes(768) + b";",
        "gif cut": gif[: len(gif) // 2],
        "webp cut": save(photo, "WEBP")[:60],
        "webp that claims more": save(photo, "WEBP").replace(b"RIFF", b"RIFF\xff", 1),
        "tiff that leads to itself": tiff[:4] + struct.pack("<I", len(tiff)) + struct.pack("<HI", 0, len(tiff)),
        "tiff that leads outside": b"II*\0" + struct.pack("<I", 2**31),
        "tiff of real numbers": save(Image.new("F", (120, 120)), "TIFF"),
        "bmp of negative height": save(photo, "BMP")[:22] + struct.pack("<i", -(2**31)) + save(photo, "BMP")[26:],
        "pixmap of a huge claim": b"P6 99999 99999 255\n" + bytes(99),
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "page": b"<html><body>404</body></html>",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    }


def app1(exif: bytes) -> bytes:
    """An EXIF segment of a JPEG."""
    body = b"Exif\0\0" + exif
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def app(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags
