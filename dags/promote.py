"""The promotion: the approved run becomes a version, its data is pushed, its Bento deployed and tried."""

from datetime import timedelta
from typing import Any

from airflow.sdk import Context, Param, dag

from dags.command import CommandOperator


@dag(
    schedule=None,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
    params={
        "run": Param("latest", type="string", minLength=1, description="Id of the run."),
        "approved_by": Param("", type="string", minLength=1, description="Who approved it."),
        "approved_at": Param("", type="string", description="When, ISO 8601; empty: now."),
        "decision": Param("", type="string", description="Digest of the decision that was approved; empty: as it is."),
        "override": Param("", type="string", description="Why it is promoted in spite of its verdict."),
    },
    tags=["withanyone"],
    doc_md=__doc__,
)
def promote() -> None:
    """A git tag, pushed data, a Bento that answers."""
    register = CommandOperator(task_id="register", arguments=register_arguments)
    deploy = CommandOperator(task_id="deploy", arguments=["deploy", "--json"], limit_s=1800)
    register >> deploy


def register_arguments(context: Context, **_: Any) -> list[str]:
    """The words of `withanyone promote` for the DAG run's parameters."""
    params = context["params"]
    words = ["promote", params["run"], "--json", "--approved-by", params["approved_by"]]
    for name in ("approved_at", "decision", "override"):
        if params[name]:
            words += [f"--{name.replace('_', '-')}", params[name]]
    return words


promote()
