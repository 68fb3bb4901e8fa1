"""Tests of the whole product take minutes each: they run when asked for, `pytest -m acceptance` or `-m containers`."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.steps import STEPS
from model.errors import UserError
from pipelines.containers import containers
from pipelines.settings import load_settings
from pipelines.store import Store
from tests.acceptance.tiny_run import open_to_steps, run

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


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    """A client of the container engine; without one, or without the images, its tests are skipped."""
    import docker

    settings = load_settings(None)
    try:
        containers(STEPS, settings, Store(Path("none")))
    except UserError as error:
        if os.environ.get("CONTAINERS_MUST_RUN"):  # set where they were built a moment ago
            raise
        pytest.skip(str(error))
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="session")
def boxed(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder, and the record of the run that was made in its `boxed`, each step in its container."""
    home = tmp_path_factory.mktemp("boxed")
    open_to_steps(home)
    code, record, words = run(home, "boxed", "--in-containers")
    assert code == 0, words
    return home, record
