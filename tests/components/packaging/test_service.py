"""The service over HTTP, in process, with a small model: answers, refusals, readiness, and a worker that stays well."""

import asyncio
import base64
import json
import logging
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from bentoml._internal.utils.analytics import usage_stats
from PIL import Image
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message

from components.packaging import limits, service
from components.packaging.engine import Engine
from components.packaging.page import FILES
from components.packaging.requests import GenerateRequest
from model.layout import layout
from tests.components.packaging.files import SVG, animated, base64_of, encoded, png_bomb
from tests.components.packaging.small import LINEAGE, SIZE, Painter, with_faces

FACE = base64_of(encoded(with_faces(40)))
OTHER = base64_of(encoded(with_faces(40, grey=90)))
ORDER = {"prompt": "a person", "references": [FACE], "seed": 3}


def generated(client: TestClient, **changes: Any) -> Image.Image:
    answer = client.post("/generate", json={**ORDER, **changes})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text
    return Image.open(BytesIO(answer.content))


def refused(client: TestClient, status: int, words: str, path: str = "/generate", **changes: Any) -> None:
    answer = client.post(path, json={**ORDER, **changes} if path == "/generate" else changes)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    body = answer.json()
    assert words in body["detail"]
    assert body["detail"] == f"{body['what']} {body['why']}; {body['remedy']}."
    assert body["status"] == status
    generated(client)  # the worker goes on


def test_a_picture_carries_its_lineage(client: TestClient) -> None:
    picture = generated(client, seed=11, id_weight=0.5, steps=9)
    assert picture.size == SIZE
    told = {name.removeprefix("withanyone."): value for name, value in picture.text.items()}  # type: ignore[attr-defined]
    assert told == {**LINEAGE.model_dump(), "seed": "11", "id_weight": "0.5", "steps": "9"}


def test_same_inputs_same_picture(client: TestClient) -> None:
    first, again = (generated(client).tobytes() for _ in range(2))
    assert first == again
    assert generated(client, seed=4).tobytes() != first
    assert generated(client, references=[OTHER]).tobytes() != first


def test_who_hangs_up_gives_up_the_place_and_the_rest_of_the_work(
    client: TestClient, app: ASGIApp, monkeypatch: pytest.MonkeyPatch, served: tuple[TestClient, Engine]
) -> None:
    monkeypatch.setattr(served[1].pipeline, "pause", 0.02)
    body = json.dumps({**ORDER, "steps": 100}).encode()
    coming: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    told: list[Message] = []

    async def receive() -> Message:
        if coming:
            return coming.pop()
        await asyncio.sleep(0.2)  # of the two seconds that its picture takes
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        told.append(message)

    address = {"client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 80), "path": "/generate", "query_string": b""}
    headers = [(b"content-type", b"application/json"), (b"host", b"127.0.0.1")]
    scope = {"type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "headers": headers, **address}
    assert client.portal is not None
    client.portal.call(app, scope, receive, send)
    assert (told[0]["status"], json.loads(told[1]["body"])["type"]) == (409, "urn:withanyone:cancelled")
    generated(client)


def test_several_pictures_have_the_seeds_that_follow(client: TestClient) -> None:
    files = client.post("/generate", json={**ORDER, "pictures": 3, "seed": 2**32 - 2}).json()["pictures"]
    pictures = [Image.open(BytesIO(base64.b64decode(file))) for file in files]
    assert [picture.text["withanyone.seed"] for picture in pictures] == [str(2**32 - 2), str(2**32 - 1), "0"]  # type: ignore[attr-defined]
    assert [picture.tobytes() for picture in pictures] == [
        generated(client, seed=seed).tobytes() for seed in (2**32 - 2, 2**32 - 1, 0)
    ]


def test_a_picture_has_the_size_that_was_asked_for(client: TestClient, orders: list[Any]) -> None:
    assert generated(client, size=[256, 128]).size == (256, 128)
    assert orders[0][0].boxes.tolist() == layout(1, (256, 128)).tolist()


def test_layout_places_people(client: TestClient) -> None:
    placed = client.post("/layout", json={"people": 2}).json()
    assert placed == client.post("/model", json={}).json()["layouts"]["2"]
    wide = client.post("/layout", json={"people": 2, "size": [256, 128]}).json()
    assert (wide["width"], len(wide["boxes"])) == (256, 2)
    refused(client, 422, "people is not valid", "/layout", people=0)
    refused(client, 422, "are 4, more people than", "/layout", people=4)


def test_boxes_are_placed_in_order(client: TestClient, orders: list[Any]) -> None:
    generated(client, references=[FACE, OTHER], boxes=[[0.5, 0.25, 1, 0.75], [0, 0, 0.5, 0.5]], id_weight=2, steps=4)
    request, steps, id_weight, _ = orders[0]
    assert request.boxes.tolist() == [[80, 32, 160, 96], [0, 0, 80, 64]]
    assert request.embeddings[:, 0].tolist() == [30, 90]
    assert (steps, id_weight) == (4, 2)


def test_without_boxes_the_pipeline_places(client: TestClient, orders: list[Any]) -> None:
    generated(client, references=[FACE, OTHER])
    assert orders[0][0].boxes.tolist() == Painter().layout(2)[0].tolist()


@pytest.mark.parametrize(
    ("picture", "status", "words"),
    [
        (encoded(with_faces()), 422, "references[0] shows no face that could be found"),
        (encoded(with_faces(limits.FACE_SIDE - 2)), 422, "references[0] shows no face of 32 pixels or more"),
        (encoded(with_faces(40, 50)), 422, "references[0] shows 2 faces; crop it to the person who is meant."),
        (SVG, 422, "references[0] is no JPEG, PNG or WebP picture"),
        (animated("GIF"), 422, "references[0] is no JPEG, PNG or WebP picture"),
        (png_bomb(20_000, 20_000), 413, "references[0] has more than 24000000 pixels"),
        (encoded(with_faces(40))[:200], 422, "references[0] is damaged"),
        (b"not a picture", 422, "references[0] is no JPEG"),
    ],
)
def test_pictures_that_cannot_be_references(client: TestClient, picture: bytes, status: int, words: str) -> None:
    refused(client, status, words, references=[base64_of(picture)])


def test_the_reference_at_fault_is_named(client: TestClient) -> None:
    refused(client, 422, "references[1] is no JPEG", references=[FACE, base64_of(SVG)])


def test_small_faces_in_the_background_are_ignored(client: TestClient) -> None:
    generated(client, references=[base64_of(encoded(with_faces(40, 12)))])


def test_more_people_than_the_pictures_hold(client: TestClient) -> None:
    refused(client, 422, "references are 4, more people than", references=[FACE] * 4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"boxes": [[0, 0, 1, 1], [0, 0, 1, 1]]}, "boxes hold 2 boxes for 1 references"),
        ({"boxes": [[0, 0, 2, 1]]}, "boxes[0][2] is not valid"),
        ({"prompt": "x" * 100_000}, "prompt is not valid"),
        ({"references": [FACE] * 5}, "references is not valid"),
        ({"sise": 3}, "The field 'sise' is not known; the nearest known one is size."),
        ({"size": [64, 64]}, "size is 64 x 64; choose one of 160 x 128, 256 x 128."),
        ({"pictures": 9}, "pictures is not valid"),
    ],
)
def test_requests_of_wrong_form(client: TestClient, changes: dict[str, Any], words: str) -> None:
    refused(client, 422, words, **changes)


def test_boxes_that_are_no_numbers(client: TestClient) -> None:
    body = json.dumps({**ORDER, "boxes": [[0, 0, float("nan"), 1]]})
    answer = client.post("/generate", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, "boxes[0][2]" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "application/vnd.bentoml+pickle",
        "image/svg+xml",
        "text/plain",
    ],
)
def test_only_json_comes_in(client: TestClient, kind: str) -> None:
    for path in ("/generate", "/faces", "/model"):
        answer = client.post(path, content=b"references=http://127.0.0.1:9/", headers={"content-type": kind})
        assert (answer.status_code, answer.json()["remedy"]) == (415, "send it with Content-Type: application/json")


def test_what_takes_nothing_reads_nothing(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.post("/model", content=b'{"prompt": "Ada, privately', headers={"content-type": "application/json"})
    assert (answer.status_code, "lineage" in answer.json()) == (200, True)
    assert "privately" not in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/generate", 405, "The method GET is not taken at this path; use POST."),
        ("DELETE", "/generate", 405, "The method DELETE is not taken at this path; use POST."),
        ("OPTIONS", "/faces", 405, "The method OPTIONS is not taken at this path; use POST."),
        ("GET", "/tasks", 405, "The method GET is not taken at this path; use POST."),
        ("GET", "/model", 405, "The method GET is not taken at this path; use POST."),
        ("GET", "/generated", 404, "The path is not known; /schema shows those that are."),
        ("POST", "/generated", 404, "The path is not known; /schema shows those that are."),
    ],
)
def test_paths_and_methods_that_are_not_there(
    client: TestClient, method: str, path: str, status: int, words: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"] == words
    assert answer.headers.get("allow") == ("POST" if status == 405 else None)


def test_compressed_bodies_are_refused(client: TestClient) -> None:
    assert client.post("/generate", content=b"x", headers={"content-encoding": "gzip"}).status_code == 415


def test_bodies_beyond_the_limit(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(limits.REQUEST_BYTES // (1 << 20) + 2):
            yield bytes(1 << 20)

    declared = client.post("/generate", content=b"{}", headers={"content-length": str(limits.REQUEST_BYTES + 1)})
    streamed = client.post("/generate", content=endless())
    for answer in (declared, streamed):
        assert (answer.status_code, answer.json()["what"]) == (413, "The request")
    generated(client)


def test_faces_tells_what_it_sees(client: TestClient) -> None:
    seen = client.post("/faces", json={"picture": base64_of(encoded(with_faces(40, 12)))}).json()
    assert [face["box"] for face in seen["faces"]] == [[20, 10, 60, 50], [80, 10, 92, 22]]
    assert (seen["usable"], seen["refusal"], seen["height"]) == (True, None, 100)
    two = client.post("/faces", json={"picture": base64_of(encoded(with_faces(40, 40)))}).json()
    assert (two["usable"], two["refusal"]) == (False, "picture shows 2 faces; crop it to the person who is meant.")
    refused(client, 422, "picture is no JPEG", "/faces", picture=base64_of(SVG))


def test_model_tells_lineage_licence_limits_and_scores(client: TestClient) -> None:
    facts = client.post("/model", json={}).json()
    assert facts["lineage"] == LINEAGE.model_dump()
    assert facts["licence"]["use"] == "research"
    assert facts["limits"]["prompt_characters"] == limits.PROMPT_CHARACTERS
    assert facts["scores"] == {"schema": 1}
    assert facts["layouts"].keys() == {"1", "2", "3"}  # what the pictures hold
    assert facts["layouts"]["1"]["boxes"] == [[4 / 160, 8 / 128, 156 / 160, 64 / 128]]


def test_ready_means_a_picture_was_made(client: TestClient, served: tuple[TestClient, Engine]) -> None:
    assert client.get("/readyz").status_code == 200
    served[1].warm = False
    assert client.get("/readyz").status_code == 503
    served[1].warm_up()
    assert client.get("/readyz").status_code == 200


def test_a_forgotten_person_is_refused_also_where_the_face_is_remembered(
    client: TestClient, served: tuple[TestClient, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Everybody:
        def holds(self, embedding: object) -> bool:
            return True

    generated(client)
    monkeypatch.setattr(served[1].references.consent, "forgotten", Everybody())
    for path, body in (("/generate", ORDER), ("/faces", {"picture": FACE})):
        answer = client.post(path, json=body)
        told = answer.json()["detail"] if path == "/generate" else answer.json()["refusal"]
        assert "shows a person whose face may not be used" in told
    assert client.post("/generate", json=ORDER).status_code == 403


def test_others_than_this_machine_need_a_token(app: ASGIApp, served: tuple[TestClient, Engine]) -> None:
    other = TestClient(app, base_url="http://10.0.0.1", client=("10.0.0.9", 5))
    for path in ("/generate", "/tasks", "/faces", "/layout", "/model"):
        assert other.post(path, json=ORDER).status_code == 401
    assert other.get("/metrics").status_code == 401
    assert [other.get(path).status_code for path in ("/livez", "/readyz", "/", "/docs.json")] == [200] * 4


def test_schema_tells_the_fields(client: TestClient) -> None:
    spec = client.get("/docs.json").json()
    content = spec["paths"]["/generate"]["post"]["requestBody"]["content"]
    assert content.keys() == {"application/json"}
    assert {"prompt", "references", "boxes", "seed"} <= content["application/json"]["schema"]["properties"].keys()
    answers = spec["paths"]["/generate"]["post"]["responses"]
    assert answers["200"]["content"].keys() == {"image/png", "application/json"}
    assert "application/problem+json" in answers["429"]["content"]
    assert {"/tasks", "/tasks/{id}", "/tasks/{id}/pictures/{index}"} <= spec["paths"].keys()
    example = content["application/json"]["example"]
    assert GenerateRequest.model_validate(example | {"boxes": None}, strict=True).seed == example["seed"]


def test_nothing_sent_reaches_logs_or_disk(
    client: TestClient, caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    noise = Image.effect_noise((1600, 1600), 90).convert("RGB")
    large = base64_of(encoded(noise))  # beyond what frameworks keep in memory
    with caplog.at_level(logging.DEBUG):
        for reference in (FACE, large, FACE[:-5], base64_of(SVG)):
            client.post("/generate", json={**ORDER, "prompt": "a very private prompt", "references": [reference]})
        client.post("/generate", json={"prompt": 5, "references": [[FACE]]})
    assert "private" not in caplog.text
    assert FACE[40:80] not in caplog.text
    assert list(tmp_path.rglob("*")) == []


def test_it_listens_on_the_loopback_unless_told() -> None:
    assert service.WithAnyone.config["http"]["host"] == "127.0.0.1"  # type: ignore[attr-defined]


def test_the_page_takes_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    texts = [page.text, client.get("/schema").text]
    parts = {part for text in texts for part in re.findall(r'(?:src|href)="([^"]+)"', text)}
    assert len(parts) >= 6
    for part in parts:
        assert part == "data:," or client.get(part.removeprefix(".")).status_code == 200
    assert "http" not in "".join([*texts, *(client.get(path).text for path in FILES)]).replace("http://www.w3.org/", "")


def test_nothing_is_reported_to_the_framework() -> None:
    assert usage_stats.do_not_track()
