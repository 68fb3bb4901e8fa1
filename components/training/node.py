"""One process of a training on several nodes: started by torch's launcher, it trains as the step does alone.

torchrun ... -m components.training.node DATASET VALIDATION MODEL SETTINGS
"""

import logging
import sys
from pathlib import Path

from components.training.config import TrainingConfig
from components.training.step import run
from components.training.trainjob import MADE_ROOM, REFUSED
from model.artefacts import write_json
from model.errors import BusyError, Preempted, UserError
from model.progress import speaks


def main(dataset: str, validation: str, model: str, settings: str) -> None:
    """Train on the folders with `settings` as JSON; the first process of all writes `model`."""
    logging.basicConfig(level=logging.INFO if speaks() else logging.WARNING, format="%(message)s")
    config = TrainingConfig.model_validate_json(settings)
    try:
        run(dataset=Path(dataset), validation=Path(validation), model=Path(model), config=config)
    except Preempted:  # the launcher ends with 1, whatever its processes say
        Path(model).with_name(MADE_ROOM).touch()
        raise
    except UserError as error:
        if not isinstance(error, BusyError):
            write_json(Path(model).with_name(REFUSED), {"why": str(error)})
        raise


if __name__ == "__main__":
    main(*sys.argv[1:])
