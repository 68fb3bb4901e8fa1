"""A person's word against the rules': written into the decision beside what the rules said, and never taken out."""

from dataclasses import asdict, dataclass
from typing import Any, get_args

from model.errors import UserError
from validation.gate.outcome import Verdict

VERDICTS: tuple[str, ...] = get_args(Verdict)


@dataclass(frozen=True)
class Override:
    """Who decided otherwise, why, when (ISO 8601, UTC), and what stood before."""

    verdict: str
    by: str
    reason: str
    at: str


def override(decision: dict[str, Any], given: Override) -> dict[str, Any]:
    """`decision` with another verdict; the rules' own stays under `by_rules`, and every override in `overrides`.

    Raises UserError for an unknown verdict, one that stands already, or an override without a name or a reason.
    """
    if given.verdict not in VERDICTS:
        raise UserError(f"--override '{given.verdict}' is no verdict: give one of {', '.join(VERDICTS)}")
    if given.verdict == decision["verdict"]:
        raise UserError(
            f"--override {given.verdict}: the verdict is {given.verdict} already, so there is nothing to override"
        )
    for option, words in (("--by", given.by), ("--reason", given.reason)):
        if not words.strip():
            raise UserError(f"{option} is empty: an override needs the name of a person and a reason, both for ever")
    entry = asdict(given) | {"instead_of": decision["verdict"]}
    rules = decision["by_rules"]
    words = f"overridden by {given.by}: {given.reason}; the rules said {rules['verdict']}: {rules['reason']}"
    return decision | {
        "verdict": given.verdict,
        "reason": words,
        "overrides": [*decision["overrides"], entry],
    }
