"""A whole small training job; as a program, one that is killed or asked to stop where it is told to."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import DeepSpeedPlugin, DistributedType, FullyShardedDataParallelPlugin
from safetensors.torch import load_file
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.optim import AdamW

from model.artefacts import write_json
from model.dataset.dataset import Dataset
from model.errors import PREEMPTED, Preempted
from model.losses.bank import IdentityBank
from model.presets import nano
from model.sampler import Request, Sampler
from model.training.batches import Batches
from model.training.cache import compute_features
from model.training.data import training_set
from model.training.phases import Phase
from model.training.preemption import asked_to_stop
from model.training.processes import accelerator, share_of
from model.training.step import Judges
from model.training.trainer import Loop, Trainer
from model.training.watch import Watch
from tests.forks import fork
from tests.model.tiny import TinyRecogniser, tiny_adapter, tiny_autoencoder, tiny_backbone

ROOT = Path(__file__).resolve().parents[3]
FILES = ROOT / "components" / "training" / "accelerate"
CLIP = 0.45  # clips some of the steps
BUCKETS = ((64, 64), (96, 64))
PHASES = (
    Phase(name="first", steps=8, learning_rate=1e-3, warmup=2, paired=0, contrastive=0, identity=0),
    Phase(
        name="second",
        steps=6,
        learning_rate=1e-3,
        final_rate=0.1,
        warmup=2,
        gate=0.8,
        decoded=0.8,
        mix={"scenes": 2, "portraits": 1},
    ),
    Phase(name="third", steps=2, learning_rate=1e-4, warmup=0, drawn=2),
)
UNEVEN = (*PHASES[:2], PHASES[2].model_copy(update={"decoded": 0.35}))  # one process may draw where another does not


def encode_text(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Text features that depend on the text alone: 4 tokens of 6 channels, a vector of 5."""
    generators = [torch.Generator().manual_seed(sum(text.encode())) for text in texts]
    return torch.stack([torch.randn(4, 6, generator=g) for g in generators]), torch.stack(
        [torch.randn(5, generator=g) for g in generators]
    )


def tiny_trainer(
    dataset: Dataset,
    work: Path,
    phases: tuple[Phase, ...] = PHASES,
    batch: int = 4,
    accumulate: int = 1,
    *,
    edits: bool = False,
) -> Trainer:
    """A trainer of the tiny networks with batches of 4; of an editor where it `edits`."""
    from tests.model.training.tiny_detector import DETECTOR

    autoencoder, recogniser = tiny_autoencoder(), TinyRecogniser()
    data = training_set(dataset, BUCKETS, edits=edits)
    networks = autoencoder, recogniser, encode_text, "tiny"
    process = processes(accumulate)
    # Each its share, as in trainings: what two compute at once is batched by chance, on which the last bits depend.
    store = work / "features"
    features = compute_features(dataset, data, *networks, store, edits=edits, share=share_of(process, store))
    process.wait_for_everyone()
    bank = IdentityBank.of(torch.from_numpy(data.embeddings[data.bank_rows]), torch.from_numpy(data.bank_codes))
    with stepped_in_place() if process.is_fsdp2 else nullcontext():
        return Trainer(
            tiny_backbone(),
            tiny_adapter(trained=False),
            Judges(autoencoder, recogniser, bank, DETECTOR),
            Batches(data, features, size=batch, seed=5),
            Loop(phases, accumulate=accumulate, clip=CLIP, checkpoint_every=4, report_every=2),
            work,
            process,
        )


@contextmanager
def stepped_in_place() -> Iterator[None]:
    """Let an optimiser that is made step as on a GPU."""
    make = AdamW.__init__

    def made(optimiser: AdamW, *given: Any, **options: Any) -> None:
        make(optimiser, *given, **options | {"fused": True})

    with patch.object(AdamW, "__init__", made):
        yield


def processes(accumulate: int) -> Accelerator:
    """The accelerator that the launcher asked for; accelerate itself heeds it on every device but the CPU."""
    with patch("torch.accelerator.is_available", return_value=False):
        found = accelerator(accumulate)
    if os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true":
        deepspeed(found)
    if os.environ.get("ACCELERATE_USE_FSDP") == "true":
        found.state.distributed_type = DistributedType.FSDP
        found.state.fsdp_plugin = FullyShardedDataParallelPlugin()
    return found


def deepspeed(process: Accelerator) -> None:
    """Give the process to DeepSpeed, which talks over gloo where it finds nothing that it can compile for a CPU."""
    from deepspeed import ops

    ops.__compatible_ops__ = {}
    plugin = DeepSpeedPlugin()
    plugin.set_mixed_precision(os.environ["ACCELERATE_MIXED_PRECISION"])
    PartialState().distributed_type = process.state.distributed_type = DistributedType.DEEPSPEED
    process.state.deepspeed_plugins = {"default": plugin}
    plugin.select(_from_accelerator_state=True)


def watch(trainer: Trainer, work: Path) -> Watch:
    """What watches a training and draws a picture by its networks, however these are shared out."""
    sampler = Sampler(nano(), trainer.whole.backbone, tiny_autoencoder(), encode_text, trainer.adapter, "cpu")
    boxes = np.array([[8, 8, 40, 56]], np.float32)
    request = Request("one person", trainer.batches.data.embeddings[:1], boxes, 64, 64, 1)
    return Watch(work / "live", lambda: sampler([request]), samples_every=8)


def launcher(file: str) -> Sequence[str]:
    """Two processes on the CPU by a file for GPUs, in full precision."""
    options = ["--config_file", str(FILES / file), "--num_processes", "2", "--mixed_precision", "no"]
    return ("-m", "accelerate.commands.launch", "--main_process_port", "0", *options)


def start(
    dataset: Dataset,
    work: Path,
    moment: str,
    number: int,
    launcher: Sequence[str] = (),
    *flags: str,
    fresh: bool = False,
) -> int:
    """The job in a process of its own, with 'edits', 'uneven' or 'apart' where told so; its exit code.

    A `fresh` one is in new interpreters, as a user's is; others are forks, which spares them all imports.
    """
    command = [*launcher, __file__, str(dataset.folder), str(work), moment, str(number), *flags]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    with patch.dict(os.environ, PYTHONPATH=path, OMP_NUM_THREADS="1", DS_ACCELERATOR="cpu"):
        if fresh:
            return subprocess.run([sys.executable, *command], cwd=ROOT, check=False).returncode
        with fork(command) as process:
            process.join()
        assert process.exitcode is not None
        return process.exitcode


def same_end(one: Path, other: Path) -> bool:
    """Whether two jobs ended with the same weights, moments and measures, bit for bit."""
    last = "checkpoints/step-0000016"
    if (one / last / "progress.json").read_text() != (other / last / "progress.json").read_text():
        return False
    pairs = [
        (load_file(one / last / file), load_file(other / last / file))
        for file in ("weights.safetensors", "optimiser.safetensors")
    ]
    return all(a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a) for a, b in pairs)


def signal_in_step(trainer: Trainer, number: int, sent: signal.Signals) -> None:
    """Send this process a signal in the forward pass of its step `number` (from 1)."""
    calls = 0

    def note(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), sent)

    trainer.model.register_forward_hook(note)


def spoil_gradient(trainer: Trainer, number: int) -> None:
    """Make the gradient of step `number` (from 1) no number, and leave its losses as they are."""
    calls = 0

    def note(_module: object, _inputs: object, output: Tensor) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            output.register_hook(lambda gradient: gradient * float("nan"))

    trainer.whole.backbone.proj_out.register_forward_hook(note)


def job(dataset: Path, work: Path, moment: str, number: int, flags: Sequence[str]) -> None:
    """Train, and be killed or asked to stop in a step, or killed while the checkpoint of step `number` is written.

    'spoiled' has no finite gradient in a step; 'watched' trains to the end with live metrics and sample pictures.
    With 'apart' each process but the first has a folder of its own for checkpoints.
    """
    torch.set_num_threads(1)
    if "apart" in flags and os.environ["RANK"] != "0":
        work = work / "elsewhere"
    phases = UNEVEN if "uneven" in flags else PHASES
    trainer = tiny_trainer(Dataset.open(dataset), work, phases, edits="edits" in flags)
    assert trainer.sharded == trainer.optimiser.param_groups[0]["fused"]
    assert trainer.sharded == all(isinstance(parameter, DTensor) for parameter in trainer.whole.parameters())

    def write(path: Path, value: dict[str, Any]) -> None:
        if moment == "saving" and value["step"] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        write_json(path, value)

    if moment in ("kill", "term"):
        signal_in_step(trainer, number, signal.SIGKILL if moment == "kill" else signal.SIGTERM)
    if moment == "spoiled":
        spoil_gradient(trainer, number)
    with patch("model.training.checkpoint.write_json", write), asked_to_stop() as stop:
        try:
            trainer.train(stop, watch(trainer, work) if moment == "watched" else None)
        except Preempted:
            sys.exit(PREEMPTED)


if __name__ == "__main__":
    job(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5:])
