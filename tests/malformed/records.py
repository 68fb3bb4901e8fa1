"""JSON that is none, or of other types and sizes than anybody expects."""

import json
from typing import Any


def records() -> dict[str, bytes]:
    sound: dict[str, Any] = {"bboxes": [[5, 6, 35, 46], [60, 10, 90, 40]], "name": ["7", None]}

    def but(**fields: Any) -> bytes:
        return json.dumps(sound | fields).encode()

    return {
        "zero bytes": b"",
        "cut": but()[:-3],
        "list": b"[1, 2]",
        "number": b"7",
        "nothing": b"null",
        "no utf-8": b'{"name": "\xe9"}',
        "utf-16": but().decode().encode("utf-16"),
        "not a number": but(bboxes=[[float("nan"), 1, 2, 3]] * 2),
        "infinity": but(bboxes=[[0, 0, float("inf"), 3]] * 2),
        "infinity by an exponent": but().replace(b"35", b"1e999"),
        "number of many digits": but().replace(b"35", b"9" * 5000),
        "number beyond floats": but().replace(b"35", b"9" * 400),
        "lists without end": b"[" * 100_000,
        "boxes in boxes": b'{"name": [], "bboxes": ' + b"[" * 900 + b"]" * 900 + b"}",
        "objects without end": b'{"a":' * 100_000,
        "half a character": but(caption_en="\ud800"),
        "zero letter": but(caption_en="a\0b", url="\0", name=["7\0", None]),
        "names of wrong types": but(name=[{}, []]),
        "name of a path": but(name=["../../7", None]),
        "boxes of texts": but(bboxes=["a", "b"]),
        "boxes as an object": but(bboxes={"0": [1, 2, 3, 4]}),
        "crop of texts": but(crop="all"),
        "crop of one": but(crop=[1]),
        "key twice": but()[:-1] + b', "name": 7, "name": {}}',
        "schema of another type": but(schema={}, name={}),
    }
