"""What a rule came to, and what the rules come to together."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["passed", "unproven", "failed"]
Verdict = Literal["promote", "hold", "reject"]


@dataclass(frozen=True)
class Outcome:
    """One rule: its figure with interval and threshold where it has them, and why it passed or did not.

    A rule that is not passed is either unproven (more evidence could pass it) or failed (none could, as things are).
    """

    name: str
    state: State
    why: str
    figure: float | None = None
    interval: tuple[float, float] | None = None
    threshold: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The rule as the decision file holds it."""
        return {
            "name": self.name,
            "state": self.state,
            "passed": self.state == "passed",
            "why": self.why,
            "figure": self.figure,
            "interval": list(self.interval) if self.interval else None,
            "threshold": self.threshold,
        }


def verdict(outcomes: Iterable[Outcome]) -> Verdict:
    """`reject` when a rule failed, `hold` when one is unproven, else `promote`; no rules at all are a `reject`."""
    states = {outcome.state for outcome in outcomes}
    if "failed" in states or not states:
        return "reject"
    return "hold" if "unproven" in states else "promote"


def reason(outcomes: Iterable[Outcome]) -> str:
    """One sentence for the verdict: the rules that stand in the way, or that all passed."""
    outcomes = list(outcomes)
    failed = [outcome.name for outcome in outcomes if outcome.state == "failed"]
    unproven = [outcome.name for outcome in outcomes if outcome.state == "unproven"]
    if failed:
        return f"failed: {', '.join(failed)}" + (f"; not proven: {', '.join(unproven)}" if unproven else "")
    if unproven:
        return f"not proven: {', '.join(unproven)}"
    return f"all {len(outcomes)} rules passed"
