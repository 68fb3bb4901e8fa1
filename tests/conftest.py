"""For all tests: what is imported is no garbage, and who called whom is told without the lines of source.

Kfp asks for these lines at each setting of a task, and never reads them.
"""

import gc
import inspect
from collections.abc import Generator, Iterator
from functools import partial

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage neither while all tests are imported nor, later, among the objects that this makes."""
    thresholds = gc.get_threshold()
    gc.set_threshold(0)  # libraries enable it again as they are imported
    try:
        return (yield)
    finally:
        gc.set_threshold(*thresholds)
        gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _callers_without_their_source() -> Iterator[None]:
    """Each setting of a task has kfp look up the whole stack: below pytest a graph takes seconds, not half of one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspect, "stack", partial(inspect.stack, 0))
        yield
