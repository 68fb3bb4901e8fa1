"""The reviewer's page: the verdict first, escaped, self-contained, whatever the evidence; drawn by a real browser."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.validation.gate.evidence import Wishes, make
from validation.gate.decision import decide
from validation.gate.evidence import Inputs
from validation.gate.override import Override, override
from validation.gate.thresholds import Thresholds
from validation.report.reviewer_page import reviewer_page, with_overrides

BROWSER = [
    "chromium",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Inputs]:
    """A decision against a champion, with pictures of the cases."""
    folder = tmp_path_factory.mktemp("page")
    champion = make(folder / "old", Wishes(weights="old"))
    challenger = make(folder / "new", Wishes({"sim_gt": 0.05}, noise=0.05), champion.dataset)
    for scores, colour in ((champion.scores, "#335577"), (challenger.scores, "#775533")):
        for index in range(30):
            place = scores / "images" / f"c{index:03d}"
            place.mkdir(parents=True)
            for name in ("model-1.png", "truth.png", "reference-0.jpg"):
                Image.new("RGB", (64, 64), colour).save(place / name)
    inputs = Inputs(**challenger.paths(), champion=champion.scores)
    return decide(inputs, Thresholds()), inputs


def test_the_verdict_comes_first_and_the_worst_twenty_cases_are_shown(made: tuple[dict[str, Any], Inputs]) -> None:
    page = reviewer_page(*made)
    assert page.index("Promote") < page.index("<svg") < page.index("<h2>Rules") < page.index("The worst 20 cases")
    assert page.count('<section class="case">') == 20
    assert page.count('src="data:image/jpeg;base64,') == 20 * 4
    for rule in made[0]["rules"]:
        assert f"<b>{rule['name']}</b>" in page
    for name, digest in made[0]["inputs"].items():
        assert digest in page, name
    assert "measured by another judge" in page


def test_the_page_needs_no_network(made: tuple[dict[str, Any], Inputs]) -> None:
    page = re.sub(r'xmlns(:xlink)?="[^"]*"', "", reviewer_page(*made))
    assert "http" not in page
    assert "<script" not in page
    assert all(address.startswith(("data:", "#")) for address in re.findall(r'(?:src|href)="([^"]*)"', page))


def test_pictures_that_are_gone_are_said_to_be(made: tuple[dict[str, Any], Inputs], tmp_path: Path) -> None:
    decision, inputs = made
    shutil.copytree(inputs.scores, tmp_path / "scores")
    shutil.rmtree(tmp_path / "scores" / "images")
    page = reviewer_page(decision, Inputs(**{**vars(inputs), "scores": tmp_path / "scores"}))
    assert page.count("the picture is gone") == 20


def test_broken_evidence_still_has_a_page_that_escapes(tmp_path: Path) -> None:
    broken = make(tmp_path)
    (broken.scores / "scores.json").write_text("<script>")
    inputs = Inputs(**broken.paths())
    decision = decide(inputs, Thresholds())
    decision["reason"] = decision["rules"][0]["why"] = "<i>no</i>"
    page = reviewer_page(decision, inputs)
    assert "Reject" in page
    assert "<i>" not in page
    assert "&lt;i&gt;no" in page


def test_an_override_stands_first_for_ever(made: tuple[dict[str, Any], Inputs]) -> None:
    decision, inputs = made
    given = Override("reject", "Ada <b>", "drew a child's face & twice", "2026-01-02T03:04:05+00:00")
    once = override(decision, given)
    page = with_overrides(reviewer_page(decision, inputs), once)
    assert page.index("override</span>") < page.index("Ada &lt;b&gt;") < page.index("The rules said <b>promote</b>")
    again = override(once, Override("hold", "Bo", "let us wait", "2026-01-03T03:04:05+00:00"))
    page = with_overrides(page, again)
    assert "Ada &lt;b&gt;" in page
    assert "<b>Bo</b> overrode reject with hold" in page
    assert page.count("<!-- overrides: begin -->") == 1
    assert json.loads(json.dumps(again))["by_rules"]["verdict"] == "promote"


@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium on this machine: nothing draws the page")
@pytest.mark.parametrize("width", [1100, 390])
def test_a_browser_draws_the_page_without_scrolling_sideways(
    made: tuple[dict[str, Any], Inputs], tmp_path: Path, width: int
) -> None:
    """A strip beyond the width that was asked for stays white where nothing reaches over the page's edge."""
    page, shot = tmp_path / "report.html", tmp_path / "page.png"
    html = reviewer_page(*made)
    html = html.replace("<body>", f'<body style="width:{width}px;outline:0">').replace("light dark", "light")
    page.write_text(html, encoding="utf-8")
    asked = [f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width + 60},2600", f"--screenshot={shot}"]
    subprocess.run([*BROWSER, *asked, page.as_uri()], check=True, capture_output=True, timeout=120)
    with Image.open(shot) as picture:
        drawn = picture.convert("RGB")
    assert drawn.width == width + 60
    beside = drawn.crop((width + 2, 0, width + 60, drawn.height)).getcolors()
    assert beside is not None
    assert len(beside) == 1, "something reaches over the page's edge"
    colours = drawn.crop((0, 0, width, drawn.height)).getcolors(1 << 24)
    assert colours is not None
    wanted = {(31, 95, 191), (138, 62, 168), (26, 122, 69)}  # candidate, champion, passed: as the style sheet has them
    assert wanted <= {colour for _, colour in colours}
