"""The diffusers pipeline on a pretended GPU, whole and offloaded: it draws what it draws on a CPU."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model import pipeline as module
from model.parts import Parts
from model.pipeline import WithAnyonePipeline
from model.presets import nano
from tests.model.checkpoints import tiny_flux
from tests.model.test_pipeline import model_folder, photo, picture
from tests.model.tiny import BOTH
from tests.pretended_gpu import GPU, Pretended, apart

WAYS = {  # other ways put weights of one device into tensors of another, at which the pretended one is lost
    "whole": lambda pipe: pipe.to(GPU),
    "enable_model_cpu_offload": lambda pipe: pipe.enable_model_cpu_offload(device=GPU),
}


def drawn(parts: Parts, folder: Path, way: str) -> list[NDArray[np.int16]]:
    """Two pictures, of one person and of two, by a pipeline on the GPU, or on the CPU where the way has no name."""
    torch.set_num_threads(1)
    dev = tiny_flux(parts)
    with Pretended(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "preset", lambda name: dev if name == "flux-dev" else nano())
        pipe: Any = WithAnyonePipeline.of_model(model_folder(folder / "model", BOTH, "flux-dev"))
        pipe.set_progress_bar_config(disable=True)
        if way:
            WAYS[way](pipe)
        return [picture(pipe), picture(pipe, photo(1), photo(2))]


@pytest.mark.parametrize("way", WAYS)
def test_a_gpu_draws_what_a_cpu_draws(parts: Parts, tmp_path: Path, way: str) -> None:
    (tmp_path / "gpu").mkdir()
    here, there = apart(drawn, parts, tmp_path, ""), apart(drawn, parts, tmp_path / "gpu", way)
    for ours, its in zip(here, there, strict=True):
        assert np.abs(ours - its).max() <= 2
