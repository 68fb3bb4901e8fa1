"""The photo that an order wants edited: which faces make room, what the model is shown, and what is refused."""

import base64
import json
from io import BytesIO

import c2pa
import numpy as np
import pytest
from PIL import Image

from components.packaging.consent import Consent, FaceList
from components.packaging.engine import Engine
from components.packaging.refusals import RefusalError
from components.packaging.requests import GenerateRequest
from tests.components.packaging.files import base64_of, encoded
from tests.components.packaging.small import Painter, small_engine, with_faces

WIDTH, HEIGHT = 160, 128  # of the small engine's pictures
REFERENCE = base64_of(encoded(with_faces(40)))


@pytest.fixture
def engine() -> Engine:
    made = small_engine()
    made.edits = True
    return made


def photo(*faces: tuple[int, int, int], grey: int = 60, size: tuple[int, int] = (WIDTH, WIDTH)) -> str:
    """A photo with white squares, as (x, y, side)."""
    image = Image.new("RGB", size, (grey,) * 3)
    for x, y, side in faces:
        image.paste((255, 255, 255), (x, y, x + side, y + side))
    return base64_of(encoded(image))


def order(image: str | None, references: int = 1, **more: object) -> GenerateRequest:
    asked = {"prompt": "a man", "references": [REFERENCE] * references, "image": image} | more
    return GenerateRequest.model_validate_json(json.dumps(asked))


def test_the_leftmost_faces_make_room_and_are_not_shown(engine: Engine) -> None:
    two = photo((100, 20, 40), (10, 60, 40))
    (asked,) = engine.order(order(two)).requests
    assert asked.shown is not None
    assert asked.shown.shape == (HEIGHT, WIDTH, 3)
    for x, y in ((10, 60), (100, 20)):  # the corners of both faces are no white edge any more
        assert 60 < asked.shown[round(y * HEIGHT / WIDTH) + 2, x + 1, 0] < 200
    rows = HEIGHT / WIDTH  # the square photo is drawn this much lower
    np.testing.assert_allclose(asked.boxes, [[10, 60 * rows, 50, 100 * rows]], atol=9)
    both = engine.order(order(two, references=2)).requests[0]
    assert both.boxes[0, 0] < both.boxes[1, 0]


def test_boxes_of_the_request_come_before_the_faces(engine: Engine) -> None:
    (asked,) = engine.order(order(photo((10, 60, 40)), boxes=[[0.5, 0.0, 1.0, 0.5]])).requests
    assert asked.boxes.tolist() == [[WIDTH / 2, 0, WIDTH, HEIGHT / 2]]


def test_a_face_that_nobody_found_is_not_shown_where_the_request_has_a_box(engine: Engine) -> None:
    image = Image.open(BytesIO(base64.b64decode(photo((10, 60, 40)))))
    image.paste((200, 200, 200), (100, 20, 140, 50))  # no white: nobody finds it
    (asked,) = engine.order(order(base64_of(encoded(image)), boxes=[[0.5, 0.0, 1.0, 0.5]])).requests
    assert asked.shown is not None
    rows = HEIGHT / WIDTH
    for x, y, white in ((10, 60, 255), (100, 20, 200)):
        assert 60 < asked.shown[round(y * rows) + 2, x + 1, 0] < white - 20


def test_photos_that_cannot_be_edited(engine: Engine) -> None:
    for image, words in (
        (photo((10, 60, 40), size=(200, 120)), "image has 200 x 120 pixels and is not about square; crop it"),
        (photo(), "image shows 0 faces of 25 pixels at 160 x 128; send a closer photo, fewer references than 1, or"),
        (photo((10, 60, 20)), "image shows 0 faces of 25 pixels"),
        (base64_of(b"GIF89a"), "image is no JPEG, PNG or WebP picture"),
        (None, "image is missing, and this model edits a photo; send the photo"),
    ):
        with pytest.raises(RefusalError, match=words):
            engine.order(order(image))
    with pytest.raises(RefusalError, match="image is of no use to this model, which makes new pictures; leave it out"):
        small_engine().order(order(photo((10, 60, 40))))


def test_nobody_is_edited_whose_face_may_not_be_used(engine: Engine) -> None:
    class Holds(FaceList):
        def __init__(self, grey: float) -> None:
            self.grey = grey

        def holds(self, embedding: np.ndarray) -> bool:
            return abs(float(embedding[0]) - self.grey) < 2

    engine.references.consent = Consent(forgotten=Holds(60))
    with pytest.raises(RefusalError, match="image shows a person whose face may not be used"):
        engine.order(order(photo((10, 60, 40))))
    engine.order(order(photo((10, 60, 40), grey=90)))


def test_what_was_made_says_that_a_photo_is_in_it(engine: Engine) -> None:
    sources = []
    for maker, image in ((engine, photo((10, 60, 40))), (small_engine(), None)):
        made = maker.make([maker.order(order(image))])[0]
        with c2pa.Reader("image/png", BytesIO(made.files[0])) as reader:
            store = json.loads(reader.json())
        (actions,) = [
            one["data"]["actions"]
            for one in store["manifests"][store["active_manifest"]]["assertions"]
            if one["label"].startswith("c2pa.actions")
        ]
        sources.append(actions[0]["digitalSourceType"].rsplit("/", 1)[1])
    assert sources == ["compositeWithTrainedAlgorithmicMedia", "trainedAlgorithmicMedia"]


def test_orders_with_photos_are_drawn_alone(engine: Engine) -> None:
    engine.together = True
    assert engine.alike(order(photo((10, 60, 40)))) is None
    assert isinstance(engine.pipeline, Painter)
    assert small_engine().alike(order(None)) is None  # not warm yet
