"""Settings of the step `validate`."""

from validation.dataset.limits import Limits


class ValidationConfig(Limits):
    """The limits that a dataset is held to before anything is trained on it."""
