"""The retraining: each week, at new photos, or after deletions; then a person decides whether its model is promoted."""

import hashlib
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import AssetOrTimeSchedule, Context, CronTriggerTimetable, Param, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from dags.assets import DELETIONS, PHOTOS
from dags.command import CommandOperator

HOST = os.environ.get("WITHANYONE_KFP_HOST", "")
REPORTS = os.environ.get("WITHANYONE_REPORTS", "")
WEEK = timedelta(days=7)


@dag(
    schedule=AssetOrTimeSchedule(
        # By default a DAG that is new on a Sunday begins at once, as if it had been there at midnight.
        timetable=CronTriggerTimetable("0 0 * * 0", timezone="UTC", run_immediately=timedelta(0)),
        assets=(PHOTOS | DELETIONS),
    ),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
    params={
        "photos": Param("", type="string", description="Folder of photos, where it runs; empty: the virtual cast."),
        "host": Param(
            HOST,
            type="string",
            pattern=r"^(https?://.+)?$",
            description="Address of Kubeflow Pipelines; empty: it runs on this machine.",
        ),
        "settings": Param(
            [],
            type="array",
            items={"type": "string", "pattern": r"^\w+\.[\w.]+=.*$"},
            description="Changes of settings, section.key=value.",
        ),
    },
    tags=["withanyone"],
    doc_md=__doc__,
)
def retrain() -> None:
    """Photos in, a judged model, a person's word, a promoted model out."""
    run = CommandOperator(task_id="run", arguments=run_arguments, limit_s=WEEK.total_seconds())
    ask = ApprovalOperator(
        task_id="approve",
        subject='Promote the run {{ ti.xcom_pull(task_ids="read_decision")["run"] }}?',
        body='{{ ti.xcom_pull(task_ids="read_decision")["body"] }}',
        params={
            "reason": Param(None, type=["null", "string"], description="Why, where the verdict is hold: recorded.")
        },
        response_timeout=WEEK,
        retries=0,
    )
    promoted = TriggerDagRunOperator(
        task_id="promote",
        trigger_dag_id="promote",
        trigger_run_id="promote-{{ run_id }}",
        conf={name: f'{{{{ ti.xcom_pull(task_ids="hand_over")["{name}"] }}}}' for name in HANDED_OVER},
        skip_when_already_exists=True,
        wait_for_completion=True,
        deferrable=True,
        poke_interval=5,
        retries=0,
    )
    decided: Any = read_decision(run.output)  # type: ignore[arg-type]  # references until the run
    decided >> ask
    handed: Any = hand_over(decided, ask.output)  # type: ignore[arg-type]
    handed >> promoted


HANDED_OVER = ("run", "decision", "approved_by", "approved_at", "override")


def run_arguments(context: Context, **_: Any) -> list[str]:
    """The words of `withanyone run`, or with a host `withanyone submit`, for the DAG run's parameters.

    On a cluster the DAG run's name is the run's: a second try follows what the first one started.
    """
    params = context["params"]
    photos = params["photos"]
    if params["host"]:
        name = f"{context['dag_run'].dag_id} {context['dag_run'].run_id}"
        words = ["submit", "--host", params["host"], "--name", name, "--fetch", "--json"]
        words += ["--set", f"photos.folder={json.dumps(photos)}"] if photos else []
    else:
        words = ["run", "--json"] + (["--photos", photos] if photos else [])
    return words + [word for change in params["settings"] for word in ("--set", change)]


@task
def read_decision(run: dict[str, Any]) -> dict[str, str]:
    """What the reviewer is shown, read from the run's decision file; nobody is asked about a model that is rejected."""
    folder = Path(run["folder"])
    content = (folder / "decision" / "decision.json").read_bytes()
    decision = json.loads(content)
    if decision["verdict"] == "reject":
        raise AirflowSkipException(f"rejected by the gate: {decision['reason']}")
    return {
        "run": folder.name,
        "verdict": decision["verdict"],
        "decision": hashlib.sha256(content).hexdigest(),
        "body": request(folder, decision),
    }


@task
def hand_over(decided: dict[str, str], answer: dict[str, Any]) -> dict[str, str]:
    """Who approved what, and when, for the promotion."""
    user = answer["responded_by_user"] or {}
    return {
        "run": decided["run"],
        "decision": decided["decision"],
        "approved_by": str(user.get("name") or user.get("id") or "unknown"),
        "approved_at": pendulum.parse(str(answer["responded_at"])).isoformat(),  # type: ignore[union-attr]
        "override": str((answer["params_input"] or {}).get("reason") or "") if decided["verdict"] != "promote" else "",
    }


def request(run: Path, decision: dict[str, Any]) -> str:
    """The approval request in Markdown: verdict, reason, the report, and each rule with its figure."""
    rows = [
        f"| {rule['name']} | {rule['state']} | {_number(rule['figure'])} | {_number(rule['threshold'])} |"
        for rule in decision["rules"]
    ]
    return "\n".join(
        [
            f"**{decision['verdict']}**: {decision['reason']}",
            "",
            _report(run),
            "",
            "| rule | state | figure | threshold |",
            "| --- | --- | --- | --- |",
            *rows,
        ]
    )


def _report(run: Path) -> str:
    """The link to the reviewer's page where runs/ is served, else its place on this machine."""
    page = Path("decision", "report.html")
    if not REPORTS:
        return f"Report, on the machine that ran it: `{run / page}`"
    return f"[Report]({REPORTS.rstrip('/')}/{run.name}/{page})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


retrain()
