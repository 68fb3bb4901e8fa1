"""Reference pictures from untrusted bytes: decoded upright, or refused in a sentence, never anything else."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from components.packaging import limits
from components.packaging.pictures import read_base64, read_bytes
from components.packaging.refusals import RefusalError
from tests.components.packaging.files import SVG, animated, encoded, pixels, png_bomb, text_bomb, zipped

FILES = {kind: encoded(pixels(), kind) for kind in limits.PICTURE_FORMATS}


def refusal(data: bytes) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        read_bytes(data, "picture")
    return caught.value


@pytest.mark.parametrize("kind", FILES)
def test_formats(kind: str) -> None:
    read = read_bytes(FILES[kind], "picture")
    assert read.shape == (96, 96, 3)
    assert np.abs(read.astype(int) - np.asarray(pixels())).mean() < 12


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "RGBA", "CMYK"])
def test_modes_become_rgb(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert read_bytes(encoded(pixels().convert(mode), kind), "picture").shape == (96, 96, 3)


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 96 * 96).reshape(96, 96).astype(np.uint16)
    read = read_bytes(encoded(Image.fromarray(ramp)), "picture")
    assert read.min() == 0
    assert read.max() == 255
    assert abs(read.mean() - 127.5) < 1


def test_what_is_transparent_is_white() -> None:
    hidden = Image.new("RGBA", (80, 80), (255, 0, 0, 0))
    assert (read_bytes(encoded(hidden), "picture") == 255).all()


def test_turned_photos_come_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = Image.new("RGB", (120, 80))
    assert read_bytes(encoded(photo, "JPEG", exif=exif), "picture").shape == (120, 80, 3)


def test_second_view_of_a_phone_is_ignored() -> None:
    photo = encoded(pixels(), "MPO", save_all=True, append_images=[pixels(seed=1)])
    assert read_bytes(photo, "picture").shape == (96, 96, 3)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is no JPEG, PNG or WebP picture"),
        (b"hello" * 99, "is no JPEG, PNG or WebP picture"),
        (SVG, "is no JPEG, PNG or WebP picture"),
        (animated("GIF"), "is no JPEG, PNG or WebP picture"),
        (animated("PNG"), "is animated; send a still picture"),
        (animated("WEBP"), "is animated; send a still picture"),
        (encoded(pixels(), "TIFF"), "is no JPEG, PNG or WebP picture"),
        (encoded(pixels(), "BMP"), "is no JPEG, PNG or WebP picture"),
        (encoded(pixels(limits.PICTURE_SIDE - 1)), "at least 64 pixels a side"),
        (text_bomb(), "is damaged"),
    ],
)
def test_unfit_files(data: bytes, words: str) -> None:
    refused = refusal(data)
    assert words in str(refused)
    assert refused.status == 422


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize(
    ("added", "words"),
    [
        (zipped(), "is a ZIP archive as well; save the picture again"),
        (b"<HTML><script>alert(1)</script>", "is an HTML page as well"),
        (b"%PDF-1.7\n1 0 obj", "is a PDF document as well"),
        (SVG, "is an SVG drawing as well"),
        (b"<?php system($_GET[0]);", "is a PHP program as well"),
    ],
)
def test_files_that_are_another_kind_as_well(kind: str, added: bytes, words: str) -> None:
    assert words in str(refusal(FILES[kind] + added))


def test_other_kinds_in_the_header_are_seen() -> None:
    comment = encoded(pixels(), "JPEG", comment=b"%PDF-1.4")
    assert "is a PDF document as well" in str(refusal(comment))


@pytest.mark.parametrize("side", [6000, 12_000, 30_000])
def test_bombs_are_refused_unexploded(side: int) -> None:
    bomb = png_bomb(side, side)
    tracemalloc.start()
    refused = refusal(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.status == 413
    assert "pixels" in str(refused)
    assert peak < 4 << 20


def test_too_many_bytes() -> None:
    assert refusal(bytes(limits.PICTURE_BYTES + 1)).status == 413


@pytest.mark.parametrize("kind", FILES)
def test_truncated_anywhere(kind: str) -> None:
    data = FILES[kind]
    for end in range(0, len(data) * 9 // 10, max(len(data) // 25, 1)):
        assert refusal(data[:end]).status == 422


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_damaged_files_are_decoded_or_refused(kind: str, data: st.DataObject) -> None:
    file = bytearray(FILES[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(file) - 1))
        file[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    try:
        read = read_bytes(bytes(file), "picture")
    except RefusalError as error:
        refused: RefusalError | None = error
    else:
        refused = None
        assert read.shape[2] == 3
    assert refused is None or refused.status in (413, 422)


@pytest.mark.parametrize("text", ["!", "data:image/png;base64,aGVsbG8=", "aGVsbG8", "ä", "aGVs bG8="])
def test_what_is_no_base64(text: str) -> None:
    with pytest.raises(RefusalError, match="is not base64"):
        read_base64(text, "picture")
