"""The form of requests: what is taken, what is refused, and that every refusal is one sentence that says what to do."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.packaging import limits
from components.packaging.refusals import RefusalError
from components.packaging.requests import GenerateRequest, parse

GOOD: dict[str, Any] = {"prompt": "a person", "references": ["aGVsbG8="]}


def asked(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def refusal(body: bytes) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        parse(body, GenerateRequest)
    return caught.value


def test_defaults() -> None:
    request = parse(asked(), GenerateRequest)
    assert (request.seed, request.id_weight, request.steps, request.boxes) == (0, 1.0, None, None)


def test_whole_numbers_pass_as_fractions() -> None:
    assert parse(asked(boxes=[[0, 0, 1, 1]], id_weight=2), GenerateRequest).boxes == [(0.0, 0.0, 1.0, 1.0)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prompt": "x" * (limits.PROMPT_CHARACTERS + 1)}, "prompt is not valid (string should have at most 1000"),
        ({"prompt": " \n"}, "prompt says nothing; give the scene in words"),
        ({"prompt": None}, "prompt is not valid"),
        ({"references": []}, "references is not valid"),
        ({"references": ["aGVsbG8="] * 5}, "(list should have at most 4 items, not 5); give 1 to 4 pictures"),
        ({"references": "aGVsbG8="}, "references is not valid"),
        ({"references": ["A" * (limits.PICTURE_BYTES * 2)]}, "references[0] is not valid"),
        ({"boxes": [[0, 0, 1, 1], [0, 0, 1, 1]]}, "boxes hold 2 boxes for 1 references; send one box for each"),
        ({"boxes": []}, "boxes hold 0 boxes for 1 references"),
        ({"boxes": [[0, 0, 1.01, 1]]}, "boxes[0][2] is not valid (input should be less than or equal to 1)"),
        ({"boxes": [[-0.1, 0, 1, 1]]}, "boxes[0][0] is not valid"),
        ({"boxes": [[0, 0, 1]]}, "boxes[0][3] is missing"),
        ({"boxes": [[0.9, 0, 0.1, 1]]}, "boxes[0] is smaller than 0.05 of the picture, or its corners are swapped"),
        ({"boxes": [["0", 0, 1, 1]]}, "boxes[0][0] is not valid"),
        ({"seed": -1}, "seed is not valid"),
        ({"seed": 1.5}, "seed is not valid"),
        ({"seed": True}, "seed is not valid"),
        ({"seed": 2**70}, "seed is not valid"),
        ({"steps": 0}, "steps is not valid"),
        ({"steps": 10_000}, "give denoising steps, a whole number, 1 to 100"),
        ({"id_weight": 3}, "id_weight is not valid"),
        ({"promt": "a"}, "The field 'promt' is not known; the nearest known one is prompt."),
        ({"zzzzzz": 1}, "the known ones are prompt, references"),
    ],
)
def test_refused_with_one_sentence(changes: dict[str, Any], words: str) -> None:
    refused = refusal(asked(**changes))
    assert words in str(refused)
    assert refused.status == 422


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none(number: str) -> None:
    body = asked(boxes=[[0, 0, 1, 1]]).replace(b"[[0,", f"[[{number},".encode())
    assert "boxes[0][0] is not valid" in str(refusal(body))
    weighty = asked(id_weight=5).replace(b": 5", f": {number}".encode())
    assert "id_weight is not valid" in str(refusal(weighty))


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"prompt": "\\ud800"}'])
def test_what_is_no_json(body: bytes) -> None:
    assert refusal(body).status == 400


@pytest.mark.parametrize("body", [b"[]", b"3", b'"prompt"', b"null"])
def test_json_of_another_kind(body: bytes) -> None:
    assert "The body is not a JSON object" in str(refusal(body))


def test_a_missing_field_is_named() -> None:
    assert "references is missing; give 1 to 4 pictures" in str(refusal(b'{"prompt": "a"}'))


NUMBERS = st.integers() | st.floats(allow_nan=True)
JUNK = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("ab[]."), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*GenerateRequest.model_fields, "other"]), JUNK))
def test_junk_is_parsed_or_refused_in_one_sentence(changes: dict[str, Any]) -> None:
    try:
        request = parse(asked(**changes), GenerateRequest)
    except RefusalError as error:
        refused: RefusalError | None = error
    else:
        refused = None
        assert 1 <= len(request.references) <= limits.REFERENCES
        assert 0 <= request.id_weight <= limits.ID_WEIGHT
    assert refused is None or (str(refused).endswith(".") and refused.status in (400, 422))


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=4))
def test_boxes_that_pass_lie_inside_and_have_a_side(boxes: list[tuple[float, ...]]) -> None:
    body = asked(boxes=boxes, references=["aGVsbG8="] * len(boxes))
    if all(min(x1 - x0, y1 - y0) >= limits.BOX_SIDE for x0, y0, x1, y1 in boxes):
        assert parse(body, GenerateRequest).boxes == boxes
    else:
        assert "smaller than" in str(refusal(body))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=30, max_size=60))
def test_refusals_do_not_repeat_what_was_sent(secret: str) -> None:
    refused = refusal(asked(references=[[secret]]))
    assert secret not in str(refused)
