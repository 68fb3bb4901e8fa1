"""The validate step: hold a dataset to its expectations, write result and page, stop the run if they fail."""

import gc
import logging
from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.validation.config import ValidationConfig
from model.artefacts import new_folder, write_json
from model.dataset.dataset import Dataset
from model.dataset.records import TABLES
from model.errors import FailedValidationError
from model.memory import give_back_memory
from validation.dataset.suite import Outcome, as_json, validate
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
    result["photos"] = _paths(dataset / "images.parquet", outcomes)
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


def _paths(images: Path, outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Where each photo or face that broke an expectation comes from: to people its key alone says nothing."""
    broken = {row: row.split("-")[0] for outcome in outcomes if not outcome.success for row in outcome.rows}
    if not broken or not outcomes[0].success:  # whose columns are others
        return {}
    wanted = pc.field("image_id").isin(sorted(set(broken.values())))
    known = pq.read_table(images, columns=["image_id", "path"], filters=wanted).to_pylist()
    paths = {row["image_id"]: row["path"] for row in known}
    return {row: paths[photo] for row, photo in sorted(broken.items()) if photo in paths}
