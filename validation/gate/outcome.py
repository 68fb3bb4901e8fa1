"""What a rule came to, and what the rules come to together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["passed", "unproven", "failed"]
Verdict = Literal["promote", "hold", "reject"]


def rounded(figure: float | None) -> float | None:
    """To six decimals: the last digits of a sum depend on the machine, and a decision must not."""
    return None if figure is None else round(figure, 6)


@dataclass(frozen=True)
class Outcome:
    """One rule: its figure with interval and threshold where it has them, and why it passed or did not.

    A rule that is not passed is either unproven (more evidence could pass it) or failed (none could, as things are).
    `side` is where of the threshold the figure must lie, `p` the one-sided p-value, adjusted where the rule is one of
    several claims; `more_cases` would decide it.
    """

    name: str
    state: State
    why: str
    figure: float | None = None
    interval: tuple[float, float] | None = None
    threshold: float | None = None
    p: float | None = None
    more_cases: int | None = None
    group: str = ""
    side: Literal["above", "below"] | None = None

    def as_json(self) -> dict[str, Any]:
        """The rule as the decision file holds it."""
        return {
            "name": self.name,
            "group": self.group,
            "state": self.state,
            "passed": self.state == "passed",
            "why": self.why,
            "figure": rounded(self.figure),
            "interval": [rounded(end) for end in self.interval] if self.interval else None,
            "threshold": self.threshold,
            "side": self.side,
            "p": rounded(self.p),
            "more_cases": self.more_cases,
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
    unproven = [outcome for outcome in outcomes if outcome.state == "unproven"]
    names = ", ".join(outcome.name for outcome in unproven)
    if failed:
        return f"failed: {', '.join(failed)}" + (f"; not proven: {names}" if names else "")
    if unproven:
        return f"not proven: {names}{_more(unproven)}"
    return f"all {len(outcomes)} rules passed"


def _more(unproven: Sequence[Outcome]) -> str:
    """How many more cases would decide the rules that more cases can decide."""
    numbers = [outcome.more_cases for outcome in unproven if outcome.more_cases]
    return would_decide(max(numbers)) if numbers else ""


def would_decide(more: int) -> str:
    """How many more cases would decide, to be put behind a sentence."""
    return f"; about {more} more {'case' if more == 1 else 'cases'} of as many people each would decide"
