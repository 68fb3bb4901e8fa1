"""The train step on small networks: the artefact it writes, what it refuses, what it starts from."""

import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from components.training.config import TrainingConfig
from components.training.step import run
from model import presets
from model.adapter.checkpoint import load_adapter
from model.artefacts import read_json, write_json
from model.dataset.dataset import Dataset
from model.errors import BusyError, Preempted, UserError
from model.training import cache
from model.training.assemble import training_data
from tests.components.training import tiny_step
from tests.components.training.tiny_step import BROUGHT, SHORT, inputs, on_tiny_networks, tiny_preset
from tests.forks import PAIR, fork
from tests.model.tiny import SIZES


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return on_tiny_networks(tmp_path, monkeypatch)


@contextmanager
def start(folder: Path, *arguments: str, launcher: Sequence[str] = ()) -> Iterator[ForkServerProcess]:
    """Train on the inputs in `folder` in a process that lives no longer than the block; one to hold on does by then."""
    reader, writer = map(os.fdopen, os.pipe(), "rw")
    with reader, fork([*launcher, tiny_step.__file__, str(folder), *arguments], writer.fileno()) as process:
        writer.close()
        if "hold" in arguments:
            assert reader.readline() == "saved\n"
        yield process


def test_writes_the_model_and_its_history_and_leaves_no_work_behind(tmp_path: Path, assets: Path) -> None:
    paths = inputs(tmp_path)
    run(**paths, config=SHORT)
    model = paths["model"]
    names = {path.name for path in model.iterdir()}
    assert names == {"adapter.safetensors", "adapter.json", "training.json", "metrics.json", "card.md"}
    assert load_adapter(model).sizes == SIZES
    history = read_json(model / "training.json")
    assert history["identities"] == ["ann", "bob", "cid"]
    assert history["curve"][-1]["step"] == 4
    assert {"flow", "identity", "contrastive", "total", "gradient"} <= history["curve"][-1].keys()
    assert {"name", "licence", "use"} <= history["licences"][0].keys()
    assert BROUGHT in history["licences"]
    assert history["start_digest"] is None
    card = (model / "card.md").read_text()
    assert "3 people" in card
    assert "Research only" in card
    assert not list((tmp_path / "cache" / "work" / "train").iterdir())


def test_a_second_training_of_one_job_is_refused_until_the_first_is_gone(
    tmp_path: Path, assets: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = inputs(tmp_path)
    refused = "is changing the training of this dataset with these settings: wait"
    with start(tmp_path, "hold"), pytest.raises(BusyError, match=refused):
        run(**paths, config=SHORT)
    caplog.set_level("INFO")
    run(**paths, config=SHORT)
    assert "going on from step 2" in caplog.text
    assert read_json(paths["model"] / "training.json")["curve"][-1]["step"] == 4


def test_sigterm_while_photos_are_encoded_ends_at_once_and_keeps_what_is_done(
    tmp_path: Path, assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = inputs(tmp_path)
    put, files = cache.put, list[Path]()

    def stop_after_two(file: Path, tensors: dict[str, torch.Tensor]) -> None:
        put(file, tensors)
        files.append(file)
        if len(files) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(cache, "put", stop_after_two)
    with pytest.raises(Preempted, match="start it again to go on"):
        run(**paths, config=SHORT)
    assert signal.getsignal(signal.SIGTERM) == before
    written = [file.stat().st_mtime_ns for file in files]
    assert len(written) == 2
    run(**paths, config=SHORT)
    assert [file.stat().st_mtime_ns for file in files[:2]] == written
    assert load_adapter(paths["model"]).sizes == SIZES


def test_sigterm_before_anything_is_encoded_is_answered_as_preempted(
    tmp_path: Path, assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, opened = inputs(tmp_path), Dataset.open

    def open_and_stop(folder: Path) -> Dataset:
        os.kill(os.getpid(), signal.SIGTERM)
        return opened(folder)

    before = signal.signal(signal.SIGTERM, lambda *_: pytest.fail("it would have ended the process"))
    try:
        monkeypatch.setattr(Dataset, "open", open_and_stop)
        with pytest.raises(Preempted, match="start it again to go on"):
            run(**paths, config=SHORT)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_training_killed_while_photos_or_texts_are_encoded_ends_as_one_that_was_not(
    tmp_path: Path, assets: Path
) -> None:
    whole = inputs(tmp_path / "whole")
    run(**whole, config=SHORT)
    for number in (6, 20):  # in the first batch of photos, and in that of texts
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        paths = inputs(tmp_path / str(number))
        with start(tmp_path / str(number), str(number)) as killed:
            killed.join()
        assert killed.exitcode == -signal.SIGKILL
        (tmp_path / str(number) / "cache").rename(tmp_path / "cache")
        assert len(list((tmp_path / "cache" / "features").rglob("*.safetensors"))) == number - 1
        run(**paths, config=SHORT)
        curves = [read_json(each["model"] / "training.json")["curve"] for each in (paths, whole)]
        assert curves[0] == curves[1]
        weights = [load_file(each["model"] / "adapter.safetensors") for each in (paths, whole)]
        assert all(torch.equal(weights[0][name], tensor) for name, tensor in weights[1].items())


@pytest.mark.parametrize(("began", "left"), [((), 1), (("twice",), 0)])
def test_processes_share_a_training_and_go_on_with_one_of_as_many_batches_a_step_alone(
    tmp_path: Path, assets: Path, began: tuple[str, ...], left: int
) -> None:
    paths = inputs(tmp_path)
    with start(tmp_path, "hold", *began):
        pass
    with start(tmp_path, launcher=PAIR) as both:
        both.join()
    assert both.exitcode == 0
    assert len(list((tmp_path / "cache" / "work" / "train").iterdir())) == left
    shared = read_json(paths["model"] / "training.json")
    run(**paths, config=SHORT.model_copy(update={"accumulate": 2}))
    alone = read_json(paths["model"] / "training.json")
    assert (shared["processes"], alone["processes"]) == (2, 1)
    totals = [[row["total"] for row in each["curve"]] for each in (shared, alone)]
    assert totals[0] == pytest.approx(totals[1], rel=1e-3)


def test_a_training_in_another_precision_starts_anew(
    tmp_path: Path, assets: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    paths = inputs(tmp_path)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    with start(tmp_path, "hold"):
        pass
    monkeypatch.delenv("ACCELERATE_MIXED_PRECISION")
    caplog.set_level("INFO")
    run(**paths, config=SHORT)
    assert "going on" not in caplog.text


def test_a_preset_that_edits_is_trained_by_the_same_step(
    tmp_path: Path, assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = inputs(tmp_path)
    run(**paths, config=SHORT)
    plain = read_json(paths["model"] / "training.json")["curve"]
    paths["model"].rename(tmp_path / "plain")
    monkeypatch.setitem(presets.PRESETS, "tiny", lambda: replace(tiny_preset(), edits=True))
    run(**paths, config=SHORT)
    edited = read_json(paths["model"] / "training.json")["curve"]
    assert [row["step"] for row in edited] == [row["step"] for row in plain]
    assert all(one["flow"] != other["flow"] for one, other in zip(edited, plain, strict=True))


def test_a_model_goes_on_from_another_and_inherits_its_people_and_licences(tmp_path: Path, assets: Path) -> None:
    paths = inputs(tmp_path)
    run(**paths, config=SHORT)
    champion = tmp_path / "champion"
    paths["model"].rename(champion)
    history = read_json(champion / "training.json")
    photos = {"name": "photos", "licence": "theirs", "use": "as licensed"}
    write_json(champion / "training.json", history | {"identities": ["zoe"], "licences": [photos]})
    slow = SHORT.phases[0].model_copy(update={"steps": 1, "learning_rate": 1e-9})
    run(**paths, config=SHORT.model_copy(update={"start": str(champion), "phases": (slow,)}))
    again = read_json(paths["model"] / "training.json")
    assert again["identities"] == ["ann", "bob", "cid", "zoe"]
    assert photos in again["licences"]
    before, after = (load_file(folder / "adapter.safetensors") for folder in (champion, paths["model"]))
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)


def test_the_preset_adapter_is_the_start_where_one_ships(tmp_path: Path, assets: Path) -> None:
    paths = inputs(tmp_path)
    run(**paths, config=SHORT)
    (paths["model"] / "adapter.safetensors").rename(assets / "adapter.safetensors")
    slow = SHORT.phases[0].model_copy(update={"steps": 1, "learning_rate": 1e-9})
    run(**paths, config=SHORT.model_copy(update={"phases": (slow,)}))
    shipped, after = load_file(assets / "adapter.safetensors"), load_file(paths["model"] / "adapter.safetensors")
    assert all(torch.allclose(shipped[name], after[name], atol=1e-6) for name in shipped)
    assert read_json(paths["model"] / "training.json")["start"] == "the adapter that ships with tiny"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (SHORT.model_copy(update={"preset": "huge"}), "preset 'huge' is not known"),
        (SHORT.model_copy(update={"start": "/no/where"}), "train.start '/no/where' is no folder"),
    ],
)
def test_settings_that_fit_nothing_are_refused(
    tmp_path: Path, assets: Path, config: TrainingConfig, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        run(**inputs(tmp_path), config=config)


def test_photos_are_trained_on_at_tall_sizes_too(tmp_path: Path, assets: Path) -> None:
    dataset = Dataset.open(inputs(tmp_path)["dataset"])
    tall = replace(tiny_preset(), buckets=((96, 64),), tall=((64, 64),))
    sizes = {target.size for target in training_data(dataset, tall).targets}
    assert sizes == {(96, 64), (64, 64)}


def test_a_mix_that_names_no_folder_is_refused_before_anything_is_encoded(tmp_path: Path, assets: Path) -> None:
    phase = SHORT.phases[0].model_copy(update={"mix": {"stylised": 1.0}})
    with pytest.raises(UserError, match="the mix of 'one' names the folder 'stylised'"):
        run(**inputs(tmp_path), config=SHORT.model_copy(update={"phases": (phase,)}))
    assert not (tmp_path / "cache" / "features").exists()


def test_a_dataset_that_is_not_proven_good_is_refused(tmp_path: Path, assets: Path) -> None:
    paths = inputs(tmp_path, success=False)
    with pytest.raises(UserError, match="failed its validation"):
        run(**paths, config=SHORT)
    (paths["validation"] / "result.json").unlink()
    with pytest.raises(UserError, match=r"no result\.json"):
        run(**paths, config=SHORT)
    assert not paths["model"].exists()


def test_embeddings_of_another_recogniser_are_refused(tmp_path: Path, assets: Path) -> None:
    paths = inputs(tmp_path)
    manifest = read_json(paths["dataset"] / "manifest.json")
    other = {"name": "antelopev2", "dim": 512, "digest": "0"}
    write_json(paths["dataset"] / "manifest.json", manifest | {"recogniser": other})
    with pytest.raises(UserError, match="antelopev2"):
        run(**paths, config=SHORT)
