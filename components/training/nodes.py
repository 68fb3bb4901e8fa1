"""The train step on several nodes: inputs on a shared volume, a TrainJob started and waited for, its model taken."""

import fcntl
import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, Any, Protocol

from components.training.config import NodesConfig, TrainingConfig
from components.training.trainjob import GRACE, GROUP, MADE_ROOM, PLURAL, REFUSED, VERSION, WORKSPACE, train_job
from model.artefacts import digest_of, folder_digest, new_folder, read_json
from model.errors import Preempted, UserError
from model.locks import turn
from model.network import ANSWER, why_no_answer
from model.training.preemption import stopped_at_once

SECONDS = 10.0  # between looks at the job
GONE = GRACE + 60  # looks, a second apart, in which a job that was removed must be gone with its pods
RETRIES, LONGEST = 15, 60.0  # of what may pass: further attempts, after 0, 2, 4, ... and at most so many seconds
PASSING = (429, 500, 502, 503, 504)
ENDED = ("Complete", "Failed")  # the conditions of a job that will not change
DISCARDED = "discarded-"  # how folders of the shared volume begin that nobody needs
USERS, MAKER = "users", "maker"  # locks in a shared folder: of the runs that need it, of the one that starts the job
NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
log = logging.getLogger(__name__)


class Jobs(Protocol):
    """The TrainJobs of a namespace."""

    def get(self, name: str) -> dict[str, Any] | None: ...
    def create(self, job: dict[str, Any]) -> None: ...
    def delete(self, name: str) -> None: ...


def run(*, dataset: Path, validation: Path, model: Path, config: NodesConfig) -> None:
    """Train as components.training.step does, on the nodes that `config.job` asks for, and write the folder `model`.

    The job is named by its inputs and settings: a step that was killed and is started again finds the one it made, and
    runs of the same at the same time share it. One whose nodes made room for others is made anew. On SIGTERM the last
    of the runs removes it: a cancelled run and an eviction look the same from here, and a job made anew goes on from
    the checkpoints of the one before.
    Raises UserError where the cluster refuses the job or does not answer for ten minutes, and where its nodes fail, and
    Preempted on SIGTERM.
    """
    train_on(ClusterJobs(), Path(WORKSPACE), dataset=dataset, validation=validation, model=model, config=config)


def train_on(jobs: Jobs, workspace: Path, *, dataset: Path, validation: Path, model: Path, config: NodesConfig) -> None:
    """`run` with the TrainJobs and the shared volume given."""
    settings = TrainingConfig.model_validate(config.model_dump(exclude={"job"})).model_dump_json()
    key = digest_of(folder_digest(dataset), folder_digest(validation), settings, config.job.model_dump_json())[:16]
    name, shared = f"withanyone-train-{key}", workspace / key
    with closing(_joined(shared)) as lock:
        trained = shared / "model"  # appears whole
        try:
            with stopped_at_once("the wait for the nodes"):
                waiting = True
                while waiting:
                    with turn(shared / MAKER, "another run of the same training, which starts the job"):
                        sources = [_shown(source, shared) for source in (dataset, validation)]
                        if not (_usable(jobs, name, trained) or trained.exists()):
                            for said in (MADE_ROOM, REFUSED):
                                (shared / said).unlink(missing_ok=True)
                            arguments = [str(path) for path in (*sources, trained)]
                            jobs.create(train_job(config.job, name, [*arguments, settings], str(shared / "cache")))
                    waiting = not _wait(jobs, name, trained)
        except Preempted:
            if _last(lock, shared):
                jobs.delete(name)  # without waiting: who stops this process soon kills it
            raise
        with new_folder(model) as draft:
            shutil.copytree(trained, draft, dirs_exist_ok=True)
        if _last(lock, shared):
            try:
                _remove(jobs, name)
            except UserError as error:
                log.warning("the model is there, and what trained it stays: %s", error)
            else:
                _discard(shared)


def _shown(source: Path, shared: Path) -> Path:
    """The folder `source` on the shared volume, which is copied there where it is not yet."""
    target = shared / source.name
    if not target.exists():
        with new_folder(target) as draft:
            shutil.copytree(source, draft, dirs_exist_ok=True)
    return target


def _usable(jobs: Jobs, name: str, trained: Path) -> bool:
    """Whether there is a job to wait for; one that ended without a model, or is being removed, is removed first."""
    known = jobs.get(name)
    if known is None:
        return False
    if "deletionTimestamp" in known["metadata"] or (_state(known)[0] in ENDED and not trained.exists()):
        _remove(jobs, name)
        return False
    return True


def _remove(jobs: Jobs, name: str) -> None:
    """Remove a job, and return when it and its pods are gone."""
    jobs.delete(name)
    for _ in range(GONE):
        if jobs.get(name) is None:
            return
        time.sleep(1)
    raise UserError(
        f"the TrainJob {name} is still there {GONE // 60} minutes after it was removed: see with `kubectl describe "
        f"trainjob {name}` what holds it, such as a pod on a machine that is gone, and start again"
    )


def _joined(shared: Path) -> IO[str]:
    """The lock of the runs that need the folder `shared`, held with them; makes the folder where there is none."""
    while True:
        shared.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # the last run has just taken the folder away
            lock = (shared / USERS).open("a+")  # NFS shares a lock only with who may read the file
            fcntl.flock(lock, fcntl.LOCK_SH)
            if _of(lock, shared):
                return lock
            lock.close()


def _last(lock: IO[str], shared: Path) -> bool:
    """Let go of the folder `shared`; whether no other run needs it, of which none can come before `lock` is closed."""
    fcntl.flock(lock, fcntl.LOCK_UN)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return _of(lock, shared)


def _of(lock: IO[str], shared: Path) -> bool:
    """Whether the lock is that of the folder which is there now, and not of one that was taken away."""
    try:
        return os.path.samestat(os.fstat(lock.fileno()), (shared / USERS).stat())
    except FileNotFoundError:
        return False


def _discard(shared: Path) -> None:
    """Take the folder away at once, so that a kill leaves nobody half of a dataset, and delete what was discarded."""
    shared.rename(shared.with_name(f"{DISCARDED}{secrets.token_hex(8)}"))
    for gone in shared.parent.glob(f"{DISCARDED}*"):
        shutil.rmtree(gone, ignore_errors=True)


def _wait(jobs: Jobs, name: str, trained: Path) -> bool:
    """Whether the job left its model when it ended, or is gone, and not only made room; UserError for neither.

    A job whose nodes say that they can only fail again is removed: Kubernetes would start them some times more, and a
    TrainJob cannot ask it not to (trainer 2.3 lets it patch pods alone). Raises UserError with what they say.
    """
    told = ""
    while True:
        if (refused := trained.with_name(REFUSED)).exists() and not trained.exists():
            jobs.delete(name)
            raise UserError(read_json(refused, "why")["why"])
        job = jobs.get(name)
        state, words = _state(job) if job else ("Removed", "somebody did so while it was waited for")
        if not job or state in ENDED:
            if trained.exists():
                return True
            if job and trained.with_name(MADE_ROOM).exists():
                log.info("TrainJob %s made room: it is made anew, and goes on", name)
                return False
            raise UserError(
                f"the TrainJob {name} left no model, {state}: {words}; the logs of its pods say more: mend that, and "
                "start again"
            )
        if state != told:
            log.info("TrainJob %s: %s", name, state)
            told = state
        time.sleep(SECONDS)


def _state(job: dict[str, Any]) -> tuple[str, str]:
    """The newest of the job's conditions that hold, with its words."""
    held = [one for one in job.get("status", {}).get("conditions", []) if one["status"] == "True"]
    ended = [one for one in held if one["type"] in ENDED]
    last = (ended or held or [{"type": "Created"}])[-1]
    return last["type"], str(last.get("message") or last.get("reason") or "no reason given")


class ClusterJobs:
    """The TrainJobs of the namespace in which the step's own pod runs, by its service account.

    What may pass, such as an API server that is restarted, is tried again for ten minutes; to ask twice does no harm,
    as a job has its name from here. Raises UserError after that, and for what will not pass.
    """

    def __init__(self) -> None:
        from kubernetes import client, config
        from urllib3 import Retry

        try:
            config.load_incluster_config()
            namespace = NAMESPACE.read_text(encoding="utf-8").strip()
        except (config.ConfigException, OSError) as error:
            raise UserError(f"training on several nodes needs a pod with a service account ({error}).") from None
        self.of = {"group": GROUP, "version": VERSION, "namespace": namespace, "plural": PLURAL}
        known = client.Configuration.get_default_copy()
        known.retries = Retry(
            RETRIES,
            allowed_methods=None,
            status_forcelist=PASSING,
            raise_on_status=False,
            backoff_factor=1,
            backoff_max=LONGEST,
        )
        self.api = client.CustomObjectsApi(client.ApiClient(known))

    def get(self, name: str) -> dict[str, Any] | None:
        found = self._ask("show", self.api.get_namespaced_custom_object, 404, name=name)
        return found and dict(found)

    def create(self, job: dict[str, Any]) -> None:
        # 409: another attempt has just made the same
        self._ask("make", self.api.create_namespaced_custom_object, 409, body=job)

    def delete(self, name: str) -> None:
        # In the foreground: the object stays until its pods, which may have a checkpoint to write, are gone.
        # 404: a killed attempt had removed it
        self._ask("remove", self.api.delete_namespaced_custom_object, 404, name=name, propagation_policy="Foreground")

    def _ask(self, what: str, call: Callable[..., Any], well: int, **more: Any) -> Any:
        """The API's answer; None where it has the status `well`."""
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        try:
            return call(**self.of, **more, _request_timeout=ANSWER)
        except ApiException as error:
            if error.status == well:
                return None
            if error.status:
                raise UserError(_refusal(what, error)) from None
            raise UserError(_silence(error)) from None  # a certificate that is not trusted
        except HTTPError as error:
            raise UserError(_silence(error)) from None


def _silence(error: Exception) -> str:
    return (
        f"the cluster's API does not answer ({why_no_answer(error)}): mend it, or the pod's way to it, and start "
        "again; the nodes train on meanwhile, and their TrainJob is found again."
    )


def _refusal(what: str, error: Any) -> str:
    """The sentence for an ApiException that an answer of the cluster raised when it was to do `what`."""
    try:
        said = json.loads(error.body)["message"]
    except (ValueError, TypeError, KeyError):
        said = error.body
    if error.status in PASSING:
        remedy = "see that its API server and Kubeflow Trainer are well, and start again: a TrainJob is found again"
    elif error.status == 401:
        remedy = "see that the pod's service account is still there, and start again"
    else:
        remedy = (
            "install Kubeflow Trainer, let the service account get, create and delete trainjobs, and see nodes in "
            "cluster.yaml"
        )
    return f"the cluster refuses to {what} the TrainJob ({error.status} {error.reason}): {remedy}. It says: {said}"
