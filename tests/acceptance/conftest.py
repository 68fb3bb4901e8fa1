"""Tests of the whole product take minutes each: they run when asked for, `pytest -m acceptance` or `-m containers`."""

import pytest

ASKED = {
    "acceptance": "runs the whole product, minutes long",
    "containers": "runs the whole product in its containers, minutes long; `make test-containers`",
}


def pytest_configure(config: pytest.Config) -> None:
    for name, words in ASKED.items():
        config.addinivalue_line("markers", f"{name}: {words}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for name in ASKED:
        if name in config.getoption("markexpr"):
            continue
        skip = pytest.mark.skip(reason=f"takes minutes: pytest -m {name}")
        for item in items:
            if item.get_closest_marker(name):
                item.add_marker(skip)
