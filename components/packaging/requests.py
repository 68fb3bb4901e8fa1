"""The requests that the service takes, their rules of form, and the sentences that name what breaks them."""

import difflib
from http import HTTPStatus
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from components.packaging import limits
from components.packaging.refusals import RefusalError, unfit

M = TypeVar("M", bound=BaseModel)

Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


def _check_box(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = box
    if min(x1 - x0, y1 - y0) < limits.BOX_SIDE:
        raise PydanticCustomError(
            "box_side", "is smaller than {least} of the picture, or its corners are swapped", {"least": limits.BOX_SIDE}
        )
    return box


def _check_prompt(prompt: str) -> str:
    if not prompt.strip():
        raise PydanticCustomError("prompt_empty", "says nothing")
    return prompt


Box = Annotated[tuple[Fraction, Fraction, Fraction, Fraction], AfterValidator(_check_box)]
Size = tuple[int, int]
# Four characters of base64 carry three bytes.
Picture = Annotated[str, Field(min_length=1, max_length=limits.PICTURE_BYTES // 3 * 4 + 4)]


class _Request(BaseModel):
    """Strict, closed, and silent about its content: what was sent must not reach a log through an error."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


class LayoutRequest(_Request):
    """What `layout` takes."""

    people: int = Field(
        ge=1, le=limits.REFERENCES, description=f"how many people, 1 to {limits.REFERENCES}", examples=[2]
    )
    size: Size | None = Field(None, description="width and height in pixels, one of the model's own sizes")


class FacesRequest(_Request):
    """What `faces` takes."""

    picture: Picture = Field(description="a JPEG, PNG or WebP still picture in base64")


class GenerateRequest(_Request):
    """What `generate` takes: one person for each reference, left to right unless boxes place them."""

    prompt: Annotated[str, AfterValidator(_check_prompt)] = Field(
        min_length=1,
        max_length=limits.PROMPT_CHARACTERS,
        description=f"the scene in words, 1 to {limits.PROMPT_CHARACTERS} characters",
        examples=["two people in front of a bright wall, smiling"],
    )
    references: Annotated[list[Picture], Field(min_length=1, max_length=limits.REFERENCES)] = Field(
        description=f"1 to {limits.REFERENCES} pictures (JPEG, PNG or WebP in base64), each with one face"
    )
    image: Picture | None = Field(
        None,
        description="the photo to edit, about square (JPEG, PNG or WebP in base64), whose faces become those of the "
        "references; only for models that edit, which need it",
    )
    boxes: list[Box] | None = Field(
        None,
        description="where each face goes, one box for each reference, x0, y0, x1, y1 as fractions 0..1; "
        "without boxes the service places the faces, and where a photo is edited they are its own, from left to right",
        examples=[[[0.1, 0.2, 0.4, 0.6], [0.6, 0.2, 0.9, 0.6]]],
    )
    id_weight: float = Field(
        1.0,
        ge=0,
        le=limits.ID_WEIGHT,
        allow_inf_nan=False,
        description=f"how strongly the references count, 0 (not at all) to {limits.ID_WEIGHT:g}; 1 is as trained; "
        "only for models with the branch `arc`",
    )
    siglip_weight: float | None = Field(
        None,
        ge=0,
        le=limits.ID_WEIGHT,
        allow_inf_nan=False,
        description="how strongly the look of the references counts (hair, glasses, make-up), 0 (not at all) to "
        f"{limits.ID_WEIGHT:g}; 1, as trained, without it; only for models with the branch `sig`",
    )
    seed: int = Field(
        0,
        ge=0,
        le=limits.SEED,
        description=f"a whole number, 0 to {limits.SEED}; the same seed and inputs give the same picture",
    )
    steps: int | None = Field(
        None,
        ge=1,
        le=limits.STEPS,
        description=f"denoising steps, a whole number, 1 to {limits.STEPS}; the model's own number without it",
    )
    size: Size | None = Field(
        None,
        description="width and height in pixels, one of the model's own sizes; the one for so many people without it",
        examples=[[192, 128]],
    )
    pictures: int = Field(
        1,
        ge=1,
        le=limits.PICTURES,
        description=f"how many pictures, 1 to {limits.PICTURES}; the seeds are `seed`, `seed` + 1 and so on",
    )

    @model_validator(mode="after")
    def _one_box_each(self) -> Self:
        if self.boxes is not None and len(self.boxes) != len(self.references):
            raise PydanticCustomError(
                "box_count",
                "hold {boxes} boxes for {references} references",
                {"boxes": len(self.boxes), "references": len(self.references)},
            )
        return self


def parse(body: bytes, form: type[M]) -> M:
    """The request in a JSON body; raises RefusalError for the first rule it breaks (400 when the body is no JSON)."""
    try:
        return form.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error.errors(include_input=False, include_url=False)[0], form) from None


def _refusal(error: ErrorDetails, form: type[BaseModel]) -> RefusalError:
    path, why = error["loc"], error["msg"]
    if error["type"] == "json_invalid":
        return RefusalError(HTTPStatus.BAD_REQUEST, "The body", "is not JSON", "send one JSON object in UTF-8")
    if error["type"] == "box_count":
        return unfit("boxes", why, "send one box for each reference, or none to have the faces placed")
    if not path:
        return unfit("The body", "is not a JSON object", f"send one with {', '.join(form.model_fields)}")
    if error["type"] == "extra_forbidden":
        return _unknown(str(path[0]), list(form.model_fields))
    if error["type"] == "missing":
        why = "is missing"
    elif error["type"] not in ("box_side", "prompt_empty"):  # these say it in our words
        why = f"is not valid ({why[:1].lower()}{why[1:].replace(' after validation', '')})"
    return unfit(_named(path), why, f"give {form.model_fields[str(path[0])].description}")


def _unknown(name: str, known: list[str]) -> RefusalError:
    near = difflib.get_close_matches(name[:40], known, n=1)
    remedy = f"the nearest known one is {near[0]}" if near else f"the known ones are {', '.join(known)}"
    return unfit(f"The field {name[:40]!r}", "is not known", remedy)


def _named(path: tuple[Any, ...]) -> str:
    """`boxes[1][2]` for ("boxes", 1, 2)."""
    return str(path[0]) + "".join(f"[{part}]" for part in path[1:] if isinstance(part, int))
