"""Reads the text in photos with PP-OCRv4, whose networks come with the package rapidocr-onnxruntime.

Its detector looks at the photo shrunk to `SIDE` pixels and also marks stripes and stars; its reader decides which of
those regions can be read, at the photo's full size.
"""

import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from components.curation.album import Marks
from model.artefacts import file_digest

SIDE = 480  # pixels: longer side at which text is looked for
MIN_SCORE = 0.7  # least mean certainty of the reader about the letters of a region
MIN_LETTERS = 3  # single signs are mostly patterns that resemble one
NETWORKS = ("ch_PP-OCRv4_det_infer.onnx", "ch_PP-OCRv4_rec_infer.onnx")


class TextReader:
    """Marks each photo with its `texts`: `corners` [8], x and y clockwise in pixels, `words` and `score` of each."""

    name = "text"

    def __init__(self) -> None:
        digests = [file_digest(_models() / network) for network in NETWORKS]
        self.version = "-".join([*digests, f"{SIDE}", f"{MIN_SCORE}", f"{MIN_LETTERS}"])
        self._own = threading.local()  # an engine keeps what it is doing in itself: each thread needs its own

    def examine(self, photos: Sequence[NDArray[np.uint8]]) -> list[Marks]:
        return [{"texts": self._texts(photo)} for photo in photos]

    def _texts(self, photo: NDArray[np.uint8]) -> list[dict[str, Any]]:
        engine = self._engine()
        bgr = np.ascontiguousarray(photo[..., ::-1])
        scale = min(1.0, SIDE / max(bgr.shape))
        small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else bgr
        regions, _ = engine.auto_text_det(small)
        if regions is None:
            return []
        corners = [np.asarray(region, np.float32) / np.float32(scale) for region in regions]
        read, _ = engine.text_rec(engine.get_crop_img_list(bgr, corners))
        return [
            {"corners": [round(float(v)) for v in region.ravel()], "words": words, "score": round(float(score), 4)}
            for region, (words, score) in zip(corners, read, strict=True)
            if score >= MIN_SCORE and sum(sign.isalnum() for sign in words) >= MIN_LETTERS
        ]

    def _engine(self) -> Any:
        if not hasattr(self._own, "engine"):
            from rapidocr_onnxruntime import RapidOCR

            # A least side of 32 leaves the size to `_texts`.
            self._own.engine = RapidOCR(det_limit_side_len=32, intra_op_num_threads=1, inter_op_num_threads=1)
        return self._own.engine


def _models() -> Path:
    """The folder of the networks, found without importing what runs them."""
    spec = importlib.util.find_spec("rapidocr_onnxruntime")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the package rapidocr-onnxruntime is not installed")
    return Path(spec.origin).parent / "models"
