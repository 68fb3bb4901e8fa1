"""Runs each step in its container on this machine, by the socket of podman or docker and kfp.local's docker runner."""

import codecs
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from components.shell import EVENTS
from components.steps import Step
from model.artefacts import cache_folder
from model.errors import UserError
from model.network import why_no_answer
from pipelines.runners import DOCKER, Runner
from pipelines.store import Store

LABEL = "withanyone.store"  # names the store that a container works for
PATIENCE = 300  # seconds for an answer of an engine that is at work on images
USER = 1000  # of the images; containers of root get it too
THREADS = "OMP_NUM_THREADS"  # as here: sums of numbers depend on how many threads make them
START = "start docker, or as root `podman system service --time=0 unix://SOCKET`, and set DOCKER_HOST=unix://SOCKET"


@dataclass(frozen=True)
class Containers:
    """The containers of one run: what they see of this machine, and the images that they are made from."""

    store: Store
    outside: tuple[Path, ...]  # folders and files that settings name: shown where they are, not to be written
    images: Mapping[str, str]  # ids by name

    @property
    def runner(self) -> Runner:
        """The runner whose caches are keyed by the images: another image, another result."""
        return Runner(DOCKER.name, DOCKER.applies, images=self.images)

    @contextmanager
    def kfp_runner(self) -> Iterator[Any]:
        """The kfp.local runner; while the block runs, kfp starts containers as `_run` does."""
        from kfp import local
        from kfp.local import docker_task_handler as handler

        replaced = handler.run_docker_container
        handler.run_docker_container = _run
        try:
            yield local.DockerRunner(**self._arguments())
        finally:
            handler.run_docker_container = replaced

    def _arguments(self) -> dict[str, Any]:
        """Arguments of each container: no root, no privileges, a root file system that is only read."""
        own = self.store.folder.resolve() / "containers"
        user = os.getuid() or USER
        threads = {THREADS: os.environ[THREADS]} if THREADS in os.environ else {}
        for folder in (self.store.artefacts, own):
            folder.mkdir(parents=True, exist_ok=True)
            if not os.getuid():
                os.chown(folder, user, 0)
        return {
            "user": f"{user}:0",
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "tmpfs": {"/tmp": "mode=1777", "/work": "mode=1777"},  # noqa: S108  (inside the container)
            "environment": {EVENTS: "1", "PYTHONIOENCODING": "utf-8:backslashreplace", **threads},
            "labels": {LABEL: str(self.store.folder.resolve())},
            "mounts": [
                _mount(own, "/cache", read_only=False),
                _mount(cache_folder("weights"), "/cache/weights"),
                *(_mount(path, str(path)) for path in self.outside),
            ],
        }


def containers(steps: Sequence[Step], settings: Mapping[str, BaseModel], store: Store) -> Containers:
    """What a run of `steps` in containers needs; containers that a killed run of this store left are removed.

    Raises UserError without an engine, or without the image of a step.
    """
    import docker
    from docker.constants import DEFAULT_UNIX_SOCKET
    from docker.errors import DockerException, ImageNotFound

    from model.weights import fetch_all

    try:
        with closing(docker.from_env(timeout=PATIENCE)) as client:
            if any("rootless" in option for option in client.info().get("SecurityOptions") or []):
                raise UserError(
                    f"The container engine is rootless, where the steps' user may not write the run's folder: {START}."
                )
            for left in client.containers.list(all=True, filters={"label": f"{LABEL}={store.folder.resolve()}"}):
                left.remove(force=True)
            images = {step.image: str(client.images.get(f"localhost/{step.image}").id) for step in steps}
    except ImageNotFound as error:
        raise UserError(f"An image is missing ({error.explanation}): run `make images` first.") from None
    except DockerException as error:
        place = os.environ.get("DOCKER_HOST") or DEFAULT_UNIX_SOCKET.removeprefix("http+")
        raise UserError(f"No container engine answers at {place} ({why_no_answer(error)}): {START}.") from None
    fetch_all()  # containers only read them
    known = [(step, settings[step.name]) for step in steps if step.name in settings]  # a share of a step has no section
    outside = {path for step, values in known for path in step.outside(values).values()}
    return Containers(store, tuple(sorted(outside)), images)


def _mount(source: Path, target: str, read_only: bool = True) -> Any:
    from docker.types import Mount

    return Mount(target, str(source), type="bind", read_only=read_only)


def _run(client: Any, image: str, command: list[str], volumes: dict[str, Any], **arguments: Any) -> int:
    """Run a container to its end and return its exit code; it is removed only after that was read.

    kfp's own function lets the engine remove the container and takes one that is gone for one that ended well.
    What the step tells comes on stdout alone, so that nothing falls into its lines; the rest follows.
    """
    made = client.containers.run(image=image, command=command, detach=True, volumes=volumes, **arguments)
    try:
        decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode
        for part in made.logs(stdout=True, stderr=False, stream=True, follow=True):
            sys.stdout.write(decode(part))
        code = int(made.wait()["StatusCode"])
        sys.stdout.write(made.logs(stdout=False, stderr=True).decode(errors="backslashreplace"))
        return code
    finally:
        made.remove(force=True)
