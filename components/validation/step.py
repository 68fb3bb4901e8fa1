"""The validate step: hold a dataset to its expectations, write result and page, stop the run if they fail."""

import gc
import logging
from pathlib import Path

from components.validation.config import ValidationConfig
from model.artefacts import new_folder, write_json
from model.dataset.dataset import Dataset
from model.dataset.records import TABLES
from model.errors import FailedValidationError
from model.memory import give_back_memory
from validation.dataset.suite import as_json, validate
from validation.report.dataset_page import dataset_page

log = logging.getLogger(__name__)


def run(*, dataset: Path, validation: Path, config: ValidationConfig) -> None:
    """Write `result.json` and `report.html`.

    Raises FailedValidationError after writing them when an expectation failed; it names those and the report's place.
    """
    give_back_memory()
    opened = Dataset.open(dataset)
    outcomes = validate(dataset, opened.manifest, config)
    gc.collect()  # what the library made of the frames refers to itself
    give_back_memory()  # the page needs room that they had
    # A dataset without one of its tables has no digest; the suite's first expectation says so.
    whole = all((dataset / f"{name}.parquet").is_file() for name in TABLES)
    result = {**as_json(outcomes), "dataset": {"digest": opened.digest if whole else None}}
    with new_folder(validation) as draft:
        write_json(draft / "result.json", result)
        (draft / "report.html").write_text(dataset_page(result, opened.manifest), encoding="utf-8")
    failed = [outcome.name for outcome in outcomes if not outcome.success]
    if failed:
        raise FailedValidationError(
            f"the dataset breaks {len(failed)} of {len(outcomes)} expectations ({', '.join(failed)}); "
            f"read {validation / 'report.html'} and mend the photos or the limits in the section validate"
        )
    log.info("all %d expectations hold", len(outcomes))
