"""A registry with its data in an S3 store: a real server, SeaweedFS, from its package."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import s3fs

from components.gate.sources import SOURCES
from components.steps import GATE
from model.artefacts import folder_digest, read_json, write_json
from model.errors import UserError
from pipelines.cluster import Cluster
from pipelines.fetched import fetch_run
from pipelines.promotion import Approval, promote
from pipelines.registry import Registry
from pipelines.runs import Runs
from tests.pipelines.decided import decided_run, put_in_store

KEY, SECRET, BUCKET = "key", "secret", "versions"
WEED = str(Path(sys.executable).with_name("weed"))
RUN, ROOT = "0f3c2a18", f"s3://{BUCKET}/runs"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[str]:
    """The address of an S3 server with an empty bucket."""
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    who = {"name": "test", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": actions}
    (tmp_path / "s3.json").write_text(json.dumps({"identities": [who]}))
    (tmp_path / "weed").mkdir()
    ports = free_ports(8)
    names = [f"{part}.port{kind}" for kind in ("", ".grpc") for part in ("master", "volume", "filer", "s3")]
    options = [f"-{name}={port}" for name, port in zip(names, ports, strict=True)]

    command = [WEED, "server", f"-dir={tmp_path / 'weed'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]
    command += ["-master.telemetry=false", "-volume.max=20", "-master.volumeSizeLimitMB=100"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={tmp_path / 's3.json'}", *options]
    with (tmp_path / "weed.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{ports[3]}"
        become_ready(url, tmp_path / "weed.log")
        yield url
    finally:
        server.kill()  # asked to end, it takes 25 seconds, and nothing in it is wanted any more
        server.wait()


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def become_ready(url: str, log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            files = s3fs.S3FileSystem(key=KEY, secret=SECRET, endpoint_url=url, skip_instance_cache=True)
            if httpx.get(url, trust_env=False).status_code < 500:
                files.mkdir(BUCKET)
                files.pipe(f"{BUCKET}/probe", b"x")
                files.rm(f"{BUCKET}/probe")
                return
        except (httpx.HTTPError, OSError):
            time.sleep(0.5)
    raise AssertionError(log.read_text()[-2000:])


def connect(registry: Registry, url: str, secret: str = SECRET) -> None:
    registry.create()
    words = {"url": f"s3://{BUCKET}/data", "endpointurl": url, "access_key_id": KEY, "secret_access_key": secret}
    lines = "".join(f"    {name} = {value}\n" for name, value in words.items())
    (registry.root / ".dvc" / "config.local").write_text(f"['remote \"store\"']\n{lines}")


def test_a_version_goes_to_the_store_and_comes_back_from_it(store: str, tmp_path: Path) -> None:
    registry, run = Registry(tmp_path / "registry"), decided_run(tmp_path)
    connect(registry, store, secret="wrong")
    with pytest.raises(UserError, match="nothing was promoted"):
        promote(Runs(tmp_path / "runs"), "latest", registry, Approval("ada"))
    assert registry.versions() == {}
    connect(registry, store)
    assert promote(Runs(tmp_path / "runs"), "latest", registry, Approval("ada"))["version"] == "v1.0.0"
    shutil.rmtree(registry.root / ".dvc" / "cache")
    for part in ("model", "dataset"):
        registry.fetch("v1.0.0", part, tmp_path / "back" / part)
        assert folder_digest(tmp_path / "back" / part) == folder_digest(run / part)


def test_a_clusters_run_comes_home_from_the_store(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = decided_run(tmp_path / "there")
    put_in_store(run, tmp_path / "root", RUN)
    for file in (tmp_path / "root").rglob(SOURCES):
        write_json(file, {k: v.replace("s3://root", ROOT) for k, v in read_json(file).items()})
    files = s3fs.S3FileSystem(key=KEY, secret=SECRET, endpoint_url=store, skip_instance_cache=True)
    files.put(f"{tmp_path}/root/", f"{ROOT}/", recursive=True)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    cluster = Cluster(artefacts=ROOT, endpoint=store)
    record: dict[str, object] = {"run": RUN, "verdict": "promote", "link": "", "started": "2026-11-28T03:00:00+00:00"}
    record |= {"finished": "2026-11-28T04:00:00+00:00", "seconds": 3600.0}
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(UserError, match=f"The artefacts {ROOT} at {store} cannot be read .*credentials"):
        fetch_run(cluster, record, Runs(tmp_path / "runs"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    s3fs.S3FileSystem.clear_instance_cache()
    folder = fetch_run(cluster, record, Runs(tmp_path / "runs"))
    assert {name: folder_digest(folder / name) for name in GATE.inputs} == {
        name: folder_digest(run / name) for name in GATE.inputs
    }
