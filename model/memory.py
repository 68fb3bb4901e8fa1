"""What becomes of memory that is freed: kept where networks ask for it in each step, given back where data grow."""

import ctypes

import pyarrow as pa

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of mallopt(3)
LARGE = 2**20  # bytes
LARGEST = 2**30  # bytes; a larger piece is given back when it is free


def keep_memory() -> None:
    """Let the C library keep what is freed, where it is glibc; the process then stays as large as it has been.

    For steps that do the same again and again. By default each large tensor is mapped anew, and the kernel
    clears its pages: at nano a fifth to a third of the processor's time for encoding photos, an eighth of that for
    drawing and judging pictures, 2 % of that for training, for a tenth more memory.
    """
    _change(M_MMAP_THRESHOLD, LARGEST)
    _change(M_TRIM_THRESHOLD, 2**31 - 1)


def share_memory() -> None:
    """Let the threads share one store of what is free, where the C library is glibc: by default each has its own.

    For steps that hold many rows, before their threads begin.
    """
    _change(M_ARENA_MAX, 1)


def give_back_memory() -> None:
    """Let the C library give back each large array when it is freed, where it is glibc, and what is free now.

    For steps that hold many rows; again wherever much was freed. By default, the larger the arrays that were freed the
    larger are those that are put among small ones, up to 32 MB, and then a small one that stays keeps the whole. Work
    that makes and frees large arrays all the time, as looking at photos does, took 8 % longer for it.
    """
    share_memory()
    _change(M_MMAP_THRESHOLD, LARGE)
    pa.default_memory_pool().release_unused()  # of the C library, too


def _change(setting: int, value: int) -> None:
    change = getattr(ctypes.CDLL(None), "mallopt", None)
    if change is not None:
        change(setting, value)
