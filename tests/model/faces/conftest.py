"""One portrait of a person who does not exist, for the tests of this folder."""

import numpy as np
import pytest

from tests.faces import portrait_of


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """A frontal portrait [256,256,3] uint8 RGB."""
    return portrait_of(0)
