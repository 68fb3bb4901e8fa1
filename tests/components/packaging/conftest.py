"""One service with a small model for all tests, as the framework takes a service once a process for its metrics."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from components.packaging import loading, service
from components.packaging.engine import Engine
from tests.components.packaging.small import small_engine


@pytest.fixture(scope="session")
def app() -> ASGIApp:
    made: ASGIApp = service.WithAnyone.to_asgi()  # type: ignore[attr-defined]
    return made


@pytest.fixture(scope="session")
def served(app: ASGIApp) -> Iterator[tuple[TestClient, Engine]]:
    small = small_engine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "load_engine", lambda bundle, settings: small)
        patch.setattr(service, "write_json_lines", lambda: None)  # pytest has the handlers
        with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000)) as client:
            yield client, small


@pytest.fixture
def client(served: tuple[TestClient, Engine]) -> TestClient:
    return served[0]
