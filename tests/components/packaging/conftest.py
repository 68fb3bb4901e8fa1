"""One service and one Bento with a small model for all tests: a process takes one service, and a Bento takes time."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from components.packaging import loading, service, step
from components.packaging.bundle import write_sources
from components.packaging.config import PackagingConfig
from components.packaging.engine import Engine
from components.packaging.selftest import SelfTest
from tests.components.packaging import small
from tests.components.packaging.artefacts import incoming
from tests.components.packaging.small import Painter, small_engine
from tests.once import once


@pytest.fixture(scope="session")
def app() -> ASGIApp:
    made: ASGIApp = service.WithAnyone.to_asgi()  # type: ignore[attr-defined]
    return made


@pytest.fixture(scope="session")
def served(app: ASGIApp) -> Iterator[tuple[TestClient, Engine]]:
    engine = small_engine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "load_engine", lambda bundle, settings: engine)
        patch.setattr(service, "write_json_lines", lambda: None)  # pytest has the handlers
        patch.setattr(service, "end_with_parent", lambda: None)  # pytest may outlive its shell
        with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000)) as client:
            yield client, engine


@pytest.fixture
def client(served: tuple[TestClient, Engine]) -> TestClient:
    return served[0]


@pytest.fixture
def orders(served: tuple[TestClient, Engine]) -> list[Any]:
    painter = served[1].pipeline
    assert isinstance(painter, Painter)
    painter.orders.clear()
    return painter.orders


# Put at the end of the packaged loading: what the service then loads instead of the networks.
SMALL_ENGINE = """

def load_engine(bundle: Path, settings: ServiceSettings) -> Engine:
    check_digests(bundle)
    from tests.components.packaging.small import small_engine

    engine = small_engine()
    engine.lineage = Lineage.model_validate(read_json(bundle / LINEAGE))
    return engine
"""


def small_sources(folder: Path) -> None:
    """Write the sources of a Bento that serves the small engine."""
    write_sources(folder)
    with open(folder / "components" / "packaging" / "loading.py", "a") as source:
        source.write(SMALL_ENGINE)
    place = folder / "tests" / "components" / "packaging"
    place.mkdir(parents=True)
    shutil.copy(str(small.__file__), place)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path]]:
    """A Bento made by the step, with the small engine in place of the networks and no weights."""
    root = once(tmp_path_factory, "made", _make)
    return root / "bento", {name: root / name for name in ("model", "scores", "decision")}


def _make(root: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, "write_sources", small_sources)
        patch.setattr(step, "_self_test", lambda model, references, device: SelfTest())
        patch.setattr("components.packaging.presets.SERVED_WEIGHTS", ())
        patch.setenv("BENTOML_HOME", str(root / "home of the user"))
        step.run(**incoming(root), bento=root / "bento", config=PackagingConfig())
    assert not (root / "home of the user").exists()
