"""Tars that are cut, lie about sizes, or name what is not theirs."""

import gzip
import io
import tarfile

from tests.components.curation.multiid.releases import sample

FILE = tarfile.REGTYPE


def header(name: bytes, size: bytes = b"%011o" % 3, kind: bytes = FILE, link: bytes = b"", mend: bool = True) -> bytes:
    """One header block, with the right checksum or a wrong one."""
    block = name.ljust(100, b"\0")[:100] + b"0000644\0" + b"0000000\0" * 2 + size.ljust(12, b"\0") + b"%011o\0" % 0
    block += b" " * 8 + kind + link.ljust(100, b"\0")[:100] + b"ustar\00000"
    block = block.ljust(512, b"\0")
    return block[:148] + b"%06o\0 " % (sum(block) + (0 if mend else 1)) + block[156:]


def body(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def packed(members: list[tuple[str, bytes]], kind: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:", format=kind) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def extended(record: bytes, kind: bytes = b"x") -> bytes:
    """An extended header before the member it is about."""
    return header(b"pax", b"%011o" % len(record), kind) + body(record) + header(b"k.jpg") + body(b"abc")


def record(name: bytes, value: bytes) -> bytes:
    text = b" " + name + b"=" + value + b"\n"
    length = len(text)
    while length != len(b"%d" % length) + len(text):
        length = len(b"%d" % length) + len(text)
    return b"%d" % length + text


def tars() -> dict[str, bytes]:
    whole = packed(sample("0001"))
    end = bytes(1024)
    one = body(b"abc")
    odd = {
        "symbolic link": header(b"0001.jpg", b"", tarfile.SYMTYPE, b"/etc/passwd"),
        "hard link": header(b"0001.jpg", b"", tarfile.LNKTYPE, b"../../etc/passwd"),
        "device": header(b"0001.jpg", b"", tarfile.CHRTYPE),
        "pipe": header(b"0001.jpg", b"", tarfile.FIFOTYPE),
        "sparse": header(b"0001.jpg", b"%011o" % 3, tarfile.GNUTYPE_SPARSE) + one,
        "unknown kind": header(b"0001.jpg", b"%011o" % 3, b"Z") + one,
        "absolute name": header(b"/tmp/0001.jpg") + one,
        "name that leads up": header(b"../../0001.jpg") + one,
        "name that leads up inside": header(b"a/../../0001.jpg") + one,
        "name of another system": header(b"..\\..\\0001.jpg") + one,
        "name without letters": header(b"") + one,
        "name of no utf-8": header(b"caf\xe9.jpg") + one,
        "name of one dot": header(b".jpg") + one,
        "huge claim": header(b"0001.jpg", b"%011o" % (8**11 - 1)) + one,
        "huger claim": header(b"0001.jpg", b"\x80" + b"\xff" * 11) + one,
        "negative size": header(b"0001.jpg", b"\xff" * 11 + b"\0") + one,
        "size that leads back to itself": header(b"0001.jpg", b"\xff" * 10 + b"\xfe\0") + one,
        "size of letters": header(b"0001.jpg", b"many") + one,
        "extended header of huge claim": header(b"pax", b"%011o" % (8**11 - 1), b"x") + one,
        "extended header that is negative": header(b"pax", b"\xff" * 10 + b"\xfe\0", b"x") + one,
        "extended size of letters": extended(record(b"size", b"many")),
        "extended size that is negative": extended(record(b"size", b"-512")),
        "extended size beyond all": extended(record(b"size", b"9" * 40)),
        "extended name that leads up": extended(record(b"path", b"../../x.jpg")),
        "extended record longer than it is": extended(b"999 path=x\n"),
        "extended record of no length": extended(b"0 path=x\n"),
        "extended digits without end": extended(b"1" * 16_000),
        "extended sparse map": extended(record(b"GNU.sparse.major", b"1") + record(b"GNU.sparse.minor", b"0")),
        "extended header without a member": header(b"pax", b"%011o" % 0, b"x"),
        "extended headers without end": header(b"pax", b"%011o" % 0, b"x") * 3000,
        "long name without a member": header(b"long", b"%011o" % 3, b"L") + one,
        "second sample of one key": packed(sample("0001", 3))[:-1024] + packed(sample("9"))[:-1024] + whole,
        "wrong checksum": header(b"0001.jpg", mend=False) + one,
    }
    damaged = {f"{name} after a sample": whole[: len(packed_end(whole))] + data + end for name, data in odd.items()}
    return damaged | {
        "cut in a header": whole[:300],
        "cut in a body": whole[:1500],
        "cut before its end mark": packed_end(whole),
        "zero bytes": b"",
        "zeros": bytes(4096),
        "gzip under the name of a tar": gzip.compress(whole, mtime=0),
        "words": b"no tar at all " * 100,
        "wrong checksum at once": header(b"0001.jpg", mend=False) + one + end,
    }


def packed_end(tar: bytes) -> bytes:
    """A tar without its end mark and padding."""
    return tar.rstrip(b"\0") + bytes(-len(tar.rstrip(b"\0")) % 512)
