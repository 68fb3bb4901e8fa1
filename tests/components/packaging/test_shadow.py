"""A second model beside the champion: compared on the same orders, harmless when it fails, reported with intervals."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from components.packaging.engine import Engine, Made
from components.packaging.requests import GenerateRequest
from components.packaging.shadow import Shadow
from components.packaging.shadow_report import shadow_report
from model.errors import UserError
from model.sampler import Request
from tests.components.packaging.files import base64_of, encoded
from tests.components.packaging.small import LINEAGE, Painter, small_engine, with_faces

ORDER = GenerateRequest(prompt="a person", references=[base64_of(encoded(with_faces(40)))], seed=3)


class Faces(Painter):
    """Paints a face into the box, on the grey that is the person's."""

    def paint(self, request: Request) -> Image.Image:
        picture = Image.new("RGB", (request.width, request.height), (int(request.embeddings[0, 0]),) * 3)
        x0, y0, x1, y1 = request.boxes[0].astype(int)
        side = min(x1 - x0, y1 - y0) // 2
        left, top = (x0 + x1 - side) // 2, (y0 + y1 - side) // 2
        picture.paste((255, 255, 255), (left, top, left + side, top + side))
        return picture


class Broken(Painter):
    def paint(self, request: Request) -> Image.Image:
        raise ZeroDivisionError


def trial(folder: Path, painter: Painter) -> tuple[Shadow, Made, Engine]:
    engine = small_engine()
    lineage = LINEAGE.model_copy(update={"model": "s" * 64})
    shadow = Shadow(painter, lineage, LINEAGE, engine.analyser, 1.0, folder / "scores.jsonl")
    return shadow, engine.make([engine.order(ORDER)])[0], engine


def lines(shadow: Shadow) -> list[dict[str, Any]]:
    return [json.loads(line) for line in shadow.scores.read_text().splitlines()]


def test_both_are_scored_on_the_same_order_and_only_numbers_are_kept(tmp_path: Path) -> None:
    painter = Faces()
    shadow, made, _ = trial(tmp_path, painter)
    shadow.compare(ORDER, made)
    (line,) = lines(shadow)
    assert line["champion"] == {"similarity": 0.0, "copy": 0.0}  # it drew no face
    assert line["shadow"]["similarity"] == pytest.approx(1)
    assert 0 < line["shadow"]["copy"] <= 1
    assert painter.orders[0][0] is made.order.requests[0]
    flat = [value for part in (line, line["champion"], line["shadow"]) for value in part.values()]
    assert {type(value) for value in flat} <= {int, float, bool, str, dict}
    assert {value for value in flat if isinstance(value, str)} == {"m" * 64, "s" * 64}


def test_a_shadow_that_fails_is_noted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shadow, made, _ = trial(tmp_path, Broken())
    shadow.compare(ORDER, made)
    assert lines(shadow)[0]["failed"]
    assert "the shadow failed" in caplog.text


def test_the_report_compares_order_by_order(tmp_path: Path) -> None:
    shadow, made, _ = trial(tmp_path, Faces())
    for _ in range(5):
        shadow.compare(ORDER, made)
    replace(shadow, pipeline=Broken()).compare(ORDER, made)
    with open(shadow.scores, "a") as file:
        file.write('{"at": 3')  # being written
    found = shadow_report(shadow.scores)
    assert (found["orders"], found["failed"], found["people"]) == (6, 1, {"1": 5})
    assert (found["champion_model"], found["shadow_model"]) == ("m" * 64, "s" * 64)
    assert found["metrics"]["similarity"]["difference"]["mean"] == pytest.approx(1)
    assert found["metrics"]["similarity"]["difference"]["n"] == 5
    assert np.isfinite(found["shadow_seconds_median"])


DONE_WITHOUT_FIGURES = '{"at": 1, "failed": false, "champion_model": "c", "shadow_model": "s"}\n'


@pytest.mark.parametrize("text", ["", "{}\n{}\n", "no json\nat all\n", "[]\n[]\n", DONE_WITHOUT_FIGURES * 2])
def test_files_that_hold_no_trial_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "scores").write_text(text)
    with pytest.raises(UserError, match="trial"):
        shadow_report(tmp_path / "scores")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scores").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="is no text, as a shadow's scores are; give the file that the service wrote"):
        shadow_report(tmp_path / "scores")
