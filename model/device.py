"""Whether the device that the settings name is there."""

from model.errors import UserError


def check_device(device: str) -> None:
    """Raise UserError for a GPU that is not there."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("the device is cuda, but torch finds no GPU that it can use here: say cpu, or mend the driver")
