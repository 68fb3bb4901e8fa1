"""The page in a real Chromium: references in, a box moved, pictures out; by mouse, by keys, and on a phone."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from PIL import Image
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from components.packaging.engine import Engine
from tests.components.packaging.browser import MISSING, Browser, chromium
from tests.components.packaging.files import encoded
from tests.components.packaging.small import with_faces

pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"there is no {' and no '.join(MISSING)} here: apt-get install chromium chromium-driver"
)
TAB, ENTER, SHIFT, LEFT, RIGHT, DOWN = "\ue004", "\ue007", "\ue008", "\ue012", "\ue014", "\ue015"


@pytest.fixture(scope="module")
def url(app: ASGIApp, served: tuple[TestClient, Engine]) -> Iterator[str]:
    """The service on a port; what starts and stops it is the test client's."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(
    scope="module",
    params=[{"width": 1280, "height": 1000}, {"width": 390, "height": 844, "phone": True}],
    ids=["desktop", "phone"],
)
def window(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile"), **request.param) as found:
        yield found


@pytest.fixture
def browser(window: Browser, url: str) -> Iterator[Browser]:
    """The window with the page as who has never seen it finds it."""
    window.open(url)
    window.until("document.getElementById('licence').textContent.includes('Model')")
    yield window
    faults = window.faults()
    window.run("sessionStorage.clear()")
    window.open("about:blank")
    assert faults == []


def add(browser: Browser, folder: Path, *greys: int) -> None:
    files = [folder / f"{grey}.png" for grey in greys]
    for grey, file in zip(greys, files, strict=True):
        file.write_bytes(encoded(with_faces(40, grey=grey)))
    browser.type("#files", "\n".join(map(str, files)))
    ends = f"Face 1 of {len(greys)}"
    browser.until(f"document.getElementById('place').textContent.startsWith('{ends}')")


def test_the_words_of_a_choice_have_room(browser: Browser) -> None:
    script = """
        const field = document.getElementById("size"), free = field.cloneNode(true);
        free.style.width = "max-content";
        field.after(free);
        const widths = [free.offsetWidth, field.offsetWidth];
        free.remove();
        return widths;
    """
    needed, there = browser.run(script)
    assert needed <= there


def box(browser: Browser) -> list[int]:
    """The chosen box in hundredths of the picture, as the page says it."""
    told: str = browser.run("return document.getElementById('place').textContent")
    return [int(part.removesuffix(" %")) for part in told.partition(": ")[2].split(", ")]


def picture_places(browser: Browser) -> dict[str, float]:
    script = """
        const canvas = document.getElementById("boxes");
        canvas.scrollIntoView({block: "center"});
        const {x, y, width, height} = canvas.getBoundingClientRect();
        return {x, y, w: width, h: height};
    """
    places: dict[str, float] = browser.run(script)
    return places


def made(browser: Browser, count: int) -> None:
    browser.until(f"document.querySelectorAll('#gallery img').length === {count}")
    browser.until("[...document.querySelectorAll('#gallery img')].every((image) => image.naturalWidth === 160)")


def test_upload_move_generate_see(browser: Browser, tmp_path: Path, orders: list[Any]) -> None:
    add(browser, tmp_path, 30, 90)
    before, canvas = box(browser), picture_places(browser)
    middle = (before[0] + before[2]) / 200, (before[1] + before[3]) / 200
    start = round(canvas["x"] + middle[0] * canvas["w"]), round(canvas["y"] + middle[1] * canvas["h"])
    browser.drag(start, (start[0] + round(canvas["w"] * 0.1), start[1] + round(canvas["h"] * 0.2)))
    after = box(browser)
    assert [new - old for new, old in zip(after, before, strict=True)] == pytest.approx([10, 20, 10, 20], abs=2)
    browser.click("#generate")
    made(browser, 2)
    sent = orders[-1][0]
    assert sent.boxes[0] / [160, 128, 160, 128] * 100 == pytest.approx(after, abs=0.6)
    assert sent.embeddings[:, 0].tolist() == [30, 90]
    browser.click("#gallery summary")
    assert "m" * 64 in browser.run("return document.querySelector('#gallery dl').innerText")
    width = browser.run("return [document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], "the page scrolls sideways"


def test_all_of_it_by_keys(browser: Browser, tmp_path: Path, orders: list[Any]) -> None:
    add(browser, tmp_path, 30, 90)
    browser.run("document.getElementById('files').focus()")
    for _ in range(12):
        if browser.run("return document.activeElement.id") == "boxes":
            break
        browser.keys(TAB)
    before = box(browser)
    browser.keys(RIGHT, DOWN, DOWN)
    moved = box(browser)
    assert [new - old for new, old in zip(moved, before, strict=True)] == pytest.approx([2, 4, 2, 4], abs=1)
    browser.keys(RIGHT, held=SHIFT)
    assert box(browser)[2] - moved[2] == pytest.approx(2, abs=1)
    browser.keys("2")
    assert browser.run("return document.getElementById('place').textContent").startswith("Face 2 of 2")
    for _ in range(12):
        if browser.run("return document.activeElement.id") == "generate":
            break
        browser.keys(TAB)
    browser.keys(ENTER)
    made(browser, 2)
    assert len(orders) == 2


def test_the_slider_mixes_two_branches(
    browser: Browser,
    url: str,
    tmp_path: Path,
    served: tuple[TestClient, Engine],
    orders: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(served[1].references, "look", lambda pixels, box: np.zeros((4, 6), np.float32))
    monkeypatch.setattr(served[1], "branches", ["arc", "sig"])
    browser.open(url)
    browser.until("document.getElementById('weight').max === '1'")
    add(browser, tmp_path, 30)
    browser.run("document.getElementById('weight').focus()")
    browser.keys(*[LEFT] * 4)  # from in form, a step of 0.05 each
    browser.click("#generate")
    made(browser, 2)
    assert orders[-1][2:] == (0.2, 0.8)


def test_a_photo_is_edited_where_its_faces_are(
    browser: Browser,
    url: str,
    tmp_path: Path,
    served: tuple[TestClient, Engine],
    orders: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert browser.run("return document.getElementById('edited').hidden")
    monkeypatch.setattr(served[1], "edits", True)
    browser.open(url)
    browser.until("!document.getElementById('edited').hidden")
    photo = Image.new("RGB", (160, 160), (60, 60, 60))
    for x, y in ((100, 20), (10, 80)):
        photo.paste((255, 255, 255), (x, y, x + 40, y + 40))
    (tmp_path / "photo.png").write_bytes(encoded(photo))
    add(browser, tmp_path, 30)
    browser.click("#generate")
    browser.until("document.getElementById('said').textContent.startsWith('image is missing')")
    browser.type("#photo", str(tmp_path / "photo.png"))
    browser.until("document.getElementById('place').textContent === 'Face 1 of 1: 6 %, 50 %, 31 %, 75 %'")
    browser.click("#generate")
    made(browser, 2)
    sent = orders[-1][0]
    assert sent.shown is not None
    np.testing.assert_allclose(sent.boxes, [[10, 64, 50, 96]])


def test_a_second_order_draws_others_unless_a_seed_is_given(
    browser: Browser, tmp_path: Path, orders: list[Any]
) -> None:
    add(browser, tmp_path, 30)
    for count, seed in ((2, ""), (4, ""), (6, "7"), (8, "")):
        browser.type("#seed", seed)
        browser.click("#generate")
        made(browser, count)
    seeds = [order[0].seed for order in orders]
    assert len(set(seeds[:6])) == 6
    assert seeds[4:] == [7, 8, 7, 8]


def test_a_reference_that_is_refused_says_why(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "two.png").write_bytes(encoded(with_faces(40, 40)))
    browser.type("#files", str(tmp_path / "two.png"))
    said = browser.until("document.querySelector('#references .bad')?.textContent")
    assert said == "It shows 2 faces; crop it to the person who is meant."
    assert browser.run("return document.getElementById('generate').disabled")
    (tmp_path / "none.png").write_bytes(b"none")
    browser.type("#files", str(tmp_path / "none.png"))
    browser.until("document.querySelector('#references li:nth-child(2) .bad')?.textContent.startsWith('It is no')")
    browser.until("document.querySelector('#references li:nth-child(2) img:not([src])')")


def test_a_task_is_cancelled(
    browser: Browser, tmp_path: Path, served: tuple[TestClient, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served[1].pipeline, "pause", 0.3)
    add(browser, tmp_path, 30)
    browser.click("#generate")
    browser.until("document.getElementById('progress').value > 0")
    browser.click("#cancel")
    assert browser.until("document.getElementById('said').textContent === 'Cancelled.'")
