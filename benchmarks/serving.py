"""The service beside the plain pipeline call on the same pictures, its throughput, and what keeping identities saves.

python -m benchmarks.serving BENTO REFERENCE [ROUNDS]
"""

import base64
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import torch
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.timing import side_by_side
from components.packaging.bundle import MODEL
from components.packaging.caches import KeptTexts
from components.packaging.pictures import read_bytes
from components.packaging.proof import serving
from components.packaging.references import only_face
from model.adapter.attention import KeysValues
from model.adapter.inject import Condition, Weights
from model.dataset.buckets import Size
from model.presets import load_faces
from model.sampler import Request, Sampler

PROMPT = "a person smiling"
ROUNDS, STEPS = 41, 8
CLIENTS = (1, 4, 16)
Order = dict[str, Any]


class Again(Sequence[KeysValues]):
    """The keys and values of people in a denoising step, made anew for each step: when its first block asks."""

    def __init__(self, make: Callable[[], list[KeysValues]]) -> None:
        self.make = make

    def __len__(self) -> int:
        return len(self.made)

    def __getitem__(self, block: Any) -> Any:
        if block == 0:
            self.made = self.make()
        return self.made[block]


class Repeating(Sampler):
    """The pipeline without the kept identity path: tokens, keys and values of the people again in each step."""

    def _people(self, requests: Sequence[Request], size: Size, weights: Weights) -> list[Condition]:
        embeddings = torch.from_numpy(requests[0].embeddings)[None]
        again = Again(lambda: self.adapter(embeddings))
        return [replace(one, keys_values=again) for one in super()._people(requests, size, weights)]


def overhead(
    client: httpx.Client, plain: Callable[[], Image.Image], kept: Callable[[], Image.Image], order: Order, rounds: int
) -> bool:
    """Print medians taken in turn, and whether the pictures are the same and the service's overhead is kept; both.

    The overhead is over the plain call of the pipeline, which encodes its text each time. Over one that keeps its text,
    as the service does, it is told, too: there, what the service saves hides nothing of what it costs.
    """
    answer = client.post("/generate", json=order).raise_for_status()
    same = Image.open(BytesIO(answer.content)).tobytes() == plain().tobytes()
    ways = {
        "plain pipeline call": plain,
        "the same, its text kept": kept,
        "service": lambda: client.post("/generate", json=order).raise_for_status(),
    }
    *before, after = side_by_side("One picture", ways, rounds).values()
    good = after - before[0] <= max(0.005, 0.03 * before[0])
    extras = [f"{(after - one) * 1000:+.1f} ms, {after / one - 1:+.1%}" for one in before]
    Console().print(
        f"same pictures: {same}; overhead {extras[0]}; kept: {good}; over the call that keeps its text {extras[1]}"
    )
    return same and good


def throughput(client: httpx.Client, order: Order, rounds: int) -> None:
    """Print pictures a second and latencies with several clients, none of whom sends before it has its answer."""

    def ask(seed: int) -> float:
        start = time.perf_counter()
        client.post("/generate", json={**order, "seed": seed}).raise_for_status()
        return time.perf_counter() - start

    table = Table("clients", "pictures a second", "p50, ms", "p95, ms", title="Throughput")
    for clients in CLIENTS:
        with ThreadPoolExecutor(clients) as pool:
            start = time.perf_counter()
            taken = list(pool.map(ask, range(rounds)))
            seconds = time.perf_counter() - start
        p50, p95 = np.percentile(taken, [50, 95]) * 1000
        table.add_row(str(clients), f"{rounds / seconds:.2f}", f"{p50:.0f}", f"{p95:.0f}")
    Console().print(table)


def identity_path(model: Path, request: Request, rounds: int) -> None:
    """Print steps a second with the identity's keys and values kept, and made again in each step."""
    kept, repeating = Sampler.load(model), Repeating.load(model)
    ways = {"again each step": lambda: repeating([request], steps=STEPS), "kept": lambda: kept([request], steps=STEPS)}
    medians = side_by_side(f"{STEPS} steps", ways, rounds)
    Console().print(", ".join(f"{name}: {STEPS / seconds:.2f} steps a second" for name, seconds in medians.items()))


def batches(pipeline: Sampler, request: Request) -> None:
    """Print seconds a picture when several are one call, as the service makes those of requests that are alike."""
    taken = []
    for count in (1, 2, 4):
        together = [replace(request, seed=seed) for seed in range(count)]
        turns = []
        for _ in range(7):
            start = time.perf_counter()
            pipeline(together)
            turns.append((time.perf_counter() - start) / count)
        taken.append(f"{count}: {statistics.median(turns) * 1000:.0f} ms")
    Console().print(f"a picture in a batch of {', '.join(taken)}")


def main(bento: Path, reference: Path, rounds: Annotated[int, typer.Argument()] = ROUNDS) -> None:
    """Start the Bento and measure; ends with 1 where pictures differ or the overhead is not kept."""
    photo = reference.read_bytes()
    model = bento / "src" / "bundle" / MODEL
    pipeline, keeping = Sampler.load(model), Sampler.load(model)
    keeping.encode_text = KeptTexts(keeping.encode_text)
    pixels = read_bytes(photo, "reference")
    face = only_face(load_faces(pipeline.preset).analyse([pixels])[0], "reference")
    request = Request(PROMPT, face.embedding[None], *pipeline.layout(1), seed=7)
    order = {"prompt": PROMPT, "references": [base64.b64encode(photo).decode()], "seed": 7}
    with tempfile.TemporaryDirectory() as scratch, serving(bento, Path(scratch), 600) as (client, ready):
        Console().print(f"ready in {ready:.1f} s")
        good = overhead(client, lambda: pipeline([request])[0], lambda: keeping([request])[0], order, rounds)
        throughput(client, order, rounds)
    identity_path(model, request, rounds)
    batches(pipeline, request)
    if not good:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
