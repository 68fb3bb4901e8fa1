"""What a training runs on: this process's device, the processes beside it, and their precision."""

import os
import secrets
import time
from contextlib import suppress
from datetime import timedelta
from functools import cache
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs

from model.training.feature_files import ALL, Share

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
        # Gradients lie in the buckets that DDP exchanges, which else hold a second copy: 10 GiB at FLUX.1-dev.
        kwargs_handlers=[DistributedDataParallelKwargs(gradient_as_bucket_view=True)],
    )
    wait_for_all(found)  # NCCL sets up a group at its first use, for which a late process has ten minutes again
    return found


def share_of(process: Accelerator, store: Path) -> Share:
    """Its part of what is computed into the folder `store`, among the processes that have this very folder.

    Machines may share it or have one each. Whoever has it sees the file that each leaves there for a moment.
    """
    if process.num_processes == 1:
        return ALL
    meeting = torch.tensor([secrets.randbits(62)], device=process.device)
    torch.distributed.broadcast(meeting, 0, group=_patient())
    place = store / "meetings"
    place.mkdir(parents=True, exist_ok=True)
    files = [place / f"{meeting.item():x}-{rank}" for rank in range(process.num_processes)]
    files[process.process_index].touch()
    wait_for_all(process)
    beside = [rank for rank, file in enumerate(files) if file.exists()]
    wait_for_all(process)
    files[process.process_index].unlink()
    for left in place.iterdir():  # by a process that was killed here; others tidy up, too
        with suppress(FileNotFoundError):
            if left.stat().st_mtime < time.time() - PATIENCE.total_seconds():
                left.unlink()
    return Share(beside.index(process.process_index), len(beside))


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
