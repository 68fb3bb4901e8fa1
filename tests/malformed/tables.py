"""Listings and parquet tables that spreadsheets, crashes and ill will make."""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from model.dataset.records import REJECTS


def listings() -> dict[str, bytes]:
    return {
        "zero bytes": b"",
        "only a mark": b"\xef\xbb\xbf",
        "no path": b"name,person\na.jpg,Ada\n",
        "two paths": b"path,path\na.jpg,b.jpg\n",
        "zero bytes in cells": b"path,person\na\0.jpg,A\0da\na.jpg,Ada\n",
        "quote that never closes": b'path,person\n"a.jpg,Ada\nb.jpg,Bo\n',
        "cell without end": b"path,person\na.jpg," + b"x" * 200_000 + b"\n",
        "header without end": b"path," + b"x" * 200_000 + b"\n",
        "quote in the header that never closes": b'path,"person\na.jpg,Ada\n',
        "utf-16": "path,person\né.jpg,Ada\n".encode("utf-16"),
        "utf-16 cut": "path,person\né.jpg,Ada\n".encode("utf-16")[:-1],
        "utf-16 without its mark": "path,person\na.jpg,Ada\n".encode("utf-16-le"),
        "two marks": b"\xef\xbb\xbf\xef\xbb\xbfpath,person\na.jpg,Ada\n",
        "mark of another coding": b"\xff\xfepath,person\na.jpg,Ada\n",
        "latin letters": b"path,person\ncaf\xe9.jpg,Ren\xe9\na.jpg,Ada\n",
        "binary": bytes(range(256)) * 40,
        "line ends of three kinds": b"path,person\r\na.jpg,Ada\rb.jpg,Bo\n",
        "paths that lead out": b"path\n../../etc/passwd\n/etc/passwd\n..\n.\n~/x\na.jpg/../../b\n",
        "more cells than columns": b"path\na.jpg,b,c\n",
        "path of a kilometre": b"path\n" + b"a/" * 9000 + b"\n",
        "formula": b'path,person\na.jpg,"=HYPERLINK(""file:///etc/passwd"")"\n',
    }


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def parquets() -> dict[str, bytes]:
    sound = parquet(pa.Table.from_pylist([dict.fromkeys(REJECTS.names, "x")] * 9, schema=REJECTS))
    names = list(REJECTS.names)
    columns: dict[str, pa.Array] = dict.fromkeys(names, pa.array(["x"] * 3))
    nothing = columns | {names[0]: pa.array(["x", None, "y"])}
    footer = int.from_bytes(sound[-8:-4], "little")
    return {
        "zero bytes": b"",
        "magic alone": b"PAR1",
        "cut": sound[: len(sound) // 2],
        "cut at its end": sound[:-1],
        "wrong magic": b"PAR2" + sound[4:-4] + b"PAR2",
        "footer of huge claim": sound[:-8] + b"\xff\xff\xff\x7fPAR1",
        "footer of nothing": sound[:-8] + bytes(4) + b"PAR1",
        "footer of garbage": sound[: -8 - footer] + b"\x55" * footer + sound[-8:],
        "pages of garbage": sound[:4] + b"\xaa" * 60 + sound[64:],
        "missing column": parquet(pa.table({name: columns[name] for name in names[1:]})),
        "column too many": parquet(pa.table(columns | {"more": columns[names[0]]})),
        "column twice": parquet(pa.Table.from_arrays([columns[names[0]]] * 5, names=[*names, names[0]])),
        "wrong type": parquet(pa.table(columns | {names[0]: pa.array([1, 2, 3])})),
        "nothing where something must be": parquet(pa.table(nothing)),
        "words": b"path,stage,reason,detail\n",
    }
