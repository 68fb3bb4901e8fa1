"""What a Bento carries is pinned: a file that changed, went or came since it was packaged is not served."""

from pathlib import Path

import pytest

from components.packaging.bundle import write_bundle
from components.packaging.lineage import Lineage
from components.packaging.loading import check_digests
from components.packaging.selftest import SelfTest
from model.errors import UserError
from tests.components.packaging.artefacts import incoming


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("components.packaging.presets.SERVED_WEIGHTS", ())
    folders = incoming(tmp_path)
    write_bundle(tmp_path / "bundle", **folders, lineage=Lineage.of(**folders), self_test=SelfTest())
    check_digests(tmp_path / "bundle")
    return tmp_path / "bundle"


def test_a_changed_file(bundle: Path) -> None:
    (bundle / "model" / "card.md").write_text("# Another\n")
    with pytest.raises(UserError, match=r"model/card\.md of this Bento is not the file that was packaged"):
        check_digests(bundle)


def test_a_file_that_went(bundle: Path) -> None:
    (bundle / "scores.json").unlink()
    with pytest.raises(UserError, match=r"scores\.json of this Bento"):
        check_digests(bundle)


def test_a_file_that_came(bundle: Path) -> None:
    (bundle / "model" / "more.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match=r"more\.safetensors of this Bento"):
        check_digests(bundle)
