"""The process of a step outside a watching runner: as on a cluster."""

import errno
import shutil
from pathlib import Path

import pytest

from components.shell import run_step, sentence_of
from model.errors import PREEMPTED, UserError
from tests.pipelines.tiny import ONE, TWO, TinyConfig


def test_a_step_runs_on_its_paths_with_its_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_step(ONE, TinyConfig(text="here").model_dump_json(), "1", first=str(tmp_path / "first"))
    assert (tmp_path / "first" / "text").read_text() == "one(here,)"
    assert capsys.readouterr().out == ""  # events are for a runner that asked for them


def test_paths_must_be_the_steps_inputs_and_output(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"two takes \['first', 'second'\], got \['first'\]"):
        run_step(TWO, "{}", "1", first=str(tmp_path))


@pytest.mark.parametrize(
    ("fail", "code", "words"),
    [
        ("user", 3, 'The folder "it\'s" has no photo: give one.'),
        ("busy", PREEMPTED, "Another process is changing it: wait for it."),
    ],
)
def test_what_a_user_can_mend_ends_the_process_with_a_sentence_and_a_code(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fail: str, code: int, words: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        run_step(ONE, TinyConfig(fail=fail).model_dump_json(), "1", first=str(tmp_path / "first"))
    assert caught.value.code == code
    assert words in caplog.text
    assert not (tmp_path / "first").exists()


def test_a_step_that_made_room_ends_with_a_code_of_its_own(tmp_path: Path) -> None:
    settings = TinyConfig(fail="preempted", count=str(tmp_path)).model_dump_json()
    with pytest.raises(SystemExit) as caught:
        run_step(ONE, settings, "1", first=str(tmp_path / "first"))
    assert caught.value.code == PREEMPTED == 75
    assert not (tmp_path / "first").exists()


def test_a_fault_raises(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="wrong"):
        run_step(ONE, TinyConfig(fail="bug").model_dump_json(), "1", first=str(tmp_path / "first"))


def test_wrong_settings_are_a_users_mistake(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SystemExit):
        run_step(ONE, '{"size": 0}', "1", first=str(tmp_path / "first"))
    assert "The setting size is not valid: Input should be greater than or equal to 1." in caplog.text


def copying(number: int, words: str) -> shutil.Error:
    """What `shutil.copytree` raises for a folder, with what was said of each file."""
    said = [str(OSError(kind, text, "/from/x", None, "/to/x")) for kind, text in ((errno.EIO, "I/O"), (number, words))]
    return shutil.Error([(f"/from/{name}", f"/to/{name}", why) for name, why in zip("xy", said, strict=True)])


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (UserError("Give a folder."), "Give a folder."),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full: free some space and start again"),
        (OSError(errno.ENOSPC, "No space", "/from/x", None, "/to/x"), "The disk is full at /to/x: free some space"),
        (OSError(errno.EDQUOT, "Quota exceeded", "/home/x"), "The disk is full at /home/x: free some space"),
        (OSError(errno.EFBIG, "File too large"), "A file grew past what this shell or file system allows"),
        (OSError(errno.EFBIG, "File too large", "/home/x"), "The file /home/x grew past what this shell"),
        (copying(errno.ENOSPC, "No space left on device"), "The disk is full at /to/y: free some space"),
        (copying(errno.EIO, "Input/output error"), None),
        (OSError(errno.EACCES, "Permission denied", "/x"), "/x cannot be used (Permission denied): give another place"),
        (OSError(errno.EISDIR, "Is a directory", "/.y.1", None, "/y"), "/y cannot be used (Is a directory)"),
        (OSError(errno.ELOOP, "Too many levels of symbolic links", "/x"), "/x cannot be used (Too many levels"),
        (OSError(errno.EACCES, "Permission denied"), None),
        (OSError(errno.EIO, "Input/output error", "/x"), None),
        (ValueError("x"), None),
    ],
)
def test_what_the_user_can_mend_has_a_sentence(error: Exception, sentence: str | None) -> None:
    said = sentence_of(error)
    assert said is None if sentence is None else said is not None and said.startswith(sentence)
