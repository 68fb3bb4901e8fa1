"""Arrays that would run code, take all memory, or are none."""

import io
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np


def saved(value: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value)
    return buffer.getvalue()


def headed(header: str, rest: bytes = b"", length: int | None = None, version: bytes = b"\1\0") -> bytes:
    """A `.npy` whose header is this text."""
    text = header.encode()
    return b"\x93NUMPY" + version + struct.pack("<H", len(text) if length is None else length) + text + rest


def boxed(pickled: bytes) -> bytes:
    """A `.npy` of one object whose pickle is this."""
    return headed("{'descr': '|O', 'fortran_order': False, 'shape': (), }\n", pickled)


def call(module: bytes, name: bytes, argument: bytes) -> bytes:
    """A pickle that calls `module.name` with one text."""
    return b"\x80\x02c" + module + b"\n" + name + b"\nX" + struct.pack("<I", len(argument)) + argument + b"\x85R."


def arrays(marker: Path) -> dict[str, bytes]:
    """Files by name; those that would run something would make the folder `marker`."""
    pickles = running(str(marker).encode()) | swelling()
    return {name: boxed(data) for name, data in pickles.items()} | damaged(marker)


def running(path: bytes) -> dict[str, bytes]:
    """Pickles that name something to run."""
    made = b"__import__('os').mkdir('" + path + b"')"
    return {
        "eval": call(b"builtins", b"eval", made),
        "exec": call(b"builtins", b"exec", made),
        "old eval": call(b"__builtin__", b"eval", made),
        "mkdir": call(b"os", b"mkdir", path),
        "posix mkdir": call(b"posix", b"mkdir", path),
        "system": call(b"os", b"system", b"mkdir '" + path + b"'"),
        "subprocess": call(b"subprocess", b"getoutput", b"mkdir '" + path + b"'"),
        "import": call(b"importlib", b"import_module", b"antigravity"),
        "numpy's own runner": call(b"numpy.testing._private.utils", b"runstring", made),
        "numpy load": call(b"numpy", b"load", path),
        "name by dots": b"\x80\x04\x8c\x08builtins\x8c\x0feval.__call__.x\x93.",
        "instance": b"(S'" + path + b"'\nios\nmkdir\n.",
        "object": b"(cos\nmkdir\nS'" + path + b"'\no.",
        "new object": b"\x80\x02cos\nmkdir\nS'" + path + b"'\n\x85\x81.",
        "state of a stranger": b"\x80\x02cbuiltins\nobject\n)R}b.",
        "state of a list": b"\x80\x02]}b.",
        "calling a text": b"\x80\x02X\1\0\0\0a)R.",
        "persistent id": b"\x80\x02K\1Q.",
        "named persistent id": b"Pabc\n.",
        "extension code": b"\x80\x02\x82\1.",
        "long extension code": b"\x80\x02\x84\1\0\0\0.",
        "out of band buffer": b"\x80\x05\x97.",
    }


def swelling() -> dict[str, bytes]:
    """Pickles that ask for much memory or time, or make no sense."""
    rebuilt = b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tC\1btR"
    doubled = b"))\x86" + b"q\1h\1\x86" * 60
    return {
        "memo place without end": b"\x80\x04K\1r\xff\xff\xff\xff.",
        "bytes of huge claim": b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"a.",
        "text of huge claim": b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"a.",
        "frame of huge claim": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.",
        "number of huge claim": b"\x80\x04\x8b" + struct.pack("<i", 2**31 - 1) + b"a.",
        "number of many digits": b"I" + b"9" * 100_000 + b"\n.",
        "key of endless hash": b"\x80\x04}" + doubled + b"K\1s.",
        "name of endless hash": b"\x80\x04" + doubled + doubled + b"\x93.",
        "tree of endless leaves": b"\x80\x04" + doubled + b".",
        "nested lists": b"\x80\x04" + b"]" * 5000 + b"a" * 4999 + b".",
        "list in itself": b"\x80\x04]q\1h\1a.",
        "marks alone": b"\x80\x04" + b"(" * 100_000 + b".",
        "operations without end": b"\x80\x04" + b"N0" * 300_000 + b"N.",
        "shape of huge claim": b"\x80\x02"
        + rebuilt
        + b"(K\1\x8a\6\0\0\0\0\0\x10\x85cnumpy\ndtype\nX\2\0\0\0f4\x85R\x89C\0tb.",
        "shape below zero": b"\x80\x02"
        + rebuilt
        + b"(K\1J\xff\xff\xff\xff\x85cnumpy\ndtype\nX\2\0\0\0f4\x85R\x89C\0tb.",
        "array without content": b"\x80\x02" + rebuilt + b".",
        "array in its own state": b"\x80\x02" + rebuilt + b"q\1(K\1)h\1\x89]tb.",
        "stack that is empty": b"\x80\x02R.",
        "list of unhashable keys": b"\x80\x02}](K\1u.",
        "half a surrogate": b"\x80\x02X\3\0\0\0\xed\xa0\x80.",
    }


def damaged(marker: Path) -> dict[str, bytes]:
    """Whole files that are cut, have a wrong header, or hold what no embedding is."""
    sound = saved(np.array({"embeddings": np.ones((2, 4), "f4"), "bboxes": [[1, 2, 3, 4]] * 2}, dtype=object))
    plain = saved(np.zeros((3, 4)))
    objects = np.array([None, {}], dtype=object)
    return {
        "zero bytes": b"",
        "magic alone": b"\x93NUMPY",
        "no magic": pickle.dumps({"embeddings": 1}),
        "pickle cut": sound[:-20],
        "pickle with more behind it": sound + b"x",
        "plain cut": plain[:-1],
        "plain with more behind it": plain + b"x",
        "archive": b"PK\3\4" + bytes(200),
        "version nine": headed("{}", version=b"\x09\0"),
        "header longer than the file": headed("{'descr': '<f4'}", length=60_000),
        "header of nothing": headed(""),
        "header that is code": headed(f"__import__('os').mkdir({str(marker)!r})"),
        "header of brackets": headed("(" * 9000),
        "header of signs": headed("-" * 9000 + "1"),
        "header without a shape": headed("{'descr': '<f4', 'fortran_order': False}"),
        "header of huge shape": headed("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 4)}"),
        "header of shape below zero": headed("{'descr': '<f4', 'fortran_order': False, 'shape': (-4,)}", bytes(16)),
        "header of many axes": headed(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1," * 99 + ")}", bytes(4)
        ),
        "header of huge items": headed("{'descr': '|V2147483647', 'fortran_order': False, 'shape': ()}"),
        "header of compound items": headed("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': ()}", b"N."),
        "objects in an array": saved(objects),
        "objects in an array inside": saved(np.array({"embeddings": objects}, dtype=object)),
        "texts": saved(np.array(["a"])),
        "not numbers": saved(np.array({"embeddings": np.full((2, 4), np.nan)}, dtype=object)),
        "no dict": saved(np.array([1, 2])),
    }
