"""What a packaged model may be used for, from the licences of its parts."""

from typing import Any

from model.presets import Preset

# The pretrained weights that serving reads: faces are found and embedded, prompts are encoded.
SERVED_WEIGHTS = ("retinaface", "facesdk", "minilm", "minilm-tokenizer")

RESEARCH = (
    "Research use only: the recogniser that reads the references, and the generator of the virtual people that the "
    "base was trained on, come from data that allows no commercial use. References of real people need their consent."
)
BROUGHT = (
    "Research use only, unless you hold other licences: the base, the pack that reads the references and published "
    "adapters are licensed for research. References of real people need their consent."
)


def terms(training: dict[str, Any], chosen: Preset) -> dict[str, Any]:
    """The permitted use, and the licences of networks and photos that the model inherits, from its `training.json`."""
    return {"use": "research", "sentence": sentence(chosen), "parts": training["licences"]}


def sentence(chosen: Preset) -> str:
    """What a model of the preset may be used for, whose parts ship with the project or are brought."""
    return BROUGHT if chosen.parts else RESEARCH
