"""Tests of the whole product take minutes each: they run when asked for, `pytest -m acceptance`."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "acceptance: runs the whole product, minutes long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "acceptance" in config.getoption("markexpr"):
        return
    skip = pytest.mark.skip(reason="takes minutes: pytest -m acceptance")
    for item in items:
        if item.get_closest_marker("acceptance"):
            item.add_marker(skip)
