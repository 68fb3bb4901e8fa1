"""Prints whether calibrated banks keep their promise: python -m benchmarks.calibration DATASET.

From the people of DATASET many banks are drawn, of `PEOPLE` who are not alike, each with `FACES` faces; curation
calibrates each bank and names all other faces with it. Strangers are people who are no more like anybody in the bank
than people of a cast may be. One bank says little: its threshold hangs on the luckiest few of its faces.
"""

from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.strangers import LIKENESS, found_of
from components.curation.bank import Bank, centres
from components.curation.calibrate import calibrate
from components.curation.config import CurationConfig
from components.curation.found import Found
from components.curation.retrieve import retrieve
from model.dataset.dataset import Dataset
from model.progress import track

PEOPLE, FACES = 40, 6
Indices = NDArray[np.intp]


def drawn(likeness: NDArray[np.float32], rng: np.random.Generator) -> Indices:
    """`PEOPLE` of the people [I], or fewer, no two more alike by `likeness` [I, I] than people of a cast."""
    chosen: list[int] = []
    for person in rng.permutation(len(likeness)):
        if len(chosen) < PEOPLE and (likeness[person, chosen] <= LIKENESS).all():
            chosen.append(int(person))
    return np.sort(np.array(chosen, np.intp))


def bank_of(found: Found, person: Indices, chosen: Indices, good: NDArray[np.bool_], rng: np.random.Generator) -> Bank:
    """A bank of `FACES` of the `good` faces [N] of each of the people `chosen`; `person` [N] says whose each is."""
    member = np.full(len(person), -1, np.intp)
    for place, number in enumerate(chosen):
        member[rng.permutation(np.flatnonzero(good & (person == number)))[:FACES]] = place
    return Bank([str(number) for number in chosen], centres(found.unit, member, len(chosen)), member)


def shares(found: Found, person: Indices, people: NDArray[np.float32], seed: int) -> tuple[float, float, float]:
    """The threshold of a drawn bank, the share of strangers it names, and that of its people whom it names aright."""
    rng, config = np.random.default_rng(seed), CurationConfig()
    likeness = people @ people.T
    chosen = drawn(likeness, rng)
    good = (person >= 0) & (found.sharpness >= config.min_sharpness)
    bank = bank_of(found, person, chosen, good, rng)
    calibration = calibrate(found, bank, config)
    given = retrieve(found, bank, good, calibration.threshold, config)
    rest = good & (bank.member < 0)
    own = rest & np.isin(person, chosen)
    strangers = rest & ~own & (likeness[:, chosen].max(axis=1) <= LIKENESS)[person]
    right = given[own] == np.searchsorted(chosen, person[own])
    return calibration.threshold, float((given[strangers] >= 0).mean()), float(right.mean())


def main(dataset: Path, banks: int = 200) -> None:
    """Draw, calibrate, name and print."""
    opened = Dataset.open(dataset)
    places = {name: place for place, name in enumerate(opened.identities.index)}
    person = np.array([places.get(name, -1) for name in opened.faces["identity"]], np.intp)
    found = found_of(opened)
    people = centres(found.unit, person, len(places))
    made = np.array([shares(found, person, people, seed) for seed in track(range(banks), "banks", unit="bank")])
    table = Table("", "mean", "median", "5 % of banks below", "5 % above", title=f"{banks} banks of {PEOPLE} people")
    for name, row in zip(("threshold", "strangers named", "own people found"), made.T, strict=True):
        figures = (row.mean(), *np.percentile(row, [50, 5, 95]))
        table.add_row(name, *(f"{figure:.4f}" for figure in figures))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
