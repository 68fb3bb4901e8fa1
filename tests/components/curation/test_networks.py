"""The networks of the faces pass: the pack that is looked into for its digest is the one that is loaded."""

from pathlib import Path

import pytest

from components.curation import networks
from components.curation.config import CurationConfig


def test_a_pack_below_the_users_home_is_found_by_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "pack").mkdir()
    loaded: list[Path | None] = []
    monkeypatch.setattr(networks, "load_analyser", lambda _, pack, device: loaded.append(pack))
    config = CurationConfig(pack="~/pack")
    networks.load(config)
    assert (networks.recogniser(config)["name"], loaded) == ("pack", [tmp_path / "pack"])
