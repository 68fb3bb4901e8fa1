"""The image of a promoted version: made of the registry's Bento, run as on a cluster, asked, and drained.

`make test-containers` runs it after the pipeline whose Bento it is.
"""

import base64
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import tomli_w
import yaml

from components import packaging
from components.packaging.reading import read_credentials
from components.pip_settings import volumes
from model.artefacts import read_json
from pipelines.store import link_tree
from tests.acceptance.tiny_run import withanyone

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1200)]
MANIFEST = Path(packaging.__path__[0], "kubernetes.yaml")
POD: dict[str, Any] = next(yaml.safe_load_all(MANIFEST.read_text()))["spec"]["template"]["spec"]
BOX: dict[str, Any] = POD["containers"][0]
TOKEN = "a-token-of-the-test"
HEADERS = {"authorization": f"Bearer {TOKEN}"}
ORDER = {"prompt": "a person smiling", "seed": 7, "steps": 8}


def building(folder: Path) -> str:
    """Engine settings with which a build knows the package index as this machine does; returns their file."""
    settings = {"containers": {"volumes": volumes(folder), "netns": "host"}}
    if given := os.environ.get("CONTAINERS_CONF"):
        import tomllib

        known = tomllib.loads(Path(given).read_text())
        settings = known | {"containers": known.get("containers", {}) | settings["containers"]}
    (folder / "containers.conf").write_text(tomli_w.dumps(settings))
    return str(folder / "containers.conf")


@pytest.fixture(scope="module")
def version(boxed: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The promoted version and its image; what is not promoted was refused before."""
    home, record = boxed
    link_tree(Path(record["folder"]), home / "promoted" / record["id"])  # its own runs get no champion
    code, _, words = withanyone(home, "containerize", "--runs", "promoted")
    assert (code, "no version in production" in words) == (3, True), words
    code, promoted, words = withanyone(
        home, "promote", record["id"], "--runs", "promoted", "--override", "its image is tried"
    )
    assert code == 0, words
    code, _, words = withanyone(home, "containerize", record["id"], "--runs", "promoted")
    assert (code, f"no version '{record['id']}': it has v1.0.0" in words) == (3, True), words
    base = ["--base", os.environ["BASE"]] if os.environ.get("BASE") else []
    conf = building(tmp_path_factory.mktemp("building"))
    code, made, words = withanyone(home, "containerize", *base, "--runs", "promoted", CONTAINERS_CONF=conf)
    assert code == 0, words
    assert made["version"] == promoted["version"]
    return made | {name: promoted[name] for name in ("model", "decision", "dataset")}


@dataclass(frozen=True)
class Running:
    """A container of the image, and how it is asked."""

    container: Any
    client: httpx.Client


@pytest.fixture(scope="module")
def running(engine: Any, version: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The container as the manifest describes it: user, environment, mounts, limits, a root that is only read."""
    files = tmp_path_factory.mktemp("files")
    contents = {"tokens": TOKEN, "forgotten.json": '{"people": []}'}
    mounts = {}
    for entry in BOX["env"]:
        if (name := Path(entry["value"]).name) in contents:
            (files / name).write_text(contents[name])
            mounts[str(files / name)] = {"bind": entry["value"], "mode": "ro"}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert BOX["securityContext"]["readOnlyRootFilesystem"]
    container = engine.containers.run(
        version["image"],
        detach=True,
        read_only=True,
        user=f"{POD['securityContext']['runAsUser']}:{POD['securityContext']['fsGroup']}",
        cap_drop=BOX["securityContext"]["capabilities"]["drop"],
        security_opt=["no-new-privileges"],
        tmpfs={"/scratch": "mode=1777"},
        mem_limit=BOX["resources"]["limits"]["memory"].lower().removesuffix("i"),
        environment={entry["name"]: entry["value"] for entry in BOX["env"]},
        volumes=mounts,
        ports={f"{BOX['ports'][0]['containerPort']}/tcp": ("127.0.0.1", port)},
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False, headers=HEADERS) as client:
            begin = time.monotonic()
            while not _ready(client):
                container.reload()
                fine = container.status == "running" and time.monotonic() - begin < 300
                assert fine, container.logs().decode()[-3000:]
                time.sleep(0.5)
            yield Running(container, client)
    finally:
        container.remove(force=True)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def order(boxed: tuple[Path, dict[str, Any]], client: httpx.Client) -> dict[str, Any]:
    """An order with a reference of the run's scores that the service accepts."""
    for file in sorted(Path(boxed[1]["folder"]).glob("scores/images/*/reference-*.jpg")):
        picture = base64.b64encode(file.read_bytes()).decode()
        if client.post("/faces", json={"picture": picture}).json().get("usable"):
            return {**ORDER, "references": [picture]}
    pytest.fail("the service accepts no reference")


def test_the_image_names_what_it_is_and_holds_nothing_to_build_with(engine: Any, version: dict[str, str]) -> None:
    image = engine.images.get(version["image"])
    assert image.labels["org.opencontainers.image.version"] == "v1.0.0"
    assert {name: image.labels[f"withanyone.{name}"] for name in ("model", "decision")} == {
        name: version[name] for name in ("model", "decision")
    }
    tools = "for tool in gcc cc g++ make git; do command -v $tool; done; true"
    found = engine.containers.run(version["image"], ["sh", "-c", tools], remove=True, network_mode="none")
    assert found == b""


def test_it_answers_who_has_a_token_with_a_picture_whose_credentials_hold(
    running: Running, version: dict[str, str], boxed: tuple[Path, dict[str, Any]]
) -> None:
    assert httpx.post(f"{running.client.base_url}/model", json={}, trust_env=False).status_code == 401
    told = running.client.post("/model", json={}).raise_for_status().json()
    assert told["lineage"]["model"] == version["model"]
    picture = running.client.post("/generate", json=order(boxed, running.client)).raise_for_status().content
    found = read_credentials(picture)
    assert found.state == "Valid"
    assert (found.lineage["model"], found.lineage["decision"]) == (version["model"], version["decision"])


def test_it_is_not_root_and_wrote_nowhere_but_to_its_scratch(running: Running) -> None:
    def said(command: str) -> str:
        return str(running.container.exec_run(["sh", "-c", command]).output.decode()).strip()

    assert said("id -u") == str(POD["securityContext"]["runAsUser"])
    assert said("stat -c %u /home/bentoml/bento") == said("id -u")
    for place in ("/home/bentoml", "/home/bentoml/bento"):
        assert "Read-only file system" in said(f"touch {place}/new")
    assert said("find /tmp /var/tmp -mindepth 1") == ""  # podman adds these, a cluster does not


def test_on_sigterm_who_is_in_line_is_answered_first(running: Running, boxed: tuple[Path, dict[str, Any]]) -> None:
    long = {**order(boxed, running.client), "steps": 50, "pictures": 2}
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(running.client.post, "/generate", json={**long, "seed": seed}) for seed in range(3)]
        end = time.monotonic() + 60
        while "withanyone_waiting 0.0" in running.client.get("/metrics").text and time.monotonic() < end:
            time.sleep(0.05)
        running.container.kill("SIGTERM")
        assert not all(one.done() for one in waiting)
        assert [one.result(120).status_code for one in waiting] == [200, 200, 200]
    assert running.container.wait(timeout=60)["StatusCode"] in (0, 143)


def test_a_changed_file_makes_no_image(version: dict[str, str], boxed: tuple[Path, dict[str, Any]]) -> None:
    home, _ = boxed
    scores = home / "deployment" / "bentos" / "v1.0.0" / "src" / "bundle" / "scores.json"
    figures = read_json(scores)
    scores.unlink()  # a link to the run's own
    scores.write_text(f"{figures}")
    code, _, words = withanyone(home, "containerize", "v1", "--runs", "promoted")
    assert (code, "scores.json of this Bento is not the file that was packaged" in words) == (3, True), words
