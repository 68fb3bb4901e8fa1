"""Deletion requests: people leave dataset and serving, their versions are noted, and many start a retraining."""

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from dags.assets import DELETIONS
from dags.command import CommandOperator

PHOTOS_FOLDER = os.environ.get("WITHANYONE_PHOTOS", "")


@dag(
    schedule=CronTriggerTimetable("@hourly", timezone="UTC") if PHOTOS_FOLDER else None,
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
    params={
        "photos": Param(PHOTOS_FOLDER, type="string", description="Your folder of photos."),
        "dataset": Param("data/dataset", type="string", description="Dataset made of them."),
        "limit": Param(0, type="integer", minimum=0, description="Forgotten people that a champion may have seen."),
    },
    tags=["withanyone"],
    doc_md=__doc__,
)
def forget() -> None:
    """Carry out what waits, and ask for a retraining where the champion has seen too many who are forgotten."""
    places = ["--photos", "{{ params.photos }}", "--dataset", "{{ params.dataset }}"]
    apply = CommandOperator(task_id="apply", arguments=["deletions", "apply", *places])
    look = CommandOperator(task_id="look", arguments=["versions", "--json"], trigger_rule="all_done")
    apply >> look
    over_limit(look.output)  # type: ignore[arg-type]  # a reference until the run


@task(outlets=[DELETIONS])
def over_limit(registry: dict[str, Any]) -> int:
    """How many forgotten people the champion has seen; skipped, so that no event comes of it, within the limit."""
    seen = len(registry["affected"].get(registry["champion"], []))
    limit = get_current_context()["params"]["limit"]
    if seen <= limit:
        raise AirflowSkipException(f"the champion has seen {seen} forgotten people, {limit} are admitted")
    return seen


forget()
