"""What `withanyone run` ends with when a step has failed."""

from pathlib import Path

import pytest

from model.artefacts import write_json
from pipelines.commands.main_job import _exit_code
from pipelines.console import Failure


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Failure("train", "wrong", expected=False), 1),
        (Failure("train", "mend it", expected=True), 3),
        (Failure("validate", "see the report", expected=True), 4),
        (Failure("train", "wait", expected=True, busy=True), 75),
    ],
)
def test_the_exit_code_tells_who_can_help(tmp_path: Path, failure: Failure, code: int) -> None:
    write_json(tmp_path / "validation" / "result.json", {"success": False})
    assert _exit_code(vars(failure), tmp_path) == code
