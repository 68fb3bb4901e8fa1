"""Charts as inline SVG: no script, no network, colours and fonts from the page's style sheet."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, tostring

from markupsafe import Markup

Interval = tuple[float, float, float]  # mean, low end, high end
CURVES = ("model", "reference_pasted")  # styles of the first and the second line of a chart
BOUND = "bound"  # style of a point that is no system but a limit


@dataclass(frozen=True)
class Point:
    """One system on the plane: intervals along x and y; `style` is the class of its colour and shape."""

    label: str
    style: str
    x: Interval
    y: Interval


@dataclass(frozen=True)
class Bar:
    """One line of an interval chart; `good` says whether it lies on the better side, None where neither is better."""

    label: str
    value: Interval
    good: bool | None


@dataclass(frozen=True)
class Axis:
    """A linear scale from data [low, high] to pixels [start, end]."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Pixel of a value, rounded to tenths so that files stay small."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, step: float) -> list[float]:
        """Multiples of `step` inside the axis."""
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(index * step, 6) for index in range(first, last + 1)]


def _tag(name: str, words: str = "", **attributes: object) -> Element:
    element = Element(name, {key.rstrip("_").replace("_", "-"): str(value) for key, value in attributes.items()})
    element.text = words
    return element


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> Element:
    return _tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=style)


def _text(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> Element:
    return _tag("text", words, x=x, y=y, text_anchor=anchor, class_=style)


def _svg(width: int, height: int, title: str, parts: Sequence[Element]) -> Markup:
    root = Element("svg", {"viewBox": f"0 0 {width} {height}", "role": "img", "class": "chart", "width": str(width)})
    root.extend([_tag("title", title), *parts])
    return Markup(tostring(root, encoding="unicode"))  # noqa: S704  (ElementTree has escaped every text)


def _mark(style: str, x: float, y: float) -> Element:
    """A dot whose shape tells the systems apart without colour."""
    if style == "adapter_off":
        return _tag("rect", x=x - 5, y=y - 5, width=10, height=10, class_=f"mark {style}")
    if style == "reference_pasted":
        return _tag("polygon", points=f"{x},{y - 7} {x + 7},{y + 5} {x - 7},{y + 5}", class_=f"mark {style}")
    if style == BOUND:
        return _tag("circle", cx=x, cy=y, r=4, class_="mark bound")
    return _tag("circle", cx=x, cy=y, r=6.5, class_=f"mark {style}")


def plane(points: Sequence[Point], x_label: str, y_label: str) -> Markup:
    """Systems on two axes with the interval of each along both; [-1, 1] along x, what the points need along y."""
    width, height, left, top, bottom = 620, 400, 62, 40, 350
    lowest = min([0.0, *(point.y[1] for point in points)])
    highest = max([0.2, *(point.y[2] for point in points)])
    x_axis = Axis(-1.0, 1.0, left + 8, width - 16)
    y_axis = Axis(lowest - 0.05, highest + 0.08, bottom, top)
    parts = [_line(x_axis.at(tick), top, x_axis.at(tick), bottom, "grid") for tick in x_axis.ticks(0.25)]
    parts += [_line(left, y_axis.at(tick), width - 12, y_axis.at(tick), "grid") for tick in y_axis.ticks(0.2)]
    parts += [_line(left, bottom, width - 12, bottom, "axis"), _line(left, top, left, bottom, "axis")]
    parts += [_text(x_axis.at(tick), bottom + 18, f"{tick:g}", "tick", "middle") for tick in x_axis.ticks(0.5)]
    parts += [_text(left - 8, y_axis.at(tick) + 4, f"{tick:g}", "tick", "end") for tick in y_axis.ticks(0.2)]
    parts += [
        _text((left + width) / 2, height - 10, x_label, "label", "middle"),
        _turned(16, (top + bottom) / 2, y_label),
    ]
    named = 0
    for point in points:
        x, y = x_axis.at(point.x[0]), y_axis.at(point.y[0])
        parts += [_line(x_axis.at(point.x[1]), y, x_axis.at(point.x[2]), y, f"whisker {point.style}")]
        parts += [_line(x, y_axis.at(point.y[1]), x, y_axis.at(point.y[2]), f"whisker {point.style}")]
        parts += [_mark(point.style, x, y)]
        if point.style == BOUND:
            parts += [_text(x, y - 9, point.label, "name bound", "end" if x > width / 2 else "start")]
        else:  # systems may lie upon each other, so their names stand above
            place = left + 14 + 170 * named
            parts += [_mark(point.style, place, 18), _text(place + 14, 23, point.label, f"name {point.style}")]
            named += 1
    return _svg(width, height, f"{y_label} against {x_label}", parts)


def _turned(x: float, y: float, words: str) -> Element:
    return _tag("text", words, x=x, y=y, text_anchor="middle", class_="label", transform=f"rotate(-90 {x} {y})")


def intervals(bars: Sequence[Bar], title: str) -> Markup:
    """Means with their intervals along one axis, zero marked, one line each."""
    row, left, width, top = 30, 190, 620, 12
    bottom = top + row * len(bars)
    reach = max([0.1, *(abs(end) for bar in bars for end in bar.value)]) * 1.12
    axis = Axis(-reach, reach, left, width - 14)
    step = next(step for step in (0.05, 0.1, 0.25, 0.5, 1.0) if reach / step <= 4)
    parts = [_line(axis.at(tick), top, axis.at(tick), bottom, "grid" if tick else "zero") for tick in axis.ticks(step)]
    parts += [
        _text(axis.at(tick), bottom + 18, f"{tick:+g}" if tick else "0", "tick", "middle") for tick in axis.ticks(step)
    ]
    for index, bar in enumerate(bars):
        y = top + row * (index + 0.5)
        style = {True: "better", False: "worse", None: "open"}[bar.good]
        parts += [_text(left - 12, y + 4, bar.label, "label", "end")]
        parts += [_line(axis.at(bar.value[1]), y, axis.at(bar.value[2]), y, f"whisker {style}")]
        parts += [_tag("circle", cx=axis.at(bar.value[0]), cy=y, r=5, class_=f"mark {style}")]
    return _svg(width, bottom + 30, title, parts)


def rates(curves: Mapping[str, Sequence[tuple[float, float]]], at: float, x_label: str) -> Markup:
    """Shares [0, 1] over a threshold, one line each on a logarithmic scale down to 0.1 %, and the threshold in use."""
    width, height, left, top, bottom = 620, 300, 62, 46, 250
    reach = [x for points in curves.values() for x, _ in points]
    x_axis, y_axis = Axis(min(reach), max(reach), left, width - 14), Axis(-3.0, 0.0, bottom, top)
    parts = [_line(left, y_axis.at(power), width - 14, y_axis.at(power), "grid") for power in (-3, -2, -1, 0)]
    parts += [_text(left - 8, y_axis.at(p) + 4, f"{10.0**p:.1%}", "tick", "end") for p in (-3, -2, -1, 0)]
    parts += [_text(x_axis.at(tick), bottom + 18, f"{tick:g}", "tick", "middle") for tick in x_axis.ticks(0.1)]
    parts += [_line(x_axis.at(at), top, x_axis.at(at), bottom, "zero")]
    parts += [_text(x_axis.at(at), top - 8, f"{at:.3f}", "name bound", "middle")]
    for number, (label, points) in enumerate(curves.items()):
        seen = [(x_axis.at(x), y_axis.at(math.log10(share))) for x, share in points if share >= 1e-3]
        parts += [_tag("polyline", points=" ".join(f"{x},{y}" for x, y in seen), class_=f"curve {CURVES[number]}")]
        parts += [_text(left + 14 + 250 * number, 14, label, f"name {CURVES[number]}")]
    parts += [_text((left + width) / 2, height - 8, x_label, "label", "middle")]
    return _svg(width, height, x_label, parts)
