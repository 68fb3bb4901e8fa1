"""What a training runs on: this process's device, the processes beside it, and their precision."""

import os
from datetime import timedelta
from functools import cache

import torch
from accelerate import Accelerator

from model.training.feature_files import Share

PATIENCE = timedelta(days=7)  # one may encode a million photos while another has all of them


def accelerator(accumulate: int, dtype: str = "float32") -> Accelerator:
    """The accelerator of this process, whoever started it: torch's launcher, accelerate's, or nobody.

    Where there is no GPU it is told so, as it else takes the processes of torch's launcher for strangers that train
    one by one. A backbone in 16 bits trains in them, unless accelerate's own configuration says otherwise.
    """
    said = os.environ.get("ACCELERATE_MIXED_PRECISION")
    found = Accelerator(
        cpu=not torch.accelerator.is_available(),
        mixed_precision="bf16" if dtype == "bfloat16" and not said else None,
        gradient_accumulation_steps=accumulate,
    )
    wait_for_all(found)  # NCCL sets up a group at its first use, for which a late process has ten minutes again
    return found


def share_of(process: Accelerator) -> Share:
    """Its part of the cached features, among the processes of its machine: their store may be this machine's alone."""
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return Share(process.local_process_index % beside, beside)


def wait_for_all(process: Accelerator) -> None:
    """Go on when all processes have come here, however much longer another one works.

    Accelerate's own wait ends a training on GPUs whose processes are ten minutes apart: one that still encodes photos,
    or writes a checkpoint of 33 GB. Within steps that limit is right, and stays.
    """
    if process.num_processes > 1:
        own = process.device.index  # None for a CPU
        torch.distributed.barrier(_patient(), device_ids=None if own is None else [own])


@cache
def _patient() -> torch.distributed.ProcessGroup | None:
    return torch.distributed.new_group(timeout=PATIENCE)
