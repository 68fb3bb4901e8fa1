"""Programs that tests start with all imported that takes long: forks of a process that has done nothing but that.

A new interpreter works eight seconds on torch, diffusers and the trainer; a test that watches one starts one itself.
"""

import multiprocessing
import os
import runpy
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

PAIR = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")  # begins a program as two processes
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "tests.components.training.tiny_step",
        "tests.model.training.tiny_detector",
        "accelerate.commands.launch",
        "torch.distributed.run",
    ]
)
# Torch's launcher, and accelerate's that is made of it, fork the processes that they else start as new interpreters.
LAUNCHERS = {"PET_START_METHOD": "fork", "PET_RUN_PATH": "1"}


@contextmanager
def fork(command: Sequence[str], output: int = 1) -> Iterator[ForkServerProcess]:
    """What `python COMMAND` is, a program's file or a module with its arguments; it is gone when the block is left.

    It has the environment of this moment, writes into the file `output`, and tells its errors where this process does.
    """
    files = [Connection(os.dup(file), readable=False) for file in (output, 2)]  # these alone travel to a fork
    process = SERVER.Process(target=_become, args=(command, dict(os.environ), *files))
    process.start()
    for file in files:
        file.close()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _become(command: Sequence[str], environment: Mapping[str, str], output: Connection, errors: Connection) -> None:
    os.environ.clear()
    os.environ.update({**environment, **LAUNCHERS})
    os.dup2(output.fileno(), 1)
    os.dup2(errors.fileno(), 2)
    module = find_spec(command[1]) if command[0] == "-m" else None
    sys.argv = [module.origin or "", *command[2:]] if module else list(command)
    runpy.run_path(sys.argv[0], run_name="__main__")
