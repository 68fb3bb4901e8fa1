"""Charts are well-formed SVG, escape their words, and put values where they belong."""

from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.report.charts import BOUND, Axis, Bar, Point, intervals, plane, rates

NAME = "<script>&\"'"
FIGURES = st.tuples(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1)).map(lambda f: (f[0], f[0] - f[1], f[0] + f[2]))


@given(FIGURES, FIGURES)
def test_any_figure_gives_well_formed_svg(x: tuple[float, float, float], y: tuple[float, float, float]) -> None:
    chart = fromstring(plane([Point(NAME, "model", x, y), Point("limit", BOUND, y, x)], "x", "y"))
    assert NAME in [element.text for element in chart.iter("text")]
    bars = fromstring(intervals([Bar(NAME, x, True), Bar("b", y, None)], "title"))
    assert len(list(bars.iter("circle"))) == 2


def test_words_are_escaped() -> None:
    assert "<script>" not in plane([Point(NAME, "model", (0, 0, 0), (0, 0, 0))], NAME, "y")


def test_higher_is_higher_and_right_is_more() -> None:
    points = [
        Point("a", "model", (0.5, 0.4, 0.6), (0.1, 0, 0.2)),
        Point("b", "model", (-0.5, -0.6, -0.4), (0.4, 0.3, 0.5)),
    ]
    chart = fromstring(plane(points, "x", "y"))
    marks = list(chart.iter("circle"))
    drawn = [(float(mark.attrib["cx"]), float(mark.attrib["cy"])) for mark in marks][::2]
    assert drawn[0][0] > drawn[1][0]
    assert drawn[0][1] > drawn[1][1]


def test_colours_follow_the_better_side() -> None:
    chart = intervals(
        [Bar("a", (0.1, 0.05, 0.2), True), Bar("b", (0.1, 0.05, 0.2), False), Bar("c", (0, 0, 0), None)], "t"
    )
    styles = [element.attrib["class"] for element in fromstring(chart).iter("circle")]
    assert styles == ["mark better", "mark worse", "mark open"]


def test_ticks_are_the_multiples_inside() -> None:
    assert Axis(-0.25, 0.65, 0, 100).ticks(0.2) == pytest.approx([-0.2, 0, 0.2, 0.4, 0.6])
    assert Axis(0.2, 0.6, 0, 100).ticks(0.2) == pytest.approx([0.2, 0.4, 0.6])
    assert Axis(0, 1, 10, 110).at(0.5) == 60


def test_shares_fall_downwards_and_the_threshold_stands_where_it_is() -> None:
    lines = {NAME: [(0.0, 1.0), (0.4, 0.1), (0.8, 0.01), (0.9, 0.0)], "missed": [(0.0, 0.001), (0.9, 0.5)]}
    chart = fromstring(rates(lines, 0.4, "threshold"))
    named, missed = (
        [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
        for line in chart.iter("polyline")
    )
    assert len(named) == 3, "a share of nothing has no place on a logarithmic scale"
    assert named[0][1] < named[1][1] < named[2][1]
    assert missed[0][1] > missed[1][1]
    upright = [line for line in chart.iter("line") if line.attrib["class"] == "zero"]
    assert float(upright[0].attrib["x1"]) == named[1][0]
    assert NAME in [element.text for element in chart.iter("text")]
