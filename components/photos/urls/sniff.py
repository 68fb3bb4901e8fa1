"""Tells a picture by its first bytes, whatever its server calls it; whether it is whole shows when it is decoded."""

LONGEST = 12  # bytes that a decision needs at most
BEGINNINGS = (
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tif"),
    (b"MM\0*", "tif"),
    (b"BM", "bmp"),
)


def picture_kind(head: bytes) -> str | None:
    """The file name's extension for the picture that begins with `head` (`LONGEST` bytes or the whole of it), or None.

    The formats are those that curation decodes, but for the rare PPM, whose two letters begin many a text.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis", b"mif1"):
        return "avif"
    return next((kind for beginning, kind in BEGINNINGS if head.startswith(beginning)), None)
