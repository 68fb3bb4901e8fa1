"""One service with a small model for all tests, as the framework takes a service once a process for its metrics."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from components.packaging import engine, service
from components.packaging.engine import Engine
from tests.components.packaging.small import small_engine


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[TestClient, Engine]]:
    small = small_engine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "load_engine", lambda bundle: small)
        with TestClient(service.WithAnyone.to_asgi()) as client:  # type: ignore[attr-defined]
            yield client, small


@pytest.fixture
def client(served: tuple[TestClient, Engine]) -> TestClient:
    return served[0]
