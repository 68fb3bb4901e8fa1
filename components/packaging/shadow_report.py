"""What a shadow's trial says: the second model against the champion on the same orders, with intervals."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import UserError
from validation.benchmark.bootstrap import figure
from validation.gate.shadow import SCHEMA

METRICS = ("similarity", "copy")
ALWAYS = {"at", "failed", "champion_model", "shadow_model"}  # what a trial tells
DONE = {"people", "shadow_seconds", "champion", "shadow"}  # and one that did not fail


def shadow_report(scores: Path) -> dict[str, Any]:
    """The report on the file of scores that a service with a shadow writes: counts, means and mean differences.

    A difference is shadow minus champion, order by order, with its 95 % interval (bootstrap over orders). Raises
    UserError where the file holds no trial, or trials of several pairs of models.
    """
    lines = _lines(scores)
    pairs = {(line["champion_model"], line["shadow_model"]) for line in lines}
    if len(pairs) != 1:
        raise UserError(f"{scores} holds trials of {len(pairs)} pairs of models; give a file with the trials of one")
    ((champion, shadow),) = pairs
    done = [line for line in lines if not line["failed"]]
    return {
        "schema": SCHEMA,
        "champion_model": champion,
        "shadow_model": shadow,
        "from": min(line["at"] for line in lines),
        "to": max(line["at"] for line in lines),
        "orders": len(lines),
        "failed": len(lines) - len(done),
        "people": dict(sorted(Counter(str(line["people"]) for line in done).items())),
        "shadow_seconds_median": round(float(np.median([line["shadow_seconds"] for line in done])), 4)
        if done
        else None,
        "metrics": {name: _compared(done, name) for name in METRICS},
    }


def _compared(done: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    values = {who: np.array([line[who][name] for line in done]) for who in ("champion", "shadow")}
    figures = {**values, "difference": values["shadow"] - values["champion"]}
    return {who: (found.as_json() if (found := figure(cases)) else None) for who, cases in figures.items()}


def _lines(scores: Path) -> list[dict[str, Any]]:
    try:
        texts = scores.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"{scores} cannot be read ({error.strerror}); make it readable") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{scores} is no text, as a shadow's scores are; give the file that the service wrote"
        ) from error
    lines = []
    for number, text in enumerate(texts, 1):
        line = _line(text)
        if line is not None:
            lines.append(line)
        elif number < len(texts):  # a last line that is cut off was being written
            raise UserError(f"{scores} line {number} is no trial of a shadow; give the file that the service wrote")
    if not lines:
        raise UserError(f"{scores} holds no trial yet; serve with WITHANYONE_SHADOW and wait for requests")
    return lines


def _line(text: str) -> dict[str, Any] | None:
    """The trial that a line of the file holds, None for another line."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    if not isinstance(line, dict) or not line.keys() >= ALWAYS:
        return None
    return line if line["failed"] or line.keys() >= DONE else None
