"""The gate's budgets: what a picture may take in seconds and in memory, from what the evaluation measured."""

from validation.gate.evidence import Evidence
from validation.gate.outcome import Outcome, State
from validation.gate.thresholds import Thresholds

GIB = 2**30


def budgets(evidence: Evidence, limits: Thresholds) -> list[Outcome]:
    """A rule for each budget that is set; a cost that was not measured is a failure where it has a budget."""
    costs = evidence.scores.costs
    memory = costs.get("peak_memory_bytes")
    measured = {
        "seconds a picture": (limits.seconds, costs.get("seconds_per_picture"), "s"),
        "memory": (limits.memory, memory / GIB if memory is not None else None, "GiB"),
    }
    return [_within(name, most, found, unit) for name, (most, found, unit) in measured.items() if most is not None]


def _within(name: str, most: float, found: float | None, unit: str) -> Outcome:
    name = f"budget of {name}"
    if found is None or not found > 0:
        return Outcome(name, "failed", "the evaluation did not measure it: evaluate again", threshold=most)
    why = f"{found:.3g} {unit}; at most {most:g} {unit} is allowed"
    state: State = "passed" if found <= most else "failed"
    return Outcome(name, state, why, found, threshold=most)
