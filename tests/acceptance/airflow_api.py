"""Airflow's REST API as the tests use it."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from dags.servers import USER, Servers

ENDED = ("success", "failed")
READING = 5  # seconds


class Api:
    """Requests in the name of the person whose login `make airflow` prints."""

    def __init__(self, servers: Servers, everybody: bool = False) -> None:
        login = {"username": USER, "password": servers.secret("password")}
        how = {"method": "GET"} if everybody else {"method": "POST", "json": login}
        token = httpx.request(url=f"{servers.url}/auth/token", trust_env=False, **how).raise_for_status().json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        self._client = httpx.Client(base_url=f"{servers.url}/api/v2", headers=headers, timeout=60, trust_env=False)

    def get(self, path: str) -> Any:
        return self._client.get(path).raise_for_status().json()

    def page(self, url: str) -> str:
        return self._client.get(url).raise_for_status().text

    def trigger(self, dag: str, name: str, **conf: Any) -> str:
        """Start a DAG run; returns its id. A name that is taken raises httpx.HTTPStatusError 409."""
        body = {"dag_run_id": name, "logical_date": None, "conf": conf}
        return str(self._client.post(f"/dags/{dag}/dagRuns", json=body).raise_for_status().json()["dag_run_id"])

    def state(self, dag: str, run: str) -> str:
        return str(self.get(f"/dags/{dag}/dagRuns/{run}")["state"])

    def tasks(self, dag: str, run: str) -> dict[str, str]:
        rows = self.get(f"/dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
        return {row["task_id"]: str(row["state"]) for row in rows}

    def request(self, run: str) -> dict[str, Any]:
        """What the reviewer is asked in a run of `retrain`."""
        return dict(self.get(f"/dags/retrain/dagRuns/{run}/hitlDetails")["hitl_details"][0])

    def answer(self, run: str, choice: str, **more: Any) -> None:
        path = f"/dags/retrain/dagRuns/{run}/taskInstances/approve/-1/hitlDetails"
        body = {"chosen_options": [choice], "params_input": more}
        self._client.patch(path, json=body).raise_for_status()

    def ended(self, dag: str, run: str, seconds: float = 900) -> str:
        return wait(lambda: state if (state := self.state(dag, run)) in ENDED else None, seconds)

    def asked(self, run: str, seconds: float = 900) -> dict[str, Any]:
        """Wait until the reviewer is asked, and as long as one takes to read it.

        Airflow fails a task that goes on before its scheduler has heard from the executor that it pauses
        (apache/airflow#71580), which takes seconds on a busy machine.
        """
        wait(lambda: self.tasks("retrain", run).get("approve") == "awaiting_input" or None, seconds)
        time.sleep(READING)
        return self.request(run)


def wait(look: Callable[[], Any], seconds: float) -> Any:
    """The first answer that is not None; one that fails on the way (a server starts again) is asked again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found = look()
        except httpx.HTTPError:
            found = None
        if found is not None:
            return found
        time.sleep(1)
    raise AssertionError("waited in vain")
