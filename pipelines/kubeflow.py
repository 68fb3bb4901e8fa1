"""A Kubeflow Pipelines server: versions uploaded once, runs and schedules started, a run followed to its end."""

import contextlib
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model.errors import UserError
from model.network import ANSWER, why_no_answer
from pipelines.cluster import Cluster
from pipelines.compiled import PIPELINE

UNSUCCESSFUL = ("FAILED", "CANCELED", "SKIPPED")
ENDED = ("SUCCEEDED", *UNSUCCESSFUL)
PATIENCE = 300.0  # seconds in which a server may be out of reach while a run is followed


class Server:
    """The server at `host`; what it refuses, and that it is out of reach, are UserErrors."""

    def __init__(self, host: str, cluster: Cluster, token: str | None = None) -> None:
        self.host = host.rstrip("/")
        self.cluster = cluster
        with _quiet(), _refusals(host):
            self.client = _client(host, cluster, token)

    def upload(self, package: Path, name: str) -> tuple[str, str]:
        """Ids of the pipeline and of its version `name`, made from the file `package` where the server lacks them."""
        with _quiet(), _refusals(self.host):
            pipeline = self.client.get_pipeline_id(PIPELINE) or self._new_pipeline()
            versions = self.client.list_pipeline_versions(pipeline, filter=_called(name)).pipeline_versions or []
            version = versions[0] if versions else self.client.upload_pipeline_version(str(package), name, pipeline)
        return pipeline, version.pipeline_version_id

    def _new_pipeline(self) -> str:
        from kfp_server_api import V2beta1Pipeline

        asked = V2beta1Pipeline(display_name=PIPELINE, name=PIPELINE, namespace=self.cluster.namespace)
        return str(self.client.pipelines.pipeline_service_create_pipeline(pipeline=asked).pipeline_id)

    def start(self, pipeline: str, version: str, name: str | None = None) -> str:
        """Start a run of a version; returns its id. A run `name` that is there and has not failed is the one."""
        with _quiet(), _refusals(self.host):
            experiment = self._experiment()
            if name:
                known = self.client.list_runs(sort_by="created_at desc", experiment_id=experiment, filter=_called(name))
                for one in known.runs or []:
                    if one.state not in UNSUCCESSFUL:
                        return str(one.run_id)
            run = self.client.run_pipeline(
                experiment,
                name or f"retrain {datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
                pipeline_id=pipeline,
                version_id=version,
                pipeline_root=self.cluster.artefacts,
                service_account=self.cluster.service_account,
            )
        return str(run.run_id)

    def schedule(self, pipeline: str, version: str, cron: str) -> str:
        """Run a version whenever `cron` (five fields) says, in the place of what was scheduled before; returns its id.

        The new schedule is made first: whatever fails, there is one. No two runs of it work at once.
        """
        with _quiet(), _refusals(self.host):
            experiment = self._experiment()
            known = self.client.list_recurring_runs(experiment_id=experiment, filter=_called(PIPELINE))
            made = self.client.create_recurring_run(
                experiment,
                PIPELINE,
                cron_expression=f"0 {cron}",  # the server counts seconds first
                no_catchup=True,
                pipeline_id=pipeline,
                version_id=version,
                pipeline_root=self.cluster.artefacts,
                service_account=self.cluster.service_account,
            )
            for old in known.recurring_runs or []:
                self.client.delete_recurring_run(old.recurring_run_id)
        return str(made.recurring_run_id)

    def _experiment(self) -> str:
        return str(
            self.client.create_experiment(self.cluster.experiment, namespace=self.cluster.namespace).experiment_id
        )

    def follow(self, run: str, tell: Callable[[str, str], None], every: float = 5.0) -> Any:
        """The run when it has ended; until then `tell(task, state)` at each change, looked for `every` so many seconds.

        A server that does not answer is asked again for five minutes: the run goes on without us.
        """
        shown: dict[str, str] = {}
        answered = time.monotonic()
        while True:
            try:
                with _refusals(self.host):
                    found = self.client.get_run(run)
                answered = time.monotonic()
            except OutOfReachError as error:
                if time.monotonic() - answered > PATIENCE:
                    raise OutOfReachError(f"{error} The run {run} goes on: follow it later with --run {run}.") from None
                time.sleep(every)
                continue
            for task in (found.run_details and found.run_details.task_details) or []:
                if task.state and shown.get(task.task_id) != task.state:
                    shown[task.task_id] = task.state
                    tell(task.display_name, task.state.lower())
            if found.state in ENDED:
                return found
            time.sleep(every)


def _client(host: str, cluster: Cluster, token: str | None) -> Any:
    """Kfp's client of a server that is known to be one: it would take the page of a login before it for an answer."""
    from kfp import Client

    class Checked(Client):
        def get_kfp_healthz(self, *_: Any) -> Any:  # kfp's own logs a trace for each of its attempts
            found = self._healthz_api.healthz_service_get_healthz(_request_timeout=ANSWER)
            if not _is_object(self._healthz_api.api_client.last_response.data):
                raise UserError(
                    f"{host} answers, but not as Kubeflow Pipelines does, such as with a page to log in: give the "
                    "address of its API, and a token in WITHANYONE_KFP_TOKEN where it asks for one."
                )
            return found

    client = Checked(host=host, namespace=cluster.namespace or "kubeflow", existing_token=token)
    client.get_kfp_healthz()
    rest = client._healthz_api.api_client.rest_client  # which all parts of the client share, and which waits for ever
    ask = rest.request
    rest.request = lambda *what, **more: ask(*what, **{**more, "_request_timeout": ANSWER})
    return client


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


class OutOfReachError(UserError):
    """The server did not answer, or not in a way that says anything about what was asked."""


@contextlib.contextmanager
def _refusals(host: str) -> Iterator[None]:
    from kfp_server_api import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        if error.status in (401, 403):
            raise UserError(
                f"{host} refuses these credentials ({error.status}): give a valid token in WITHANYONE_KFP_TOKEN."
            ) from None
        kind = OutOfReachError if (error.status or 500) >= 500 else UserError
        raise kind(f"{host} answered {error.status} {error.reason}: {_words(error.body)}.") from None
    except HTTPError as error:
        raise OutOfReachError(
            f"{host} cannot be reached ({why_no_answer(error)}): check --host and the network."
        ) from None


def _words(body: Any) -> str:
    """What the server says in its answer."""
    try:
        return str(json.loads(body)["message"]).rstrip(".")
    except (ValueError, TypeError, KeyError):
        return " ".join(str(body).split())[:200]


def _called(name: str) -> str:
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": name}]})


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Kfp prints links for a browser: stdout is for the result."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore", FutureWarning)  # on versions of the server before 2.0
        yield
