"""The curate step killed at random moments and started again: always the bytes of the run that nobody disturbed."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from model.artefacts import cache_folder, folder_digest
from pipelines.sources import ROOT

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(3600)]
KILLS = 20
CAST = {"people": 6, "photos": 5, "group_portraits": 2, "scenes": 14, "strangers": 2, "places": 2}


@dataclass(frozen=True)
class Bench:
    """A folder with the cast's photos, and a cache of its own that holds nothing but the weights."""

    folder: Path
    environment: Mapping[str, str]

    def start(self, out: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "pipelines.cli", "curate", "--photos", "photos", "--out", out]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def forget_work(self) -> None:
        for place in Path(self.environment["WITHANYONE_CACHE"]).iterdir():
            if not place.is_symlink():
                shutil.rmtree(place)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("bench")
    (folder / "cache").mkdir()
    (folder / "cache" / "weights").symlink_to(cache_folder("weights"))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "WITHANYONE_CACHE": str(folder / "cache")}
    changes = [word for key, value in CAST.items() for word in ("--set", f"photos.{key}={json.dumps(value)}")]
    command = [sys.executable, "-m", "pipelines.cli", "cast", "--out", "photos", *changes]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return Bench(folder, environment)


def test_killed_at_any_moment_the_next_run_gives_the_same_bytes(bench: Bench) -> None:
    begin = time.monotonic()
    assert bench.start("undisturbed").wait() == 0
    taken = time.monotonic() - begin
    whole = folder_digest(bench.folder / "undisturbed")
    moments = random.Random(20)
    left_work = 0
    for number in range(KILLS):
        bench.forget_work()
        process = bench.start(out := f"out-{number}")
        time.sleep(moments.uniform(0, taken))
        process.send_signal(signal.SIGKILL)
        process.wait()
        target = bench.folder / out
        assert not target.exists() or folder_digest(target) == whole
        left_work += any(path.is_file() for path in (bench.folder / "cache").glob("work/**/*"))
        assert bench.start(out).wait() == 0
        assert folder_digest(target) == whole
        shutil.rmtree(target)
    assert left_work > 0, "no kill fell into the pass over the photos: nothing was resumed"
