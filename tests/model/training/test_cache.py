"""What names the cached features: the same in every process, and another for other weights or settings."""

import os
import subprocess
import sys

import torch

from model.presets import load_autoencoder, nano
from model.training.cache import weights_digest

PROGRAM = """
from model.presets import load_autoencoder, nano
from model.training.cache import weights_digest
print(weights_digest(load_autoencoder(nano())))
"""


def test_every_process_gives_an_autoencoder_the_same_name() -> None:
    other = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"  # than this process's, which is drawn unless told
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PYTHONHASHSEED": other},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == weights_digest(load_autoencoder(nano()))


def test_other_weights_and_other_settings_have_another_name() -> None:
    network = load_autoencoder(nano())
    names = {weights_digest(network)}
    with torch.no_grad():
        next(network.parameters()).add_(1e-3)
    names.add(weights_digest(network))
    network.register_to_config(scaling_factor=0.5)
    names.add(weights_digest(network))
    assert len(names) == 3
