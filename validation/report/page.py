"""Rendering of the pages: one template environment that escapes everything, and the forms figures are written in."""

import base64
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image

from model.words import counted
from validation.benchmark.metrics import CHAMPION

TEMPLATES = Path(__file__).with_name("templates")
QUALITY = 88  # of pictures inside a page
NAMES = {"model": "model", CHAMPION: "champion", "adapter_off": "adapter off", "reference_pasted": "reference pasted"}
WHOLE = {"all": "All cases", "compared": "The cases that the champion has not seen"}
LARGEST = 512  # px of a side of such a picture: a page with a hundred of them must open on a phone


def render(template: str, **context: Any) -> str:
    """The HTML of a template; all text is escaped, an unknown name is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "signed": signed,
        "plain": plain,
        "short": short,
        "sentence": sentence,
        "part": part,
        "counted": cases_of,
        "moment": moment,
    }
    return environment.get_template(template).render(**context)


def in_order(systems: Mapping[str, Any]) -> dict[str, Any]:
    """What there is of the systems with a name, in the order of reading: JSON files are sorted by name."""
    return {name: systems[name] for name in NAMES if name in systems}


def plain(value: float) -> str:
    """A figure with three decimals and a true minus sign."""
    return f"{value:.3f}".replace("-0.000", "0.000").replace("-", "\N{MINUS SIGN}")


def signed(value: float) -> str:
    """A difference with its sign and three decimals."""
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def short(digest: str) -> str:
    """The first 12 digits of a digest."""
    return digest[:12]


def sentence(words: str) -> str:
    """The words with a capital first letter, the others as they are."""
    return words[:1].upper() + words[1:]


def part(name: str) -> str:
    """A slice of the cases as a heading; `all` and `compared` are no slices."""
    column, _, value = name.partition("=")
    if name in WHOLE:
        return WHOLE[name]
    if column == "people":
        return counted(int(value), "person")
    return f"{column}: {value}"


def cases_of(figure: Mapping[str, int]) -> str:
    """How many cases of how many people a figure rests on."""
    return f"{counted(figure['cases'], 'case')} of {counted(figure['people'], 'person')}"


def moment(seconds: float) -> str:
    """A time in seconds since 1970 as date and minute, UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def picture_uri(path: Path) -> str:
    """A picture file as a data URI, so that the page needs no other file."""
    buffer = io.BytesIO()
    with Image.open(path) as picture:
        small = picture.convert("RGB")
        small.thumbnail((LARGEST, LARGEST))
        small.save(buffer, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
