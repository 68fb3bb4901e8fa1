"""Whether a training runs away: its flow loss, evened out over many pictures, beside the best it has been.

Measured at nano: the flow losses of single pictures lie between 0.28 and 1.81, with a mean of 0.6. A training whose
adapter is ruined does not come back and stays at 1.3 to 2; what is shown and weighed moves the loss by a quarter.
"""

from dataclasses import dataclass

PICTURES, STEPS = 64, 4  # the mean goes back as many pictures, and no fewer steps
FIRST = 4  # pictures whose mean may be the best: a phase's first ones, before its learning rate can ruin anything
WITHIN, BETWEEN = 2.0, 3.0  # times the best of the phase, and of one before, which may have had easier pictures


@dataclass
class Trend:
    """The evened flow loss of the `steps` of a phase so far, the `best` it has been, and the best of the phase before.

    0 stands for none yet.
    """

    phase: str = ""
    steps: int = 0
    mean: float = 0.0
    best: float = 0.0
    before: float = 0.0

    def left_behind(self, phase: str, flow: float, pictures: int) -> float | None:
        """Take in the flow loss of a step of `pictures`; the best from which it has run away, None while it has not."""
        if phase != self.phase:
            self.phase, self.steps, self.best, self.before = phase, 0, 0.0, self.best or self.before
        self.steps += 1
        self.mean += (flow - self.mean) / min(self.steps, max(STEPS, PICTURES / pictures))
        if self.steps * pictures < FIRST:
            return None
        self.best = min(self.mean, self.best or self.mean)
        limits = (self.best, WITHIN), (self.before, BETWEEN)
        return next((best for best, times in limits if 0 < times * best < self.mean), None)
