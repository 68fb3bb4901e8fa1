"""The way back: an earlier version is the champion again, and is served where one is served."""

from typing import Any

from airflow.sdk import Context, Param, dag

from dags.command import CommandOperator


@dag(
    schedule=None,
    max_active_runs=1,
    params={
        "version": Param("", type="string", pattern=r"^(v\d+(\.0\.0)?)?$", description="Empty: the one before."),
    },
    tags=["withanyone"],
    doc_md=__doc__,
)
def rollback() -> None:
    """One trigger with a version."""
    CommandOperator(task_id="rollback", arguments=rollback_arguments, limit_s=1800)


def rollback_arguments(context: Context, **_: Any) -> list[str]:
    """The words of `withanyone rollback` for the DAG run's parameters."""
    params = context["params"]
    return ["rollback", "--json"] + (["--to", params["version"]] if params["version"] else [])


rollback()
