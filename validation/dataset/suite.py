"""Run Great Expectations over a dataset's frames and give each expectation's outcome with the rows that broke it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)

from model.artefacts import cache_folder
from validation.dataset import tables
from validation.dataset.limits import Limits, face_leak
from validation.dataset.rules import Check, checks, type_checks

SHOWN_ROWS = 50
logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it tells what it loads


@dataclass(frozen=True)
class Outcome:
    """One expectation's result: what was observed, the rule in words, and keys of rows that broke it (at most 50)."""

    name: str
    table: str
    success: bool
    observed: str
    rule: str
    rows: tuple[str, ...]


def validate(folder: Path, manifest: Mapping[str, Any], limits: Limits) -> list[Outcome]:
    """Outcomes of the whole suite over a dataset folder; where columns are wrong, of the column types alone."""
    types = _run({"columns": tables.column_types(folder)}, type_checks())
    if not all(outcome.success for outcome in types):
        return types
    measured = tables.measured(folder, manifest, limits, cache_folder("work", "validate"))
    return types + _run(measured.frames, checks(limits, measured.dim, face_leak(manifest, limits)))


def as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The outcomes as `result.json` holds them."""
    return {
        "schema": 1,
        "success": all(outcome.success for outcome in outcomes),
        "expectations": [asdict(outcome) | {"rows": list(outcome.rows)} for outcome in outcomes],
    }


def _run(frames: Mapping[str, pd.DataFrame], checks: Sequence[Check]) -> list[Outcome]:
    """The outcome of each check; the frames are emptied."""
    quiet = DataContextConfig(  # with no pages of its own, whose place it would tell
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
    )
    context = gx.get_context(mode="ephemeral", project_config=quiet)
    source = context.data_sources.add_pandas("dataset")
    outcomes: dict[str, Outcome] = {}
    for table in dict.fromkeys(check.table for check in checks):
        chosen = [check for check in checks if check.table == table]
        batch = (
            source.add_dataframe_asset(table)
            .add_batch_definition_whole_dataframe("all")
            .get_batch({"dataframe": frames[table]})
        )
        for key in dict.fromkeys(check.key for check in chosen):
            keyed = {check.name: check for check in chosen if check.key == key}
            suite = gx.ExpectationSuite(name=f"{table} by {key}")
            for name, check in keyed.items():
                check.expectation.meta = {"name": name}
                suite.add_expectation(check.expectation)
            found = batch.validate(
                suite, result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [key]}
            )
            for result in found.results:
                assert result.expectation_config is not None
                name = str(result.expectation_config.meta["name"])
                outcomes[name] = _outcome(keyed[name], result)
        for column in list(frames[table]):
            del frames[table][column]  # the library keeps the frame
    return [outcomes[check.name] for check in checks]


def _outcome(check: Check, result: Any) -> Outcome:
    error = result.exception_info
    if error.get("raised_exception", True):
        raise RuntimeError(f"expectation '{check.name}' could not be computed: {error}")
    detail = result.result
    broken = [str(row[check.key]) for row in detail.get("unexpected_index_list") or ()]
    if "element_count" in detail:
        looked = int(detail["element_count"]) - int(detail.get("missing_count", 0))
        observed = f"{int(detail['unexpected_count'])} of {looked} broke it"
    else:
        observed = f"{detail['observed_value']}"
    return Outcome(check.name, check.table, bool(result.success), observed, check.rule, tuple(broken[:SHOWN_ROWS]))
