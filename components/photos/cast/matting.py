"""Cut a person out of a portrait: MediaPipe selfie segmentation on LiteRT."""

import threading

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from model.weights import weight

INPUT = 256
# The portrait's own frame cuts shoulders and hair: this share of it fades out at both sides and the top.
EDGE_FADE = 0.04
MOST_AT_TOP = 0.25  # share of the frame's width that hair may cover there


class Matting:
    """Opacity of the person in a portrait; safe to call from several threads."""

    def __init__(self) -> None:
        self._interpreter = Interpreter(model_path=str(weight("selfie-matting")), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._lock = threading.Lock()

    def cut_out(self, portrait: NDArray[np.uint8], face: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The portrait [H,W,3] with opacity as a fourth channel [H,W,4]; `face` [4] is the box of the person's face.

        Others who stand in the background of the portrait are left out.
        """
        height, width = portrait.shape[:2]
        small = cv2.resize(portrait, (INPUT, INPUT), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        with self._lock:
            self._interpreter.set_tensor(self._input, small[None])
            self._interpreter.invoke()
            opacity = self._interpreter.get_tensor(self._output)[0, ..., 0].copy()
        opacity = cv2.resize(opacity, (width, height), interpolation=cv2.INTER_CUBIC)
        opacity = np.clip((opacity - 0.15) / 0.7, 0, 1) * _fade(height, width) * _reach(face, height, width)
        return np.dstack([portrait, np.round(opacity * 255).astype(np.uint8)])


def _fade(height: int, width: int) -> NDArray[np.floating]:
    sides = np.minimum(np.arange(width), np.arange(width)[::-1]) / (EDGE_FADE * width)
    return np.minimum(np.clip(sides, 0, 1)[None], np.clip(np.arange(height) / (EDGE_FADE * height), 0, 1)[:, None])


def _reach(face: NDArray[np.float32], height: int, width: int) -> NDArray[np.floating]:
    """1 where hair and shoulders of the face's owner can be, fading to 0: around the head, and all below the chin."""
    left, top, right, bottom = face
    x = (np.arange(width) - (left + right) / 2) / (1.05 * (right - left))
    y = (np.arange(height) - (top + bottom) / 2) / (1.25 * (bottom - top))
    head = np.clip((1.15 - np.hypot(x[None], y[:, None])) / 0.15, 0, 1)
    shoulders = np.clip((np.arange(height) - bottom) / (0.15 * (bottom - top)) + 0.5, 0, 1)[:, None]
    return np.maximum(head, shoulders)


def touches_top(cut_out: NDArray[np.uint8]) -> bool:
    """Whether the portrait's frame cuts the top of the head."""
    row = round(EDGE_FADE * cut_out.shape[0])
    return bool(cut_out[row, :, 3].mean() > MOST_AT_TOP * 255)
