"""Prints how many drawn pictures show all their faces, and lays them on a sheet.

    python -m benchmarks.contact_sheet SCORES OUT.png

SCORES is what `withanyone evaluate` wrote: pictures of people and captions the training never saw, with the adapter
(`model`) and by the backbone on the captions alone (`adapter_off`). The sheet has the first pictures of each.
"""

import sys
from pathlib import Path

import pandas as pd
import typer
from PIL import Image, ImageDraw
from rich.console import Console
from rich.table import Table

from model.artefacts import read_json
from validation.benchmark.bootstrap import figure

SYSTEMS = ("model", "adapter_off")
SIDE = 160  # px of a picture's place on the sheet
COLUMNS, ROWS = 8, 4  # of one system
LINE = 24  # px for a system's name


def main(scores: Path, out: Path) -> None:
    """Print one row a system; write the sheet."""
    judge = read_json(scores / "scores.json")["judge"]
    cases = pd.read_parquet(scores / "cases.parquet")
    cases = cases[cases["judge"] == judge]
    table = Table("system", "pictures", "all faces found", "95 % interval", "faces found")
    sheet = Image.new("RGB", (COLUMNS * SIDE, len(SYSTEMS) * (ROWS * SIDE + LINE)), "white")
    for band, system in enumerate(SYSTEMS):
        rows = cases[cases["system"] == system]
        whole = figure(rows["coverage"] == 1)
        if whole is None:
            sys.exit(f"{scores} has no picture of {system}: give a folder that `withanyone evaluate` wrote.")
        found = (rows["coverage"] * rows["people"]).sum() / rows["people"].sum()
        table.add_row(
            system, str(len(rows)), f"{whole.mean:.1%}", f"{whole.low:.1%} to {whole.high:.1%}", f"{found:.1%}"
        )
        top = band * (ROWS * SIDE + LINE)
        ImageDraw.Draw(sheet).text((4, top + 6), system, "black")
        for place, (case, seed) in enumerate(zip(rows["case_id"], rows["seed"], strict=True)):
            if place < COLUMNS * ROWS:
                picture = Image.open(scores / "images" / case / f"{system}-{seed}.png")
                picture.thumbnail((SIDE, SIDE))
                sheet.paste(picture, (place % COLUMNS * SIDE, top + LINE + place // COLUMNS * SIDE))
    sheet.save(out)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
