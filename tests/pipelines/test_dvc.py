"""dvc.yaml in a clone: experiments, differences of metrics, plots; its stages do the least that DVC can see."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.serialize import parse_yaml

from components.steps import STEPS
from pipelines.sources import ROOT

STAND_IN = """
import json, pathlib, sys, yaml
stage, out = sys.argv[1:]
folder = pathlib.Path(out)
folder.mkdir(parents=True, exist_ok=True)
settings = yaml.safe_load(open("params.yaml"))
(folder / "of").write_text(json.dumps(settings))
with open("ran", "a") as ran:
    ran.write(f"{stage}\\n")
seed = settings["train"]["seed"]
if stage == "train":
    names = ("flow", "identity", "total")
    curve = [{"step": step, "phase": "paired", **{name: seed / step for name in names}} for step in (1, 2, 3)]
    (folder / "training.json").write_text(json.dumps({"curve": curve, "phases": [{"name": "paired", "steps": 3}]}))
if stage == "evaluate":
    figures = {"model": {"xface": {"sim_gt": {"mean": seed / 100}}}}
    (folder / "scores.json").write_text(json.dumps({"systems": figures, "notes": ["a"]}))
"""


class Clone:
    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        described = parse_yaml((ROOT / "dvc.yaml").read_text(), "dvc.yaml")  # as DVC does, which refuses a key twice
        for name, stage in described["stages"].items():
            (output,) = (next(iter(out)) if isinstance(out, dict) else out for out in stage["outs"])
            stage["cmd"] = f"{sys.executable} stand_in.py {name} {output}"
            stage["deps"] = [dep for dep in stage.get("deps", []) if dep.startswith("data/")]
        (root / "dvc.yaml").write_text(yaml.safe_dump(described))
        (root / "params.yaml").write_text((ROOT / "params.yaml").read_text())
        (root / "stand_in.py").write_text(STAND_IN)
        (root / ".gitignore").write_text("/data/\n/ran\n")
        for arguments in (("init", "-q"), ("config", "user.name", "a"), ("config", "user.email", "a@b.c")):
            self("git", *arguments)
        self("dvc", "init", "--quiet")
        self("dvc", "repro", "--quiet")
        self("git", "add", "--all")
        self("git", "commit", "-q", "-m", "first")

    def __call__(self, *command: str) -> str:
        start = [sys.executable, "-m", "dvc"] if command[0] == "dvc" else ["git"]
        environment = os.environ | {"DVC_NO_ANALYTICS": "1"}
        done = subprocess.run(
            [*start, *command[1:]], cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone after one experiment with another seed."""
    clone = Clone(tmp_path_factory.mktemp("dvc") / "clone")
    clone("dvc", "exp", "run", "--quiet", "--name", "other", "-S", "train.seed=9")
    return clone


def as_json(text: str) -> Any:
    return json.loads(text)


def test_an_experiment_redoes_what_its_setting_reaches_and_no_more(clone: Clone) -> None:
    ran = set((clone.root / "ran").read_text().split()[len(STEPS) :])
    assert ran == {"train", "evaluate", "gate", "package"}
    assert yaml.safe_load((clone.root / "params.yaml").read_text())["train"]["seed"] == 9
    shown = as_json(clone("dvc", "exp", "show", "--json"))
    assert "other" in json.dumps(shown)


def test_the_difference_of_metrics_is_told(clone: Clone) -> None:
    found = as_json(clone("dvc", "metrics", "diff", "--json"))
    figures = found["data/scores/scores.json"]
    assert figures["systems.model.xface.sim_gt.mean"] == pytest.approx({"old": 0.07, "new": 0.09, "diff": 0.02})


def test_the_losses_are_plotted_from_the_models_own_record(clone: Clone) -> None:
    page = clone("dvc", "plots", "diff", "HEAD", "--out", "page").strip()
    assert page.endswith("index.html")
    drawn = (clone.root / "page" / "index.html").read_text()
    assert "Losses while training" in drawn
    for series in ("flow", "identity", "total"):
        assert f'"{series}"' in drawn
    assert "workspace" in drawn
