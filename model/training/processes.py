"""What a training runs on: this process's device, the processes beside it, and their precision."""

import os

import torch
from accelerate import Accelerator

from model.training.feature_files import Share


def accelerator(accumulate: int, dtype: str = "float32") -> Accelerator:
    """The accelerator of this process, whoever started it: torch's launcher, accelerate's, or nobody.

    Where there is no GPU it is told so, as it else takes the processes of torch's launcher for strangers that train
    one by one. A backbone in 16 bits trains in them, unless accelerate's own configuration says otherwise.
    """
    said = os.environ.get("ACCELERATE_MIXED_PRECISION")
    return Accelerator(
        cpu=not torch.accelerator.is_available(),
        mixed_precision="bf16" if dtype == "bfloat16" and not said else None,
        gradient_accumulation_steps=accumulate,
    )


def share_of(process: Accelerator) -> Share:
    """Its part of the cached features, among the processes of its machine: their store may be this machine's alone."""
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return Share(process.local_process_index % beside, beside)
