"""Files that any real folder has: broken, empty, animated, oddly coded, oddly named."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def write_blemishes(folder: Path, photo: NDArray[np.uint8]) -> list[str]:
    """Write them into `folder`, made from `photo` [H,W,3]; returns their names."""
    picture = Image.fromarray(photo)
    folder.mkdir(parents=True, exist_ok=True)
    whole = io.BytesIO()
    picture.save(whole, "JPEG", quality=90)
    (folder / "truncated.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 3])
    (folder / "empty file.jpg").write_bytes(b"")
    (folder / "not a picture.jpg").write_text("These are words, not pixels.\n", encoding="utf-8")
    picture.convert("CMYK").save(folder / "cmyk.jpg", quality=90)
    rotated = Image.Exif()
    rotated[0x0112] = 6  # orientation: turn right by 90 degrees to view
    picture.rotate(90, expand=True).save(folder / "rotated by exif.jpg", quality=90, exif=rotated)
    frames = [picture.resize((64, 64)), picture.resize((64, 64)).transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    frames[0].save(folder / "animated.gif", save_all=True, append_images=frames[1:], duration=200)
    grey = np.asarray(picture.convert("L"), np.uint16) * 257
    Image.fromarray(grey).save(folder / "sixteen bit.png")
    picture.resize((24, 24)).save(folder / "tiny.png")
    return sorted(path.name for path in folder.iterdir())
