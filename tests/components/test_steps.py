"""What a step asks of a command's folders: paths that are there, and an output that replaces nobody's files."""

from pathlib import Path

import pytest

from components.curation.config import CurationConfig
from components.steps import CURATE, EVALUATE, GATE, STEPS, TRAIN, Step
from model.errors import UserError


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_an_output_replaces_only_what_the_step_wrote(step: Step, tmp_path: Path) -> None:
    out = tmp_path / "out"
    step.check_output(out)
    out.mkdir()
    step.check_output(out)
    (out / "holiday.jpg").write_bytes(b"mine")
    for place in (out, out / "holiday.jpg"):
        with pytest.raises(UserError, match="there already and holds no"):
            step.check_output(place)
    for sign in step.signs:
        (out / sign).write_text("{}")
        step.check_output(out)
        (out / sign).unlink()


def test_an_output_takes_nothing_with_it_when_it_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, link = tmp_path / "dataset", tmp_path / "link"
    dataset.mkdir()
    link.symlink_to(dataset)
    for place in (dataset / "model", link / "deep" / "model", dataset):
        with pytest.raises(UserError, match=r"the dataset .* lie one in the other"):
            TRAIN.check_output(place, dataset=dataset)
    TRAIN.check_output(tmp_path / "dataset-model", dataset=dataset, images=None)
    (dataset / "model" / "shards").mkdir(parents=True)
    (dataset / "model" / "training.json").write_text("{}")
    with pytest.raises(UserError, match="lie one in the other"):
        TRAIN.check_output(dataset / "model", dataset=dataset / "model" / "shards")
    for folder in (dataset / "model", dataset / "model" / "shards"):
        monkeypatch.chdir(folder)
        with pytest.raises(UserError, match="in which the command was started"):
            TRAIN.check_output(dataset / "model")
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    with pytest.raises(UserError, match=r"the output \. is or holds the folder"):
        TRAIN.check_output(Path())


def test_steps_do_not_take_each_others_outputs_for_their_own() -> None:
    signs = [sign for step in STEPS for sign in step.signs]
    assert len(signs) == len(set(signs)) >= len(STEPS)


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    CURATE.check_paths(CurationConfig(pack=str(tmp_path)))
    with pytest.raises(UserError, match=r"curate\.captioner '/nowhere' is not there"):
        CURATE.check_paths(CurationConfig(captioner="/nowhere"))
    GATE.check_paths(GATE.settings()())


@pytest.mark.parametrize(
    ("step", "setting", "file"),
    [
        (CURATE, "previous", "manifest.json"),
        (TRAIN, "start", "training.json"),
        (EVALUATE, "champion", "model/training.json"),
        (GATE, "champion", "scores.json"),
    ],
)
def test_a_folder_of_something_else_is_named(step: Step, setting: str, file: str, tmp_path: Path) -> None:
    settings = step.settings().model_validate({setting: str(tmp_path)})
    with pytest.raises(UserError, match=rf"{step.name}\.{setting} '{tmp_path}' holds no {file}: give a folder"):
        step.check_paths(settings)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("{}")
    step.check_paths(settings)
