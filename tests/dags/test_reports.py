"""The reports at the API server's address: for who is logged in, the page of a run and nothing else."""

import json
from typing import Any

import pytest

from tests.dags.conftest import Home, results

ASK = """
import json, os, pathlib, sys
from fastapi.testclient import TestClient
from airflow.api_fastapi.app import create_app
client = TestClient(create_app(), base_url="http://localhost", follow_redirects=False)
paths = json.loads(sys.argv[1])
def ask(path):
    answer = client.get(path)
    shown = {"status": answer.status_code, "text": answer.text[:200], "headers": dict(answer.headers)}
    print("RESULT " + json.dumps(shown))
ask(paths[0])
passwords = json.loads(next(pathlib.Path(os.environ["AIRFLOW_HOME"]).glob("*passwords*")).read_text())
login = dict(zip(("username", "password"), next(iter(passwords.items()))))
token = client.post("/auth/token", json=login).json()["access_token"]
client.cookies.set("_token", token)
for path in paths:
    ask(path)
"""
PAGE = "/reports/20261128-030000/decision/report.html"
REFUSED = [
    "/reports/20261128-030000/decision/decision.json",
    "/reports/20261128-040000/decision/report.html",
    "/reports/%2e%2e/decision/report.html",
    "/reports/..%2f..%2fsecret/decision/report.html",
    "/reports/.hidden/decision/report.html",
    "/reports/20261128-030000/decision/..%2f..%2f..%2fpassword",
]


@pytest.fixture(scope="module")
def answers(home: Home) -> list[dict[str, Any]]:
    """Answers to the page without a login, then to all with one."""
    for place in ("runs/20261128-030000", "runs/.hidden", "secret"):
        folder = home.folder / place / "decision"
        folder.mkdir(parents=True)
        (folder / "report.html").write_text(f"<title>{place}</title>")
        (folder / "decision.json").write_text("{}")
    (home.folder / "password").write_text("hush")
    return results(home.python("-c", ASK, json.dumps([PAGE, *REFUSED])))


def test_without_a_login_nothing_is_shown(answers: list[dict[str, Any]]) -> None:
    assert (answers[0]["status"], "title" in answers[0]["text"]) == (401, False)


def test_the_page_of_a_run_is_shown_and_may_run_no_script(answers: list[dict[str, Any]]) -> None:
    shown = answers[1]
    assert (shown["status"], shown["text"]) == (200, "<title>runs/20261128-030000</title>")
    assert shown["headers"]["content-type"].startswith("text/html")
    assert shown["headers"]["content-security-policy"] == "sandbox"


def test_nothing_else_is_served(answers: list[dict[str, Any]]) -> None:
    for answer in answers[2:]:
        assert answer["status"] in (404, 422), answer
        assert "title" not in answer["text"]
        assert "hush" not in answer["text"]
    assert len(answers) == 2 + len(REFUSED)
