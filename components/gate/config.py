"""Settings of the step `gate`."""

from pydantic import Field

from validation.gate.thresholds import Thresholds


class GateConfig(Thresholds):
    """The thresholds of the gate, and the champion that a model must not be worse than."""

    champion: str = Field("", description="Scores folder of the model in production; empty: none, absolute rules only.")
