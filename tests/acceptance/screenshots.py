"""Takes the pictures of dags/README.md: python -m tests.acceptance.screenshots. Needs PostgreSQL and Chromium.

Airflow is real; the command behind the DAGs is the stand-in of tests/dags, so that a request waits within a minute.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dags.servers import Servers
from pipelines.sources import ROOT
from tests.acceptance.airflow_api import Api, wait
from tests.acceptance.test_airflow import free_ports
from tests.dags.conftest import PROGRAM

PICTURES = ROOT / "dags" / "screenshots"
RUN = "shown"
PAGES = {
    "retrain": f"/dags/retrain/runs/{RUN}",
    "approval": f"/dags/retrain/runs/{RUN}/tasks/approve/required_actions",
}
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
QUIET = ("--disable-background-networking", "--disable-component-update", "--virtual-time-budget=20000")


def shoot(url: str, picture: Path) -> None:
    """The page at `url` as Chromium shows it."""
    with tempfile.TemporaryDirectory() as profile:
        command = ["chromium", *OPTIONS, *QUIET, f"--user-data-dir={profile}", "--window-size=1280,860"]
        subprocess.run([*command, f"--screenshot={picture}", url], check=True, capture_output=True, timeout=180)


def main() -> int:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="withanyone-") as scratch:
        home = Path(scratch)
        program = home / "withanyone"
        program.write_text(PROGRAM.format(python=sys.executable))
        program.chmod(0o755)
        os.environ["WITHANYONE_COMMAND"] = str(program)
        everybody = {"CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True"}  # Chromium has no hands for a login
        servers = Servers(home / "airflow", home, free_ports()[0], everybody)
        try:
            servers.start()
            api = Api(servers, everybody=True)
            wait(lambda: "retrain" in {dag["dag_id"] for dag in api.get("/dags")["dags"]} or None, 120)
            api.trigger("retrain", RUN)
            api.asked(RUN, 240)
            for name, path in PAGES.items():
                shoot(f"{servers.url}{path}", PICTURES / f"{name}.png")
        finally:
            servers.stop()
            shutil.rmtree(servers.cluster.folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
