"""The Bento's README says what a request holds, the photo to edit among it where the model edits."""

from dataclasses import replace
from pathlib import Path

import pytest

from components.packaging.card import write_readme
from model.presets import nano
from tests.components.packaging.small import LINEAGE


@pytest.mark.parametrize("edits", [False, True])
def test_only_a_model_that_edits_asks_for_a_photo(tmp_path: Path, edits: bool) -> None:
    (tmp_path / "card.md").write_text("## The model\n")
    write_readme(tmp_path / "README.md", tmp_path / "card.md", LINEAGE, replace(nano(), edits=edits))
    text = (tmp_path / "README.md").read_text()
    assert ("a request also has one, about square, as `image`" in text) == edits
    assert "## The model" in text
    assert "\n\n\n\n" not in text
