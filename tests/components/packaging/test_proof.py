"""The proof of a service passes a good one and names what is wrong with a bad one."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from components.packaging import proof
from components.packaging.engine import Engine
from components.packaging.lineage import Lineage
from components.packaging.proof import check, prove
from model.errors import UserError
from model.sampler import Request
from tests.components.packaging.files import encoded
from tests.components.packaging.small import LINEAGE, Painter, with_faces

FACE = encoded(with_faces(40))


class Restless(Painter):
    def paint(self, request: Request) -> Image.Image:
        picture = super().paint(request)
        picture.putpixel((0, 0), (len(self.orders), 0, 0))
        return picture


class Stubborn(Painter):
    def paint(self, request: Request) -> Image.Image:
        return Image.new("RGB", (request.width, request.height))


class Boastful(Painter):
    def layout(self, n: int) -> tuple[NDArray[np.float32], int, int]:
        boxes, width, height = super().layout(n)
        return boxes, width * 2, height * 2

    def paint(self, request: Request) -> Image.Image:
        return super().paint(request).reduce(2)


Served = tuple[httpx.Client, Engine]


@pytest.mark.parametrize(
    ("painter", "lineage", "failed"),
    [
        (Painter(), LINEAGE, set()),
        (Restless(), LINEAGE, {"deterministic"}),
        (Stubborn(), LINEAGE, {"seed_matters"}),
        (Boastful(), LINEAGE, {"size"}),
        (Painter(), LINEAGE.model_copy(update={"dataset": "0" * 64}), {"lineage_told", "lineage_in_picture"}),
    ],
    ids=["good", "restless", "stubborn", "boastful", "mislabelled"],
)
def test_each_fault_is_named(
    served: Served, monkeypatch: pytest.MonkeyPatch, painter: Painter, lineage: Lineage, failed: set[str]
) -> None:
    client, engine = served
    monkeypatch.setattr(engine, "pipeline", painter)
    seconds, checks = check(client, FACE, lineage)
    assert seconds > 0
    assert {name for name, passed in checks.items() if not passed} == failed


def test_a_service_that_edits_is_asked_to_edit_the_reference(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    client, engine = served
    painter = Painter()
    monkeypatch.setattr(engine, "pipeline", painter)
    monkeypatch.setattr(engine, "edits", True)
    square = with_faces(40).crop((0, 0, 100, 100))
    assert all(check(client, encoded(square), LINEAGE)[1].values())
    assert all(order.shown is not None for order, *_ in painter.orders)


def test_a_service_that_makes_no_picture(served: Served) -> None:
    with pytest.raises(UserError, match=r"a good request, and is not delivered: references\[0\] shows no face"):
        check(served[0], encoded(with_faces()), LINEAGE)


def test_failed_checks_stop_the_delivery(served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    @contextmanager
    def careless(bento: Path, scratch: Path, ready_seconds: float, device: str) -> Iterator[tuple[httpx.Client, float]]:
        (scratch / "kept").write_bytes(FACE)
        yield served[0], 1.0

    monkeypatch.setattr(served[1], "pipeline", Restless())
    monkeypatch.setattr(proof, "serving", careless)
    with pytest.raises(UserError, match="failed its checks deterministic, reference_not_kept; it is not delivered"):
        prove(tmp_path, [encoded(with_faces()), FACE], LINEAGE, 1)


def test_references_that_are_all_unfit(served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(proof, "serving", lambda *_: nullcontext((served[0], 1.0)))
    with pytest.raises(UserError, match="accepts none of the 2 references of the scores; evaluate again"):
        prove(tmp_path, [encoded(with_faces()), encoded(with_faces(40, 40))], LINEAGE, 1)
