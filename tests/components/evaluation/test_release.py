"""A MultiID-Bench release: its rows as cases, refusals by name, and the model's drawings of it, scored."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from components.evaluation.config import EvaluationConfig
from components.evaluation.release import read_release
from components.evaluation.released import Drawer, evaluate_release
from model.artefacts import read_json
from model.dataset.dataset import Dataset
from model.errors import UserError
from tests.components.evaluation.blocks import SIDE, BlockEyes, Face, picture
from tests.components.evaluation.fakes import DIMS, NoisePipe
from tests.validation.datasets import sound_dataset

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
SCHEMA = pa.schema(
    [
        pa.field("ID", pa.string()),
        pa.field("GT", IMAGE),
        pa.field("input_images", pa.list_(IMAGE)),
        pa.field("prompt", pa.string()),
        pa.field("task_type", pa.string()),
        pa.field("bboxes", pa.string()),
        pa.field("subset", pa.string()),
        pa.field("num_persons", pa.int32()),
    ]
)


def png(faces: list[Face]) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.fromarray(picture(faces)).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


def row(name: str, people: list[int], **changes: Any) -> dict[str, Any]:
    boxes = [[8 + 36 * place, 30, 8 + 36 * place + SIDE, 30 + SIDE] for place in range(len(people))]
    return {
        "ID": name,
        "GT": png([(person, 1) for person in people]),
        "input_images": [png([(person, 2)]) for person in people],
        "prompt": "people",
        "task_type": "multi_id",
        "bboxes": json.dumps(boxes),
        "subset": f"p{len(people)}",
        "num_persons": len(people),
    } | changes


def write(file: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), file)
    return file


def test_rows_become_cases_and_bad_ones_are_refused_by_name(tmp_path: Path) -> None:
    rows = [
        row("a", [1, 2]),
        row("../../etc", [3]),
        row("a", [4]),
        row("boxes", [5, 6], bboxes="[[1, 2, 3, 4]]"),
        row("json", [5, 6], bboxes="[["),
        row("count", [5, 6], num_persons=3),
        row("twice", [7, 7]),
        row("no truth", [8], GT=None),
        row("no prompt", [8], prompt=None),
        row("no layout", [9], bboxes=None),
    ]
    scenes, refused = read_release(write(tmp_path / "bench.parquet", rows))
    names = [scene.case_id for scene in scenes]
    assert (len(names), names[0]) == (3, "a")
    assert all(name.isalnum() for name in names)
    assert scenes[0].boxes is not None
    assert scenes[0].boxes.shape == (2, 4)
    assert scenes[-1].boxes is None
    assert [(refusal.path, refusal.reason) for refusal in refused] == [
        ("a", "case_twice"),
        ("boxes", "boxes"),
        ("json", "boxes"),
        ("count", "people"),
        ("twice", "person_twice"),
        ("no truth", "missing_file"),
        ("no prompt", "no_prompt"),
    ]


def test_a_file_that_is_no_release_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_release(tmp_path / "absent.parquet")
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(UserError, match="cannot be read"):
        read_release(tmp_path / "text.parquet")
    pq.write_table(pa.table({"ID": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(UserError, match="lacks the columns GT, input_images"):
        read_release(tmp_path / "other.parquet")
    with pytest.raises(UserError, match="has no case, 1 rows were refused"):
        read_release(write(tmp_path / "bad.parquet", [row("a", [1], num_persons=2)]))


def test_a_model_that_reads_no_judges_embeddings_is_refused(tmp_path: Path) -> None:
    dataset, file = (
        Dataset.open(sound_dataset(tmp_path / "dataset")),
        write(tmp_path / "bench.parquet", [row("a", [1])]),
    )
    drawer = Drawer(NoisePipe(), ((96, 96),), "antelopev2", "model digest", "base")
    with pytest.raises(UserError, match=r"lacks antelopev2, .*: add it, or leave evaluate\.release out"):
        evaluate_release(file, dataset, drawer, tmp_path, EvaluationConfig(), BlockEyes(), {"xface": False})


def test_a_release_is_drawn_and_scored_with_both_baselines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITHANYONE_CACHE", str(tmp_path / "cache"))
    dataset = Dataset.open(sound_dataset(tmp_path / "dataset"))
    dataset.manifest["recogniser"] |= {"name": "facesdk"}
    monkeypatch.setattr(Dataset, "centres", np.zeros((8, DIMS["facesdk"])))
    monkeypatch.setattr("tests.components.evaluation.blocks.DIMS", DIMS)
    file = write(tmp_path / "bench.parquet", [row("one", [1]), row("two", [2, 3]), row("no layout", [9], bboxes=None)])
    pipe = NoisePipe()
    drawer = Drawer(pipe, ((160, 96), (96, 96)), "facesdk", "model digest", "base")
    config = EvaluationConfig(seeds=(1, 2))
    judges = {"xface": False, "facesdk": True}
    evaluate_release(file, dataset, drawer, tmp_path / "out", config, BlockEyes(), judges)
    scores = read_json(tmp_path / "out" / "scores.json")
    assert pipe.drawn == 2 * 2 * 2
    assert set(scores["systems"]) == {"model", "adapter_off", "reference_pasted"}
    assert (scores["assignment"], scores["cases"], scores["model"]["digest"]) == ("place", 2, "model digest")
    assert scores["dataset"]["digest"] == dataset.digest
    assert scores["leakage"]["passed"]
    assert scores["systems"]["model"]["xface"]["sim_gt"]["n"] == 2
    pasted = scores["systems"]["reference_pasted"]["xface"]
    assert pasted["coverage"]["mean"] > 0
    rejects = pq.read_table(tmp_path / "out" / "rejects.parquet").to_pylist()
    assert [(reject["stage"], reject["reason"]) for reject in rejects] == [("case", "boxes")]
    assert not list((tmp_path / "cache").rglob("*.png"))
