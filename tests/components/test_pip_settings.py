"""What a build is told of the package index: the same to pip and to uv."""

import tomllib
from pathlib import Path

import pytest

from components import pip_settings
from components.pip_settings import for_uv, volumes


def test_both_installers_are_told_the_same_and_see_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels, index = tmp_path / "wheels", tmp_path / "index" / "simple"
    wheels.mkdir()
    index.mkdir(parents=True)
    known = {
        "find-links": str(wheels),
        "extra-index-url": f"https://example.org/simple\nfile://{index}",
        "timeout": "9",
    }
    monkeypatch.setattr(pip_settings, "settings", lambda: known)
    shown = volumes(tmp_path)
    assert shown[:2] == [f"{tmp_path}/pip.conf:/etc/pip.conf:ro", f"{tmp_path}/uv.toml:/etc/uv/uv.toml:ro"]
    assert shown[2:] == sorted(f"{place}:{place}:ro" for place in (wheels, index.parent))
    assert f"extra-index-url = https://example.org/simple file://{index}\n" in (tmp_path / "pip.conf").read_text()
    told = tomllib.loads((tmp_path / "uv.toml").read_text())["pip"]
    assert told["extra-index-url"] == ["https://example.org/simple", f"file://{index}"]
    assert told["find-links"] == [str(wheels)]


def test_the_index_itself_is_one_and_no_index_is_before_another() -> None:
    told = tomllib.loads(for_uv({"index-url": "https://example.org/simple", "cert": "/etc/ca.pem"}))
    assert told == {
        "system-certs": True,
        "pip": {"index-strategy": "unsafe-best-match", "index-url": "https://example.org/simple"},
    }


def test_without_settings_nothing_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pip_settings, "settings", dict)
    assert volumes(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
