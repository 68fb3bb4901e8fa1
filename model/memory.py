"""Memory that networks on a CPU ask for in each step: kept by the process, not given back and asked for again."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)
LARGEST = 2**30  # bytes; a larger piece is given back when it is free


def keep_memory() -> None:
    """Let the C library keep what is freed, where it is glibc; the process then stays as large as it has been.

    For steps that do the same again and again. By default each large tensor is mapped anew, and the kernel
    clears its pages: at nano a fifth to a third of the processor's time for encoding photos, an eighth of that for
    drawing and judging pictures, 2 % of that for training, for a tenth more memory.
    """
    change = getattr(ctypes.CDLL(None), "mallopt", None)
    if change is not None:
        change(M_MMAP_THRESHOLD, LARGEST)
        change(M_TRIM_THRESHOLD, 2**31 - 1)
