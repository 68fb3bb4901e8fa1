"""Charts are well-formed SVG without a script, escape their words, and put values where they belong."""

from xml.etree.ElementTree import Element, fromstring

import pytest

from validation.report.charts import BOUND, SIDES, STYLES, Bar, Landmark, Point, intervals, plane, rates

NAME = "<script>&\"'"
STILL = (0.0, 0.0, 0.0)


def words(chart: Element) -> list[str]:
    return ["".join(element.itertext()) for element in chart.iter() if element.tag.endswith("text")]


def symbols(chart: Element, color: str) -> list[tuple[float, float]]:
    """Where the symbols of a colour stand, in px from the left and the top, without those of a legend."""
    places = []
    for group in chart.iter():
        if group.get("class", "").startswith("mark-symbol role-mark"):
            for mark in group.iter():
                if mark.get("fill") == color:
                    x, y = mark.get("transform", "").removeprefix("translate(").removesuffix(")").split(",")
                    places.append((float(x), float(y)))
    return places


def test_any_words_give_well_formed_svg_without_a_script() -> None:
    chart = plane([Point(NAME, "model", STILL, STILL), Point("limit", BOUND, STILL, STILL)])
    assert "<script>" not in chart
    assert NAME in words(fromstring(chart))
    assert NAME in words(fromstring(intervals([Bar(NAME, STILL, True), Bar("b", STILL, None)], NAME)))


def test_higher_is_higher_and_right_is_more() -> None:
    points = [
        Point("a", "model", (0.5, 0.4, 0.6), (0.1, 0, 0.2)),
        Point("b", "champion", (-0.5, -0.6, -0.4), (0.4, 0.3, 0.5)),
    ]
    chart = fromstring(plane(points, [Landmark("orientation", 0.1, 0.2), Landmark("nameless", 0, 0, False)]))
    ((ours, ours_y),), ((theirs, theirs_y),) = (symbols(chart, f"var(--{name})") for name in ("model", "champion"))
    assert ours > theirs
    assert ours_y > theirs_y, "pixels are counted from the top"
    assert "orientation" in words(chart)
    assert "nameless" not in words(chart)


def test_colours_follow_the_better_side_in_the_order_given() -> None:
    bars = [Bar("z", (0.1, 0.05, 0.2), True), Bar("a", (-0.1, -0.2, 0.0), False), Bar("c", (9.0, 8.0, 10.0), None)]
    chart = fromstring(intervals(bars, "t", reach=0.25))
    places = [symbols(chart, color)[0] for color in SIDES.values()]
    assert [y for _, y in places] == sorted(y for _, y in places)
    assert places[2][0] > places[0][0] > places[1][0]
    assert places[2][0] == pytest.approx(places[2][0], abs=1), "what lies beyond the axis stands at its end"


def test_the_page_stretches_charts_alike_whatever_their_words() -> None:
    charts = [plane([Point("a", "model", STILL, STILL)])]
    charts += [intervals([Bar(label, STILL, None)], "t") for label in ("short", "a label of very many words")]
    widths = [float(fromstring(chart).get("width", "0")) for chart in charts]
    assert max(widths) / min(widths) < 1.1


def test_a_title_longer_than_the_plot_ends_with_it() -> None:
    title = "figure minus bound (right of 0 is wanted)"
    chart = fromstring(intervals([Bar("words before a line", STILL, None)], title))
    anchors = {mark.get("text-anchor") for mark in chart.iter() if mark.text == title} - {None}
    assert anchors == {"end"}, "in the middle, its ends would be cut off"


def test_every_style_has_a_look_of_its_own() -> None:
    assert len(set(STYLES.values())) == len(STYLES)
    assert len({shape for _, shape in STYLES.values()}) == len(STYLES)


def test_shares_have_a_line_each_and_the_threshold_stands_above() -> None:
    lines = {NAME: [(0.0, 1.0), (0.4, 0.1), (0.8, 0.01), (0.9, 0.0)], "missed": [(0.0, 0.001), (0.9, 0.5)]}
    chart = fromstring(rates(lines, 0.4, "threshold"))
    drawn = [
        mark.get("d", "")
        for group in chart.iter()
        if group.get("class", "").startswith("mark-line role-mark")
        for mark in group.iter()
        if mark.get("d")
    ]
    assert len(drawn) == 2
    assert drawn[0].count("L") == 2, "a share of nothing has no place on a logarithmic scale"
    assert {"0.400", NAME, "missed", "threshold"} <= set(words(chart))
