"""The cases of a MultiID-Bench release: one parquet file, a row a case (columns as published on the hub)."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.evaluation.scenes import Encoded, Refusal, RefusedError, Scene, parse_boxes, people_names
from components.listing import plain_name
from model.errors import UserError

COLUMNS = ("ID", "GT", "input_images", "prompt", "bboxes", "num_persons")
ROWS = 8  # read at one time


def read_release(file: Path) -> tuple[list[Scene], list[Refusal]]:
    """The cases of the release, without outputs, and the rows that are refused.

    Raises UserError where the file is no such parquet file or none of its rows is a case.
    """
    scenes: dict[str, Scene] = {}
    refused: list[Refusal] = []
    for number, row in enumerate(_rows(file)):
        label = str(row["ID"]) if row["ID"] is not None else f"row {number}"
        try:
            scene = _scene(row, label)
            if scene.case_id in scenes:
                raise RefusedError("case_twice", f"the release has the ID {label} twice; its first row is scored")
            scenes[scene.case_id] = scene
        except RefusedError as error:
            refused.append(Refusal(label, "case", error.reason, str(error)))
    if not scenes:
        first = f" (first: {refused[0].path}: {refused[0].detail})" if refused else ""
        raise UserError(
            f"evaluate.release {file} has no case, {len(refused)} rows were refused{first}: fetch the release again"
        )
    return list(scenes.values()), refused


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with pq.ParquetFile(file) as release:
            missing = [name for name in COLUMNS if name not in release.schema_arrow.names]
            if missing:
                raise UserError(
                    f"evaluate.release {file} lacks the columns {', '.join(missing)}: give the parquet file of a "
                    "MultiID-Bench release"
                )
            for batch in release.iter_batches(batch_size=ROWS, columns=list(COLUMNS)):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"evaluate.release {file} cannot be read ({error}): fetch the release again") from error


def _scene(row: Mapping[str, Any], label: str) -> Scene:
    if not isinstance(row["prompt"], str):
        raise RefusedError("no_prompt", "it has no prompt")
    references = tuple(_encoded(item, "a reference") for item in row["input_images"] or ())
    if not references or len(references) != row["num_persons"]:
        raise RefusedError("people", f"it has {len(references)} references for num_persons = {row['num_persons']}")
    truth = _encoded(row["GT"], "the ground truth")
    name = plain_name(label)
    boxes = parse_boxes(_json(row["bboxes"]), len(references))
    return Scene(name, row["prompt"], truth, references, people_names(None, references, name), boxes, {})


def _encoded(image: object, what: str) -> Encoded:
    """The bytes of an image cell: `{bytes, path}` or the bytes themselves."""
    found = image.get("bytes") if isinstance(image, dict) else image
    if not isinstance(found, bytes) or not found:
        raise RefusedError("missing_file", f"{what} has no bytes in the release")
    return found


def _json(text: object) -> object:
    if not isinstance(text, str) or not text:
        return text or None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusedError("boxes", f"its bboxes are no JSON: {error}"[:200]) from error
