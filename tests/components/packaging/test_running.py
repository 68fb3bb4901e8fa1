"""A Bento as it runs: what it tells of itself, and an end in which everybody is answered."""

import os
import signal
import threading
import time
from pathlib import Path

import httpx
import psutil

from components.packaging.proof import serving
from tests.components.packaging.files import SVG, base64_of, encoded
from tests.components.packaging.small import with_faces

FACE = base64_of(encoded(with_faces(40)))
ORDER = {"prompt": "a person", "references": [FACE], "steps": 60}  # the small engine takes 0.02 s a step


def test_metrics_and_an_end_in_which_all_are_answered(made: tuple[Path, object], tmp_path: Path) -> None:
    answers: list[int] = []
    with serving(made[0], tmp_path, 120) as (client, _):
        client.post("/generate", json={**ORDER, "references": [base64_of(SVG)]})
        client.post("/generate", json={**ORDER, "steps": 2})
        _check_metrics(client)
        server = max(psutil.Process().children(), key=lambda one: one.create_time())
        asking = [threading.Thread(target=_ask, args=(str(client.base_url), answers)) for _ in range(3)]
        for thread in asking:
            thread.start()
        time.sleep(0.6)
        os.kill(server.pid, signal.SIGTERM)  # as a cluster does: to the first process alone
        for thread in asking:
            thread.join(60)
        assert answers == [200, 200, 200]
        assert server.wait(30) in (0, None)
    logged = (tmp_path / "serve.log").read_text()
    assert '"path": "/generate", "status": 200' in logged
    assert FACE[40:80] not in logged


def _check_metrics(client: httpx.Client) -> None:
    told = client.get("/metrics").text
    assert 'withanyone_refusals_total{reason="unprocessable-entity"} 1.0' in told
    assert "withanyone_pictures_total" in told
    for stage in ("wait", "references", "pictures", "credentials"):
        assert f'withanyone_stage_seconds_count{{stage="{stage}"}}' in told
    assert "withanyone_waiting 0.0" in told


def _ask(url: str, answers: list[int]) -> None:
    answers.append(httpx.post(f"{url}/generate", json=ORDER, timeout=60, trust_env=False).status_code)
