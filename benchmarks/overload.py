"""A service under several times the load that it can bear: who was answered, who was sent away, and its memory.

python -m benchmarks.overload BENTO REFERENCE [MINUTES [TIMES]]

Ends with 1 where the service fell, left somebody unanswered or grew.
"""

import asyncio
import base64
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import psutil
import typer
from rich.console import Console
from rich.table import Table

from components.packaging.proof import serving

CALM, CLIENTS = 48, 8  # requests from which the capacity is known, and how many wait for an answer at a time
FLAT = 1.10  # memory of the last minute over that of the second, at most


@dataclass
class Seen:
    """What the clients saw: seconds of the answers by status, and the service's memory in MiB by second."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    advised: Counter[bool] = field(default_factory=Counter)  # whether a refusal said when to come again
    memory: list[float] = field(default_factory=list)


async def load(client: httpx.AsyncClient, order: dict[str, Any], rate: float, seconds: float, server: int) -> Seen:
    """Send `rate` requests a second for so many seconds, whether or not the earlier ones were answered."""
    seen, started, open_ = Seen(), time.monotonic(), set()
    number = 0
    while (now := time.monotonic() - started) < seconds:
        if now * rate >= number:
            task = asyncio.create_task(ask(client, {**order, "seed": number}, seen))
            open_.add(task)
            task.add_done_callback(open_.discard)
            number += 1
        if now >= len(seen.memory):
            seen.memory.append(memory(server))
        await asyncio.sleep(0.005)
    await asyncio.gather(*open_)
    return seen


async def ask(client: httpx.AsyncClient, order: dict[str, Any], seen: Seen) -> None:
    """Ask for a picture and note how that ended."""
    start = time.monotonic()
    try:
        answer = await client.post("/generate", json=order)
        status = str(answer.status_code)
        if answer.status_code == 429:
            seen.advised["retry-after" in answer.headers] += 1
        elif answer.status_code == 200 and not answer.content.startswith(b"\x89PNG"):
            status = "200 without a picture"
    except httpx.TransportError as error:
        status = type(error).__name__
    seen.seconds[status].append(time.monotonic() - start)


def memory(server: int) -> float:
    """MiB that the server and its workers hold; 0 where it has ended."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        for process in (psutil.Process(server), *psutil.Process(server).children(recursive=True)):
            total += process.memory_info().rss
    return total / 2**20


def ready(client: httpx.Client) -> bool:
    """Whether the service still answers that it is."""
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def show(seen: Seen, rate: float, capacity: float) -> bool:
    """Print the table and the verdict; returns it."""
    table = Table("answer", "requests", "p50, s", "p95, s", "longest, s", title=f"{rate:.1f} requests a second offered")
    for status, taken in sorted(seen.seconds.items()):
        p50, p95 = np.percentile(taken, [50, 95])
        table.add_row(status, str(len(taken)), f"{p50:.2f}", f"{p95:.2f}", f"{max(taken):.2f}")
    Console().print(table)
    minute = min(60, len(seen.memory) // 3)
    early, late = np.mean(seen.memory[minute : 2 * minute]), np.mean(seen.memory[-minute:])
    others = sum(len(taken) for status, taken in seen.seconds.items() if status not in ("200", "429"))
    good = {
        "every accepted request answered": others == 0 and bool(seen.seconds.get("200")),
        "every refusal said when to come again": not seen.advised[False],
        "the service did not fall": min(seen.memory) > 0,
        f"memory flat ({early:.0f} to {late:.0f} MiB, peak {max(seen.memory):.0f})": bool(late <= FLAT * early),
    }
    Console().print(
        f"capacity {capacity:.2f} pictures a second, answered {len(seen.seconds['200']) / len(seen.memory):.2f}"
    )
    for name, holds in good.items():
        Console().print(f"{'yes' if holds else 'NO '}  {name}")
    return all(good.values())


def main(
    bento: Path,
    reference: Path,
    minutes: Annotated[float, typer.Argument()] = 5,
    times: Annotated[float, typer.Argument()] = 4,
) -> None:
    """Start the Bento, learn its capacity, and overload it."""
    order = {"prompt": "a person smiling", "references": [base64.b64encode(reference.read_bytes()).decode()]}
    with tempfile.TemporaryDirectory() as scratch, serving(bento, Path(scratch), 600) as (client, _):
        start = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            answers = pool.map(lambda seed: client.post("/generate", json={**order, "seed": seed}), range(CALM))
            for answer in answers:
                answer.raise_for_status()
        capacity = CALM / (time.monotonic() - start)
        server = max(psutil.Process().children(), key=lambda one: one.create_time()).pid

        async def run() -> Seen:
            limits = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(base_url=client.base_url, timeout=300, limits=limits, trust_env=False) as many:
                return await load(many, order, times * capacity, 60 * minutes, server)

        seen = asyncio.run(run())
        alive = ready(client)
        Console().print(f"{'yes' if alive else 'NO '}  ready afterwards")
        good = show(seen, times * capacity, capacity) and alive
    if not good:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
