"""Tiny checkpoints, written once for all tests of this room."""

from pathlib import Path

import pytest

from model.parts import Parts
from tests.model.checkpoints import tiny_parts


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """Folders with a FLUX model, a SigLIP model and an insightface pack."""
    folder: Path = tmp_path_factory.mktemp("parts")
    return tiny_parts(folder)
