"""Features whose computation was stopped, or shared: the files have the bytes of one process that was not stopped."""

import os
import signal
import socket
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from model.artefacts import file_digest
from model.dataset.dataset import Dataset
from model.training import cache, patches
from model.training.cache import compute_features
from model.training.data import TrainingSet, training_set
from model.training.feature_files import ALL, Share
from model.training.patches import compute_patches
from tests.forks import fork
from tests.model.training.tiny_company import (
    autoencoder_in_company,
    recogniser_in_company,
    texts_in_company,
    tower_in_company,
)
from tests.model.training.tiny_dataset import tiny_dataset
from tests.model.training.tiny_job import BUCKETS

CHUNK = 4
NODE = """
import os, signal, sys
from pathlib import Path
import torch
from model.dataset.dataset import Dataset
from model.training import cache, patches
from model.training.data import training_set
from model.training.processes import accelerator, share_of, wait_for_all
from tests.model.training.test_cache_resumed import BUCKETS, CHUNK, compute

folder, store, last, report = *map(Path, sys.argv[1:3]), int(sys.argv[3]), Path(sys.argv[4])
made, put = [], cache.put

def noted(file, tensors):
    put(file, tensors)
    made.append(str(file.relative_to(store)))
    if len(made) == last:
        os.kill(os.getpid(), signal.SIGKILL)

for module in (cache, patches):
    module.CHUNK, module.put = CHUNK, noted
torch.set_num_threads(1)
process = accelerator(1)
dataset = Dataset.open(folder)
share = share_of(process, store)
compute(dataset, training_set(dataset, BUCKETS), store, share)
wait_for_all(process)
report.write_text("\\n".join(made))
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    torch.set_num_threads(1)
    return tiny_dataset(tmp_path_factory.mktemp("data"), photos=5, groups=5)


@pytest.fixture(scope="module")
def data(dataset: Dataset) -> TrainingSet:
    return training_set(dataset, BUCKETS)


@pytest.fixture(autouse=True)
def in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (cache, patches):
        monkeypatch.setattr(module, "CHUNK", CHUNK)


def compute(dataset: Dataset, data: TrainingSet, store: Path, share: Share = ALL) -> None:
    networks = autoencoder_in_company(), recogniser_in_company(), texts_in_company, "tiny"
    compute_features(dataset, data, *networks, store, share=share)
    compute_patches(dataset, data.reference_rows(), tower_in_company(), store, share)


def stopped_after(
    number: int, monkeypatch: pytest.MonkeyPatch, dataset: Dataset, data: TrainingSet, store: Path
) -> None:
    """Compute features and be gone once `number` files are written."""
    put, left = cache.put, iter(range(number))

    def or_be_gone(file: Path, tensors: dict[str, Tensor]) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        put(file, tensors)

    with monkeypatch.context() as patch:
        for module in (cache, patches):
            patch.setattr(module, "put", or_be_gone)
        with pytest.raises(KeyboardInterrupt):
            compute(dataset, data, store)


def files(store: Path) -> dict[str, str]:
    return {str(file.relative_to(store)): file_digest(file) for file in sorted(store.rglob("*.safetensors"))}


def test_features_are_the_same_bytes_wherever_their_computation_was_stopped(
    dataset: Dataset, data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute(dataset, data, tmp_path / "whole")
    whole = files(tmp_path / "whole")
    assert len(whole) > 8 * CHUNK
    for number in range(1, len(whole), 5):
        store = tmp_path / str(number)
        stopped_after(number, monkeypatch, dataset, data, store)
        assert len(files(store)) == number
        compute(dataset, data, store)
        assert files(store) == whole, number


def test_features_are_the_same_bytes_however_many_processes_share_them(
    dataset: Dataset, data: TrainingSet, tmp_path: Path
) -> None:
    compute(dataset, data, tmp_path / "one")
    for rank in range(3):
        compute(dataset, data, tmp_path / "three", Share(rank, 3))
    assert files(tmp_path / "three") == files(tmp_path / "one")


def machines(dataset: Dataset, store: Path, tmp_path: Path, last: int = 0) -> list[set[str]]:
    """What each of two machines with one process puts into `store`; the first is killed after its `last` file."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    both = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "1",
        "LOCAL_RANK": "0",
        "CUDA_VISIBLE_DEVICES": "",
    }
    program = tmp_path / "node.py"
    program.write_text(NODE)
    with ExitStack() as stack:
        running = []
        for rank in range(2):
            command = [program, dataset.folder, store, last * (rank == 0), tmp_path / f"made {rank}"]
            with patch.dict(os.environ, both, RANK=str(rank)):
                running.append(stack.enter_context(fork([str(word) for word in command])))
        for process in running:
            process.join()
        codes = [process.exitcode for process in running]
    if last:
        assert codes[0] == -signal.SIGKILL
        assert codes[1] != 0  # it does not go on with what is not there
        return []
    assert codes == [0, 0]
    return [set((tmp_path / f"made {rank}").read_text().splitlines()) for rank in range(2)]


def test_machines_that_share_a_store_compute_a_part_each(dataset: Dataset, data: TrainingSet, tmp_path: Path) -> None:
    compute(dataset, data, tmp_path / "one")
    whole = files(tmp_path / "one")
    first, second = machines(dataset, tmp_path / "two", tmp_path)
    assert min(len(first), len(second)) > len(whole) / 4
    assert first.isdisjoint(second)
    assert first | second == set(whole)
    assert files(tmp_path / "two") == whole
    assert not list((tmp_path / "two" / "meetings").iterdir())


def test_what_machines_have_put_there_until_one_was_killed_is_gone_on_from(
    dataset: Dataset, data: TrainingSet, tmp_path: Path
) -> None:
    machines(dataset, tmp_path / "two", tmp_path, last=CHUNK + 1)
    compute(dataset, data, tmp_path / "one")
    whole = files(tmp_path / "one")
    assert CHUNK < len(files(tmp_path / "two")) < len(whole)
    compute(dataset, data, tmp_path / "two")
    assert files(tmp_path / "two") == whole


def test_a_file_that_was_deleted_comes_back_as_it_was(dataset: Dataset, data: TrainingSet, tmp_path: Path) -> None:
    compute(dataset, data, tmp_path)
    whole = files(tmp_path)
    for name in list(whole)[::5]:
        (tmp_path / name).unlink()
    compute(dataset, data, tmp_path)
    assert files(tmp_path) == whole


def test_what_another_version_put_there_stays_and_a_stop_after_it_changes_nothing(
    dataset: Dataset, data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = replace(data, targets=data.targets[2:-3])  # batched otherwise than in the whole
    stores = [tmp_path / name for name in ("whole", "stopped")]
    for store in stores:
        compute(dataset, older, store)
    before = files(stores[0])
    compute(dataset, data, stores[0])
    whole = files(stores[0])
    assert before.items() < whole.items()
    stopped_after(2, monkeypatch, dataset, data, stores[1])
    compute(dataset, data, stores[1])
    assert files(stores[1]) == whole
