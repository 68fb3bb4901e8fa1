"""Processes of torch's launcher train together, with or without a GPU, in the backbone's precision."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from model.training.processes import PATIENCE

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import sys
from pathlib import Path
from model.training.processes import accelerator, share_of
found = accelerator(1, sys.argv[1])
open(f"{sys.argv[2]}/{found.process_index}", "w").write(f"{found.num_processes} {found.mixed_precision}")
assert share_of(found, Path(sys.argv[2], "store")) == (found.process_index, 2)
assert share_of(found, Path(sys.argv[2], f"store of {found.process_index}")) == (0, 1)
"""


@pytest.mark.parametrize(
    ("dtype", "said", "precision"),
    [("float32", {}, "no"), ("bfloat16", {}, "bf16"), ("bfloat16", {"ACCELERATE_MIXED_PRECISION": "no"}, "no")],
)
def test_two_processes_know_of_each_other(tmp_path: Path, dtype: str, said: dict[str, str], precision: str) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""} | said
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*launcher, tmp_path / "program.py", dtype, tmp_path], env=environment, check=True)
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
    tmp_path: Path, seconds: float, met: bool
) -> None:
    (tmp_path / "program.py").write_text(LATE)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    ended = subprocess.run([*launcher, tmp_path / "program.py", str(seconds)], env=environment, check=False)
    assert (ended.returncode == 0) == met
    assert timedelta(days=1) <= PATIENCE
