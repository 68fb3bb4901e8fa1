"""DVC's experiments with the real stages on a small cast, in a clone: what is done again, and what the diffs tell."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.steps import STEPS
from pipelines.sources import ROOT
from tests.acceptance.test_new_photos import SMALL

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(3600)]
DVC = (sys.executable, "-m", "dvc")
REACHED = ("train", "evaluate", "gate", "package")  # by the seed of the training


class Clone:
    """A clone of this repository at HEAD, and what its experiment printed."""

    def __init__(self, root: Path) -> None:
        self.root, self.told = root, ""
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", str(root)], check=True)
        for name, value in (("user.name", "Ada"), ("user.email", "a@b.c")):
            self("git", "config", name, value)

    def __call__(self, *command: str) -> str:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = os.environ | {"PYTHONPATH": str(self.root), "PATH": path, "DVC_NO_ANALYTICS": "1"}
        done = subprocess.run(command, cwd=self.root, env=environment, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def commit(self, subject: str) -> None:
        self("git", "add", "-A")
        self("git", "commit", "-q", "-m", subject)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """After a first run that was committed, and an experiment with another seed."""
    clone = Clone(tmp_path_factory.mktemp("experiments") / "clone")
    sections = {step.name: dict(SMALL.get(step.name, {})) for step in STEPS}
    sections["train"]["seed"] = 7
    (clone.root / "params.yaml").write_text(json.dumps(sections))
    clone(*DVC, "repro")
    clone.commit("Make it with the first seed")
    clone.told = clone(*DVC, "exp", "run", "--name", "other", "-S", "train.seed=9")
    return clone


def test_an_experiment_does_again_what_its_setting_reaches(clone: Clone) -> None:
    assert {step.name for step in STEPS if f"Running stage '{step.name}'" in clone.told} == set(REACHED)
    assert json.loads(clone(*DVC, "params", "diff", "--json"))["params.yaml"]["train.seed"] == {
        "old": 7,
        "new": 9,
        "diff": 2,
    }
    assert "other" in clone(*DVC, "exp", "show", "--json")


def test_the_metrics_of_both_are_told_side_by_side(clone: Clone) -> None:
    found = json.loads(clone(*DVC, "metrics", "diff", "--json"))
    likeness = found["data/scores/scores.json"]["systems.model.xface.sim_gt.mean"]
    assert likeness["new"] - likeness["old"] == pytest.approx(likeness["diff"])
    assert likeness["diff"] != 0
    assert "total" in " ".join(found["data/model/metrics.json"])


def test_the_losses_of_both_are_in_one_plot(clone: Clone) -> None:
    clone(*DVC, "plots", "diff", "HEAD", "--out", "page")
    page = (clone.root / "page" / "index.html").read_text()
    assert "Losses while training" in page
    for word in ("flow", "identity", "total", "workspace", "HEAD"):
        assert f'"{word}"' in page
