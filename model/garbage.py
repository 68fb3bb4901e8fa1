"""Imports without a look for garbage among the many objects that they make, which stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def imports_stay() -> Iterator[None]:
    """Inside, nobody looks for garbage; what is there at the end is never looked through again.

    Not even at the end of the process, where that would take longest: a second or two after torch and diffusers.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(0)  # libraries switch collection on themselves as they are imported
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.freeze()
