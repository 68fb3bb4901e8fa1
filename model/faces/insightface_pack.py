"""Use an insightface pack that the user brings (antelopev2, buffalo_l), through onnxruntime."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.errors import UserError
from model.faces.analyser import Face

LEAST = 0.5  # a face's score
SIDE = 640  # px at which the pack looks for faces
log = logging.getLogger(__name__)


class PackAnalyser:
    """Detection and embeddings by the ONNX files of one pack folder."""

    def __init__(self, pack: Path) -> None:
        from insightface.app import FaceAnalysis

        folder = onnx_folder(Path(pack))
        providers = working_providers()
        self.name = folder.name
        self.app = FaceAnalysis(name=str(folder), allowed_modules=["detection", "recognition"], providers=providers)
        if "recognition" not in self.app.models:
            raise UserError(f"insightface pack '{folder}' has no recognition model; point the setting at a whole pack")
        gpu = providers[0].startswith("CUDA")
        self.app.prepare(ctx_id=0 if gpu else -1, det_thresh=LEAST, det_size=(SIDE, SIDE))
        self.dim = int(self.app.models["recognition"].output_shape[-1])

    def analyse(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Face]]:
        """Faces of each RGB picture [H,W,3], best score first."""
        found = []
        for image in images:
            strip = max(image.shape[:2]) > SIDE * min(image.shape[:2])  # shrunk to SIDE it would be no pixel wide
            faces = [] if strip else self.app.get(np.ascontiguousarray(image[..., ::-1]))
            faces.sort(key=lambda face: -face.det_score)
            found.append(
                [
                    Face(f.bbox.astype("f4"), f.kps.astype("f4"), float(f.det_score), f.embedding.astype("f4"))
                    for f in faces
                ]
            )
        return found


def onnx_folder(pack: Path) -> Path:
    """The folder that holds the ONNX files: a released archive often unpacks one level too deep."""
    for folder in (pack, pack / pack.name):
        if any(folder.glob("*.onnx")):
            return folder.resolve()
    raise UserError(
        f"insightface pack '{pack}' holds no .onnx file; point the setting at the folder with the unpacked pack"
    )


def working_providers() -> list[str]:
    """ONNX providers that are proven to work here: CUDA only when torch sees a GPU and the provider is in the build.

    A build lists CUDA even where its libraries are missing, so the list alone proves nothing.
    """
    import onnxruntime
    import torch

    if not torch.cuda.is_available():
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]
    log.warning(
        "a GPU is here but this onnxruntime has no CUDA provider: faces run on the CPU; reinstall onnxruntime-gpu alone"
    )
    return ["CPUExecutionProvider"]
