"""The page of an evaluation that was stopped: people of the benchmark who were trained on, face beside face."""

from pathlib import Path

from model.artefacts import read_json
from validation.report.page import picture_uri, render


def leakage_page(folder: Path) -> str:
    """The page of a scores folder that holds nothing but its leakage, from its own files alone."""
    leakage = read_json(folder / "scores.json")["leakage"]
    hits = [pair for pair in leakage["pairs"] if pair["similarity"] > leakage["threshold"]["cosine"]]
    pairs = [
        pair
        | {side: picture_uri(folder / "images" / "leaks" / f"{number}-{side}.jpg") for side in ("benchmark", "trained")}
        | {"names": (pair["benchmark"], pair["trained"])}
        for number, pair in enumerate(hits)
    ]
    return render("leakage.html.j2", leakage=leakage, pairs=pairs)
