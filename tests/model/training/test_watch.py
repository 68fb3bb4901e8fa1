"""What a training shows while it runs: files that DVC and TensorBoard read, speed by the counting rule, samples."""

import csv
import json
import os
import subprocess
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c
from torch.nn.functional import scaled_dot_product_attention

from model.artefacts import read_json
from model.training.live import Live
from model.training.meter import Meter, flops_of
from model.training.step import recompute
from model.training.watch import Watch, grid
from tests.model.training.tiny_dataset import tiny_dataset
from tests.model.training.tiny_job import tiny_trainer


def scalars(folder: Path) -> list[tuple[str, int]]:
    """Names and steps of the scalars in a folder's event files."""
    return [(value.tag, event.step) for event in events(folder) for value in event.summary.value]


def events(folder: Path) -> list[Event]:
    """What a folder's event files hold; their records are checked as TensorBoard does."""
    found = []
    for file in sorted(folder.glob("events.out.tfevents.*")):
        data = file.read_bytes()
        while data:
            length = int.from_bytes(data[:8], "little")
            assert int.from_bytes(data[8:12], "little") == masked_crc32c(data[:8])
            found.append(Event.FromString(data[12 : 12 + length]))
            data = data[16 + length :]
    return found


def test_a_watched_training_is_the_same_and_leaves_metrics_events_and_samples(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    dataset = tiny_dataset(tmp_path / "dataset")
    plain = tiny_trainer(dataset, tmp_path / "plain").train()
    watch = Watch(tmp_path / "live", lambda: [Image.new("RGB", (8, 8)), Image.new("RGB", (16, 8))], samples_every=8)
    trainer = tiny_trainer(dataset, tmp_path / "watched")
    with closing(watch):
        assert trainer.train(watch=watch) == plain
    rows = list(csv.DictReader((tmp_path / "live" / "curve.csv").open()))
    assert [int(row["step"]) for row in rows] == [2, 4, 6, 8, 10, 12, 14, 16]
    newest = read_json(tmp_path / "live" / "metrics.json")
    assert newest["step"] == 16
    assert {"flow", "gradient", "pictures_per_second", "flops_utilisation", "memory_megabytes"} <= newest.keys()
    assert newest["pictures_per_second"] > 0
    assert 0 < newest["flops_utilisation"] < 1
    assert ("flow", 2) in scalars(tmp_path / "live")
    assert ("identity", 16) in scalars(tmp_path / "live")
    samples = sorted((tmp_path / "live" / "samples").iterdir())
    assert [file.name for file in samples] == ["step-0000008.png", "step-0000016.png"]
    assert Image.open(samples[0]).size == (24, 8)


def test_a_resumed_training_goes_on_with_its_files(tmp_path: Path) -> None:
    first = Live(tmp_path, 0)
    for step in (2, 4, 6):
        first.add(step, "one", {"flow": 1.0 / step})
    Live(tmp_path, 4).add(6, "one", {"flow": 9.0, "identity": 0.5})
    rows = list(csv.DictReader((tmp_path / "curve.csv").open()))
    assert [(row["step"], row["flow"], row["identity"]) for row in rows] == [
        ("2", "0.5", ""),
        ("4", "0.25", ""),
        ("6", "9.0", "0.5"),
    ]


def dvc(folder: Path, *command: str) -> Any:
    """What DVC says of a folder from anywhere else, as JSON."""
    program = [sys.executable, "-m", "dvc", "--cd", str(folder), *command, "--json"]
    environment = os.environ | {"DVC_NO_ANALYTICS": "1"}
    return json.loads(subprocess.run(program, env=environment, capture_output=True, check=True).stdout)


def test_dvc_shows_the_newest_point_and_draws_each_measure_over_the_steps(tmp_path: Path) -> None:
    live = Live(tmp_path, 0)
    live.add(20, "one", {"flow": 0.5})
    live.add(40, "two", {"flow": 0.25, "identity": 0.75})
    newest = dvc(tmp_path, "metrics", "show")[""]["data"]["metrics.json"]["data"]
    assert newest == {"step": 40, "phase": "two", "flow": 0.25, "identity": 0.75}
    drawn = dvc(tmp_path, "plots", "show")["data"]
    assert drawn.keys() == {"flow", "identity"}
    for name, points in (("flow", [("20", "0.5"), ("40", "0.25")]), ("identity", [("20", ""), ("40", "0.75")])):
        picture = drawn[name][0]["content"]
        assert [(row["step"], row[name]) for row in picture["data"]["values"]] == points
        assert picture["encoding"]["x"]["field"] == "step"
        assert picture["layer"][0]["encoding"]["y"]["field"] == name


@pytest.mark.parametrize("done", [0, 4], ids=["before its first checkpoint", "later"])
def test_points_of_a_start_that_was_killed_are_taken_back_where_they_come_again(tmp_path: Path, done: int) -> None:
    live = Live(tmp_path, done)
    live.events.close()
    assert [event.step for event in events(tmp_path) if event.HasField("session_log")] == [done + 1]


def test_operations_are_two_a_multiplication_with_its_addition() -> None:
    left, right = torch.ones(3, 5), torch.ones(5, 7)
    assert flops_of(lambda: left @ right) == 2 * 3 * 5 * 7
    convolution = torch.nn.Conv2d(2, 4, 3, padding=1, bias=False)
    assert flops_of(lambda: convolution(torch.ones(1, 2, 6, 6))) == 2 * 2 * 4 * 9 * 36


def test_attention_counts_on_a_cpu_and_what_is_computed_again_does_not(tmp_path: Path) -> None:
    queries, keys = torch.ones(1, 2, 16, 8, requires_grad=True), torch.ones(1, 2, 6, 8)
    attention = partial(scaled_dot_product_attention, queries, keys, keys)
    assert flops_of(attention) == 2 * 2 * 2 * 16 * 6 * 8
    assert flops_of(lambda: attention().sum().backward()) > 3 * flops_of(attention)
    trainer = tiny_trainer(tiny_dataset(tmp_path / "dataset"), tmp_path / "work")
    counts = []
    for share in (0, 0.5, 1):
        recompute(trainer.whole.backbone, share)
        counts.append(flops_of(lambda: trainer.gradient(8, trainer.loop.phases[1])))
    assert len(set(counts)) == 1


def set_clock(monkeypatch: pytest.MonkeyPatch, seconds: list[float]) -> None:
    """Let the meter alone read these `seconds`, one after the other: other threads look at the machine's clock."""
    monotonic = iter(seconds).__next__
    clock = SimpleNamespace(monotonic=monotonic, perf_counter=time.perf_counter)
    monkeypatch.setattr("model.training.meter.time", clock)


def test_counting_operations_is_no_part_of_a_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, [10.0, 11.0, 14.0, 15.0, 15.0])
    meter = Meter(torch.device("cpu"))
    meter.count(lambda: torch.ones(2, 2) @ torch.ones(2, 2))
    assert meter.flops == 2 * 2 * 2 * 2
    assert meter.lap(batches=1, pictures=4, processes=1)["pictures_per_second"] == 4 / 2


def test_utilisation_is_the_rate_of_operations_over_the_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, [10.0, 14.0, 14.0])
    monkeypatch.setattr("model.training.meter.peak_of", lambda *_, **__: 1000.0)
    meter = Meter(torch.device("cpu"))
    meter.flops = 500
    lap = meter.lap(batches=4, pictures=32, processes=1)
    assert lap["pictures_per_second"] == 8
    assert lap["flops_utilisation"] == 4 * 500 / 4 / 1000
    assert lap["memory_megabytes"] > 10


def test_the_peak_is_the_best_of_those_measured_between_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, [0.0, 1.0, 3.0, 4.0, 4.0])
    peaks = iter([400.0, 1000.0, 600.0])
    monkeypatch.setattr("model.training.meter.peak_of", lambda *_, **__: next(peaks))
    meter = Meter(torch.device("cpu"))
    meter.flops = 500
    laps = [meter.lap(batches=1, pictures=1, processes=1) for _ in range(2)]
    assert [lap["flops_utilisation"] for lap in laps] == [0.5, 0.5]
    assert [lap["pictures_per_second"] for lap in laps] == [1.0, 1.0]


def test_a_grid_is_as_high_as_its_highest_picture() -> None:
    assert grid([Image.new("RGB", (3, 5)), Image.new("RGB", (4, 2))]).size == (7, 5)
