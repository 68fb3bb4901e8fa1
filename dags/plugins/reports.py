"""Airflow plugin: the reports of runs at the API server's own address, for those who may see the DAG `retrain`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from fastapi import FastAPI

RUNS = Path(os.environ.get("WITHANYONE_HOME", Path(__file__).resolve().parents[2]), "runs")
# A page has no scripts. Should somebody bring one into it, it must not reach Airflow in the reader's name.
HEADERS = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}


def pages() -> "FastAPI":
    """The application with the reviewer's page of each run; nothing else of a run is served."""
    from airflow.api_fastapi.core_api.security import requires_access_dag
    from fastapi import Depends, FastAPI, HTTPException
    from fastapi import Path as InPath
    from fastapi.responses import FileResponse

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    may_read = Depends(requires_access_dag("GET", param_dag_id="retrain"))

    @app.get("/{run}/decision/report.html", dependencies=[may_read])
    def report(run: Annotated[str, InPath(pattern=r"^\w[\w.-]*$")]) -> FileResponse:
        page = RUNS / run / "decision" / "report.html"
        if not page.is_file():
            raise HTTPException(404, f"The run {run} has no report.")
        return FileResponse(page, headers=HEADERS)

    return app


class ReportsPlugin(AirflowPlugin):
    """Adds the pages to the API server; the other servers load the plugin too, and none of what it needs."""

    name = "withanyone_reports"

    @property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]  # read by the API server alone
        """Where Airflow mounts the pages."""
        return [{"app": pages(), "url_prefix": "/reports", "name": self.name}]
