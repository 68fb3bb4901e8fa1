"""Each night the champion is scored again on the current benchmark, and its drift is told."""

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task

from dags.command import HOME, CommandOperator

log = logging.getLogger(__name__)


@dag(
    schedule=CronTriggerTimetable("0 2 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(minutes=5)},
    tags=["withanyone"],
    doc_md=__doc__,
)
def nightly() -> None:
    """Skipped while there is no champion."""
    score = CommandOperator(task_id="score", arguments=["drift", "--json"])
    there_is_a_champion() >> score
    report(score.output)  # type: ignore[arg-type]  # a reference until the run


@task.short_circuit
def there_is_a_champion() -> bool:
    """Whether a run is the champion; one whose folder was deleted counts, so that somebody hears of it."""
    return (HOME / "runs" / "champion").is_symlink()


@task
def report(drift: dict[str, Any]) -> list[str]:
    """Tell what has drifted; the figures of each night stay in the XComs of this task."""
    for name, row in drift["metrics"].items():
        log.info("%s: %.3f to %.3f", name, row["before"]["mean"], row["after"]["mean"])
    if drift["drifted"]:
        log.warning("drifted: %s; the report is %s", ", ".join(drift["drifted"]), drift["report"])
    return list(drift["drifted"])


nightly()
