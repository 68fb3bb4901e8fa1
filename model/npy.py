"""Read a `.npy` of any origin: numbers, or a pickled dict of arrays and plain containers, never anything that runs."""

import io
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from model.inert_pickle import RefusedArrayError, read_pickle, refuse, shaped

MOST_BYTES = 64 * 2**20
HEADERS = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}


def read_npy(data: bytes) -> Any:
    """The array of a `.npy`, or the object of one that `numpy.save` made of a dict.

    Raises `RefusedArrayError` when it is broken, larger than 64 MiB, or holds anything but numbers, texts and
    plain containers (`model.inert_pickle`); nothing else is raised, whatever the bytes are.
    """
    if len(data) > MOST_BYTES:
        refuse("too_large", f"it has {len(data)} bytes, more than {MOST_BYTES}")
    shape, fortran, dtype, body = _header(data)
    if dtype.hasobject:
        if dtype != np.dtype(object) or shape != ():
            refuse("object_array", f"an array of shape {str(shape)[:80]} holds objects: only one dict is read")
        return read_pickle(body, MOST_BYTES)
    if dtype.kind not in "biuf":
        refuse("dtype", f"it holds {str(dtype)[:80]}: only plain numbers are read")
    return shaped(body, dtype, shape, fortran)


def _header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], bytes]:
    file = io.BytesIO(data)
    try:
        version = npy_format.read_magic(file)
        if version not in HEADERS:
            refuse("version", f"it is of version {version}: those read are 1.0 and 2.0")
        shape, fortran, dtype = HEADERS[version](file)
    except RefusedArrayError:
        raise
    except Exception as error:  # numpy evaluates the header as a literal, which fails in many ways
        raise RefusedArrayError("header", f"its header is none of a .npy: {error}"[:300]) from error
    return shape, fortran, dtype, file.read()
