"""Deciding again from what a decision names, and saying what changed where the bytes are not the same."""

import json
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from model.errors import UserError
from validation.gate.override import Override, override
from validation.gate.thresholds import Thresholds

Decide = Callable[[Thresholds], dict[str, Any]]
PARTS = (
    "statistics",
    "thresholds",
    "champion",
    "judge",
    "figures",
    "left_out",
    "shadow",
    "not_measured",
    "by_rules",
    "verdict",
    "schema",
)


def replay(stated: dict[str, Any], decide: Decide) -> list[str]:
    """What differs between `stated` and the decision that `decide` makes with its thresholds; nothing: the same bytes.

    Overrides are applied again as they were given. Raises UserError where `stated` is no decision of this schema.
    """
    try:
        fresh = decide(Thresholds.model_validate_json(json.dumps(stated["thresholds"])))
        for entry in stated["overrides"]:
            given = {name: entry[name] for name in ("verdict", "by", "reason", "at")}
            fresh = override(fresh, Override(**given))
        fresh = json.loads(json.dumps(fresh))
        return [] if fresh == stated else _changes(stated, fresh)
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise UserError(
            f"decision.json cannot be replayed ({_why(error)}): it is not a decision of this version; decide again "
            "with `withanyone gate`"
        ) from error


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error)


def _changes(stated: dict[str, Any], fresh: dict[str, Any]) -> list[str]:
    """The inputs, the code, the rules and the other parts that are not what they were."""
    found = [f"input {name}" for name in _differing(stated["inputs"], fresh["inputs"])]
    found += [f"code {name}" for name in _differing(stated["code"], fresh["code"])]
    rules = [{rule["name"]: rule for rule in decision["rules"]} for decision in (stated, fresh)]
    found += [f"rule '{name}'" for name in _differing(*rules)]
    found += [name for name in PARTS if stated.get(name) != fresh.get(name)]
    return found or ["order or fields of decision.json"]


def _differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
