"""Processes of torch's launcher train together, with or without a GPU, in the backbone's precision."""

from datetime import timedelta
from pathlib import Path

import pytest

from model.training.processes import PATIENCE
from tests.forks import PAIR, fork

PROGRAM = """
import sys
from pathlib import Path
import torch
from model.training.processes import accelerator, share_of
found = accelerator(1, sys.argv[1])
open(f"{sys.argv[2]}/{found.process_index}", "w").write(f"{found.num_processes} {found.mixed_precision}")
assert share_of(found, Path(sys.argv[2], "store")) == (found.process_index, 2)
assert share_of(found, Path(sys.argv[2], f"store of {found.process_index}")) == (0, 1)
model = found.prepare(torch.nn.Linear(2, 2))
model(torch.ones(1, 2)).sum().backward()
assert len({weight.grad.untyped_storage().data_ptr() for weight in model.parameters()}) == 1  # the bucket exchanged
"""


def exit_code(tmp_path: Path, program: str, *arguments: str) -> int | None:
    """How a program ends that torch's launcher starts twice."""
    file = tmp_path / "program.py"
    file.write_text(program)
    with fork([*PAIR, str(file), *arguments]) as launcher:
        launcher.join()
    return launcher.exitcode


@pytest.mark.parametrize(
    ("dtype", "said", "precision"),
    [("float32", {}, "no"), ("bfloat16", {}, "bf16"), ("bfloat16", {"ACCELERATE_MIXED_PRECISION": "no"}, "no")],
)
def test_two_processes_know_of_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str, said: dict[str, str], precision: str
) -> None:
    for name, value in ({"CUDA_VISIBLE_DEVICES": ""} | said).items():
        monkeypatch.setenv(name, value)
    assert exit_code(tmp_path, PROGRAM, dtype, str(tmp_path)) == 0
    assert [(tmp_path / name).read_text() for name in ("0", "1")] == [f"2 {precision}"] * 2


LATE = """
import sys, time
from datetime import timedelta
from model.training import processes
processes.PATIENCE = timedelta(seconds=float(sys.argv[1]))
found = processes.accelerator(1)
time.sleep(3 * found.process_index)
processes.wait_for_all(found)
"""


@pytest.mark.parametrize(("seconds", "met"), [(1, False), (600, True)])
def test_an_early_process_waits_for_a_late_one_as_long_as_patience_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, met: bool
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert (exit_code(tmp_path, LATE, str(seconds)) == 0) == met
    assert timedelta(days=1) <= PATIENCE
