"""Saves checkpoints beside the training: taken between two steps, and written by a thread while it goes on."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from model.training.checkpoint import Progress, tensors_of, write_checkpoint


class Saver:
    """Saves the checkpoints of one training in `folder`, one at a time; of several processes, one `writes`.

    What is written is a copy in main memory, as large as a checkpoint, which stays for the next one to be laid over:
    memory that is new costs several times what the copy does. A block ends when nothing is being written any more.
    """

    def __init__(self, folder: Path, *, writes: bool) -> None:
        self.folder, self.writes, self.step = folder, writes, 0
        self.files: dict[str, dict[str, Tensor]] = {}
        self.pool = ThreadPoolExecutor(1, "checkpoint")
        self.writing: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown()

    def save(self, module: nn.Module, optimiser: torch.optim.Optimizer, progress: Progress) -> None:
        """Take a checkpoint and begin to write it, once the one before is written. All processes must call this."""
        self.wait()
        self.step = progress.step
        for file, name, tensor in tensors_of(module, optimiser):
            if self.writes:
                self._keep(file, name, tensor)
        if self.writes:
            self.writing = self.pool.submit(write_checkpoint, self.folder, self.files, asdict(progress))

    def check(self) -> None:
        """Raise what kept a checkpoint from being written, if that is known already."""
        if self.writing and self.writing.done():
            self.wait()

    def wait(self) -> None:
        """Go on when what was saved is written; raises what kept it from being so."""
        writing, self.writing = self.writing, None
        if writing:
            writing.result()

    def _keep(self, file: str, name: str, tensor: Tensor) -> None:
        kept = self.files.setdefault(file, {})
        if name not in kept:
            kept[name] = torch.empty(tensor.shape, dtype=tensor.dtype)
        kept[name].copy_(tensor)
