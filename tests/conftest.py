"""For all tests: what is imported is no garbage, and who called whom is told without the lines of source.

Kfp asks for these lines at each setting of a task, and never reads them.
"""

import inspect
from collections.abc import Generator, Iterator
from functools import partial

import pytest

from model.garbage import imports_stay


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage neither while all tests are imported nor, later, among the objects that this makes."""
    with imports_stay():
        return (yield)


@pytest.fixture(scope="session", autouse=True)
def _callers_without_their_source() -> Iterator[None]:
    """Each setting of a task has kfp look up the whole stack: below pytest a graph takes seconds, not half of one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspect, "stack", partial(inspect.stack, 0))
        yield
