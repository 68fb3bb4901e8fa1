"""The tables in the steps' READMEs and the locks of their images say what the code says today."""

import pytest
from pydantic import BaseModel, ConfigDict, Field

from components.paperwork import BEGIN, END, ROOT, derived, kind, table, with_tables
from components.steps import STEPS, Step


def test_nothing_derived_is_out_of_date() -> None:
    stale = [str(path.relative_to(ROOT)) for path, text in derived().items() if path.read_text() != text]
    assert stale == [], "run `make paperwork`"


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_handwritten_parts_stay(step: Step) -> None:
    page = with_tables(f"# before\n{BEGIN}\nSTALE\n{END}\nafter\n", step)
    assert page.startswith(f"# before\n{BEGIN}\n")
    assert page.endswith(f"{END}\nafter\n")
    assert "STALE" not in page


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks the lines"):
        with_tables("# no marks\n", STEPS[0])


class Inner(BaseModel):
    share: float = Field(0.5, gt=0, le=1, description="part of it")


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str | None = None
    inner: Inner = Inner()
    several: tuple[Inner, ...] = ()


def test_nested_settings_are_listed_by_dotted_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Step, "settings", lambda self: Settings)
    page = with_tables(f"{BEGIN}{END}", STEPS[0])
    assert "| `photos.inner.share` | number > 0, ≤ 1 | `0.5` | part of it |" in page
    assert "| `photos.several[].share` | number > 0, ≤ 1 | `0.5` | part of it |" in page
    assert "| `photos.name` | text or nothing | `null` |" in page


def test_kinds() -> None:
    assert kind({"enum": ["a", "b"]}) == "`a`, `b`"
    assert kind({"type": "array", "items": {"type": "integer", "minimum": 0}}) == "list of whole number ≥ 0"


def test_bars_do_not_break_a_table() -> None:
    assert table(("a",), [("x|y",)]).splitlines()[-1] == r"| x\|y |"


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_images_install_the_lock_of_their_own_role(step: Step) -> None:
    containerfile = (ROOT / "components" / step.folder / "Containerfile").read_text()
    assert f"COPY components/{step.folder}/requirements.lock" in containerfile
