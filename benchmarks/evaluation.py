"""Times judging beside the plain way of it: python -m benchmarks.evaluation DATASET [--cases N] [--rounds N].

Cases are the dataset's held-out photos as they come from outside, encoded; their outputs are the ground truth made
softer, so that faces are found and no model is needed. Plain: a function for each metric, which decodes, detects and
embeds what it needs anew, with the same compiled networks, on one core. Ours, looking and scoring: `witness`, `judge`,
which look once and give both protocols and the sanity rows too. Ours, everything: `score_scenes`, with intervals,
tables, pictures and the page. Ways take turns; nobody loads networks on the clock. All must give the same numbers.
"""

import argparse
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from components.evaluation.config import EvaluationConfig
from components.evaluation.judging import Known, judge
from components.evaluation.outside import Asked, score_scenes
from components.evaluation.scenes import SEED, SYSTEM, Encoded, Scene, decode
from components.evaluation.witness import Witnessed, open_scene, witness
from model.cores import cores
from model.dataset.dataset import Dataset
from model.faces.geometry import align
from validation.benchmark import metrics, paper
from validation.benchmark.cases import build_cases
from validation.benchmark.judges import Panel
from validation.benchmark.matching import MISSING, assign, likeness

JUDGES: tuple[str, ...] = EvaluationConfig().judges
SIDE = 512  # px of the pictures
Picture = NDArray[np.uint8]
Faces = dict[str, NDArray[np.float32]]
Numbers = dict[tuple[str, str, str], float]  # value by case, judge and metric
console = Console()


def scenes_of(dataset: Dataset, most: int) -> list[Scene]:
    """The held-out cases as they come from outside."""
    scenes = []
    for case in build_cases(dataset, ((SIDE, SIDE),), most).chosen:
        truth = case.placement.image(dataset.image(case.case_id))
        faces = dataset.faces.loc[[person.reference for person in case.people]]
        references = tuple(_encoded(dataset.image(str(image))) for image in faces["image_id"])
        soft = np.asarray(Image.fromarray(truth).resize((SIDE * 3 // 8, SIDE * 3 // 8)).resize((SIDE, SIDE)))
        names = tuple(person.identity for person in case.people)
        outputs = {(SYSTEM, SEED): _encoded(soft)}
        scenes.append(Scene(case.case_id, case.prompt, _encoded(truth), references, names, None, outputs))
    return scenes


def _encoded(picture: Picture) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


class Plain:
    """Each metric on its own, as an evaluator that shares nothing computes it."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel

    def faces(self, picture: Encoded | None, pad: bool = False) -> Faces:
        """Embeddings [G, d] of a picture's faces by judge, found anew."""
        assert picture is not None
        pixels = paper.padded(decode(picture)) if pad else decode(picture)
        (found,) = self.panel.detector.detect([pixels])
        return self.panel.embed([align(pixels, points) for points in found.landmarks])

    def triplets(self, scene: Scene) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]]:
        """Drawn, true and reference faces [P, d] of the people by judge, tied to them by all judges together."""
        truths, outputs = self.faces(scene.truth), self.faces(scene.outputs[SYSTEM, SEED])
        first = [self.faces(reference, pad=True) for reference in scene.references]
        references = {judge: np.stack([faces[judge][0] for faces in first]) for judge in JUDGES}
        alike = np.mean([metrics.unit(truths[judge]) @ metrics.unit(references[judge]).T for judge in JUDGES], axis=0)
        targets = {judge: truths[judge][assign(-alike)] for judge in JUDGES}
        chosen = assign(-likeness(outputs, targets, references))
        found = {}
        for name in JUDGES:
            g = np.zeros(references[name].shape)
            g[chosen != MISSING] = outputs[name][chosen[chosen != MISSING]]
            found[name] = g, targets[name], references[name]
        return found

    def numbers(self, scenes: list[Scene]) -> Numbers:
        """The strict values of each case, one metric after the other."""
        return {
            (scene.case_id, judge, name): value(*triplet)
            for scene in scenes
            for name, value in METRICS.items()
            for judge, triplet in self.triplets(scene).items()
        }


def _copy_paste(g: NDArray[np.float64], t: NDArray[np.float32], r: NDArray[np.float32]) -> float:
    return float(metrics.copy_paste(g, t, r)[~metrics.ill_conditioned(t, r)].mean())


def _blending(g: NDArray[np.float64], t: NDArray[np.float32], _: NDArray[np.float32]) -> float:
    value = metrics.blending(g, t)
    return float("nan") if value is None else value


METRICS: Mapping[str, Callable[..., float]] = {
    "sim_gt": lambda g, t, _: float(metrics.sim_gt(g, t).mean()),
    "sim_ref": lambda g, _, r: float(metrics.sim_ref(g, r).mean()),
    "copy_paste": _copy_paste,
    "blending": _blending,
    "coverage": lambda g, _, __: metrics.coverage(np.any(g != 0, axis=1)),
}


def looking(scenes: list[Scene], panel: Panel) -> Numbers:
    """The same values, the pictures opened and looked at together and judged once."""
    opened = [open_scene(scene) for scene in scenes]
    seen = [one for one in witness(_fresh(panel), opened) if isinstance(one, Witnessed)]
    by_id = {one.case.case_id: one for one in seen}
    known = Known.of(
        [one.case for one in seen],
        {name: one.truths for name, one in by_id.items()},
        {name: one.faces for name, one in by_id.items()},
        1e-3,
        "likeness",
    )
    _, rows = judge(known, [sample for one in seen for sample in one.samples], SEED)
    return _numbers(rows)


def everything(scenes: list[Scene], panel: Panel) -> Numbers:
    """The same values from the tables of the whole evaluation."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "scores"
        asked = Asked("", (SEED,), (SYSTEM,), "likeness")
        config = EvaluationConfig()
        score_scenes(scenes, [], asked, out, None, config, _fresh(panel), dict.fromkeys(JUDGES, False))
        return _numbers(pq.read_table(out / "cases.parquet").to_pandas())


def _fresh(panel: Panel) -> Panel:
    """The same networks, with nothing known from an earlier turn."""
    return Panel(panel.detector, panel.judges, panel.workers)


def _numbers(rows: pd.DataFrame) -> Numbers:
    chosen = rows[rows["system"] == SYSTEM].to_dict("records")
    return {(row["case_id"], row["judge"], name): float(row[name]) for row in chosen for name in METRICS}


def main() -> None:
    """Measure and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--cases", type=int, default=4, help="most cases for each number of people")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    panel = Panel.load(JUDGES)
    plain = Plain(panel)
    scenes = scenes_of(Dataset.open(given.dataset), given.cases)
    ways = {
        "plain, anew for each metric": lambda: plain.numbers(scenes),
        "ours, looking and scoring": lambda: looking(scenes, panel),
        "ours, everything": lambda: everything(scenes, panel),
    }
    results = {name: way() for name, way in ways.items()}  # warms up
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    first = next(iter(medians.values()))
    title = f"{len(scenes)} cases, {cores()} cores, load {os.getloadavg()[0]:.1f} (medians of {given.rounds})"
    table = Table("way", "cases/s", "times as fast", title=title)
    for name, median in medians.items():
        table.add_row(name, f"{len(scenes) / median:.2f}", f"{first / median:.2f}")
    console.print(table)
    expected, *others = results.values()
    sound = [key for key, value in expected.items() if np.isfinite(value)]
    apart = [abs(expected[key] - found[key]) for found in others for key in sound]
    console.print(f"{len(sound)} values of each way, greatest difference {max(apart):.1e}")


if __name__ == "__main__":
    main()
