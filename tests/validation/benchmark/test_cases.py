"""The cases: held-out people only, other photos as references, spread over people, the same each time."""

from collections import Counter
from pathlib import Path

import pytest

from model.dataset.dataset import Dataset
from model.errors import UserError
from tests.validation.datasets import Frame, edit, sound_dataset
from validation.benchmark.cases import build_cases, case_set

BUCKETS = ((128, 128), (192, 128))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return sound_dataset(tmp_path / "dataset", people=8, heldout=3, singles=3, groups=4)


def shrink_a_face(folder: Path, side: float) -> None:
    """Make one held-out face so small, pixels of a photo of 160."""

    def shrink(frame: Frame) -> Frame:
        row = frame.index[frame["identity"] == "p06"][0]
        frame["box"] = frame["box"].astype(object)
        frame.at[row, "box"] = [10.0, 10.0, 10.0 + side, 10.0 + side]
        return frame

    edit(folder, "faces", shrink)


def test_cases_show_heldout_people_with_another_photo_of_each(folder: Path) -> None:
    dataset = Dataset.open(folder)
    cases = build_cases(dataset, BUCKETS, 100).chosen
    heldout = set(dataset.identities.query("split == 'heldout'")["identity"])
    assert Counter(len(case.people) for case in cases) == {1: 9, 2: 4}
    for case in cases:
        assert {person.identity for person in case.people} <= heldout
        for person in case.people:
            target, reference = dataset.faces.loc[person.target], dataset.faces.loc[person.reference]
            assert target["identity"] == reference["identity"] == person.identity
            assert target["image_id"] == case.case_id != reference["image_id"]
            assert reference["role"] == "reference"
        assert [person.box[0] for person in case.people] == sorted(person.box[0] for person in case.people)
        width, height = case.placement.size
        assert (case.boxes() >= 0).all()
        assert (case.boxes()[:, [0, 2]] <= width).all()
        assert (case.boxes()[:, [1, 3]] <= height).all()


def test_the_limit_counts_for_each_number_of_people_and_spreads_over_people(folder: Path) -> None:
    cases = build_cases(Dataset.open(folder), BUCKETS, 3)
    assert Counter(len(case.people) for case in cases.chosen) == {1: 3, 2: 3}
    assert len({case.people[0].identity for case in cases.chosen if len(case.people) == 1}) == 3
    assert cases.left_out == {"beyond the limit of cases": 7}


def test_the_same_dataset_gives_the_same_cases(folder: Path) -> None:
    assert build_cases(Dataset.open(folder), BUCKETS, 2) == build_cases(Dataset.open(folder), BUCKETS, 2)


def test_photos_that_cannot_be_a_case_are_counted_by_reason(folder: Path) -> None:
    shrink_a_face(folder, 12)
    assert build_cases(Dataset.open(folder), BUCKETS, 100).left_out == {"a face below 20 px": 1}


def test_an_editor_gets_no_case_with_a_face_that_would_stay_unblurred(folder: Path) -> None:
    shrink_a_face(folder, 30)
    dataset = Dataset.open(folder)
    drawn, edited = build_cases(dataset, BUCKETS, 100), build_cases(dataset, BUCKETS, 100, edits=True)
    assert drawn.left_out == {}
    assert edited.left_out == {"a face below 25 px": 1}  # 100 px of 512, in a picture of 128


def test_cases_of_an_editor_are_a_set_of_their_own(folder: Path) -> None:
    dataset = Dataset.open(folder)
    drawn, edited = (build_cases(dataset, BUCKETS, 100, edits=edits).chosen for edits in (False, True))
    assert [case.case_id for case in drawn] == [case.case_id for case in edited]
    assert case_set(drawn) != case_set(edited)


def test_a_photo_with_a_stranger_is_no_case(folder: Path) -> None:
    def strange(frame: Frame) -> Frame:
        group = frame.index[(frame["role"] == "target") & (frame["identity"] == "p07")][0]
        frame["identity"] = frame["identity"].astype(object)
        frame.at[group, "identity"] = None
        return frame

    edit(folder, "faces", strange)
    assert build_cases(Dataset.open(folder), BUCKETS, 100).left_out == {"a face nobody knows, or none": 1}


def test_a_person_with_one_photo_is_no_case(tmp_path: Path) -> None:
    folder = sound_dataset(tmp_path / "one", singles=1, groups=0)
    with pytest.raises(UserError, match="heldout_fraction"):
        build_cases(Dataset.open(folder), BUCKETS, 100)
