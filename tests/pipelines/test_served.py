"""The commands about what the service made, as a user types them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.packaging.credentials import Credentials, local_certificate
from model.errors import UserError
from pipelines.cli import app
from tests.components.packaging.files import pixels
from tests.components.packaging.small import LINEAGE

CHAIN = local_certificate()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    (tmp_path / "out.png").write_bytes(Credentials(*CHAIN).sign(pixels(), LINEAGE, {"seed": 7}))
    return tmp_path / "out.png"


def test_verify_prints_the_lineage(picture: Path) -> None:
    said = CliRunner().invoke(app, ["verify", str(picture)])
    assert said.exit_code == 0
    rows = dict(line.split(maxsplit=1) for line in said.stdout.splitlines() if not line.startswith("signed"))
    assert (rows["state"], rows["model"], rows["decision"], rows["seed"]) == ("Valid", "m" * 64, "e" * 64, "7")


def test_verify_trusts_whom_it_is_told_to(picture: Path, tmp_path: Path) -> None:
    (tmp_path / "anchors.pem").write_bytes(CHAIN[0])
    said = CliRunner().invoke(app, ["verify", str(picture), "--anchors", str(tmp_path / "anchors.pem"), "--json"])
    assert json.loads(said.stdout)["state"] == "Trusted"


def test_verify_refuses_a_changed_picture(picture: Path) -> None:
    changed = bytearray(picture.read_bytes())
    changed[-60] ^= 1
    picture.write_bytes(changed)
    said = CliRunner().invoke(app, ["verify", str(picture)])
    assert isinstance(said.exception, UserError)
    assert "was changed after it was signed" in str(said.exception)


def test_shadow_report_writes_what_it_says(tmp_path: Path) -> None:
    both = {"similarity": 0.5, "copy": 0.25}
    models = {"champion_model": "m", "shadow_model": "s"}
    line = {"at": 1.0, "failed": False, "people": 1, "shadow_seconds": 0.5, "champion": both, "shadow": both, **models}
    (tmp_path / "scores").write_text(json.dumps(line) + "\n")
    said = CliRunner().invoke(app, ["shadow", "report", str(tmp_path / "scores"), "--out", str(tmp_path / "out.json")])
    assert "similarity: champion 0.500, shadow 0.500, difference +0.000" in said.stdout
    assert json.loads((tmp_path / "out.json").read_text())["orders"] == 1
