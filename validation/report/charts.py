"""Charts as inline SVG, drawn by Altair: no script, no network, colours and fonts from the page's style sheet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from markupsafe import Markup, escape

Interval = tuple[float, float, float]  # mean, low end, high end
STYLES = {  # variables of the style sheet and shapes, which tell the systems apart without colour
    "model": ("var(--model)", "circle"),
    "champion": ("var(--champion)", "diamond"),
    "adapter_off": ("var(--off)", "square"),
    "reference_pasted": ("var(--pasted)", "triangle-up"),
    "bound": ("var(--soft)", "cross"),
    "copy": ("var(--soft)", "triangle-down"),
}
BOUND, COPY = "bound", "copy"  # styles of points that are no systems but limits
COPYING, LIKENESS = "copy-paste (lower is better)", "SimGT (higher is better)"  # axes of the plane
SIDES = {True: "var(--good)", False: "var(--bad)", None: "var(--off)"}
WIDTH = 460  # px of a chart: on a phone it shrinks to three quarters, and its words stay readable
LABEL = 240  # px at most of the words before a line of an interval chart
ROW = 26  # px of a line of an interval chart
ABOVE, BELOW = 14, 16  # px of a label from its point
NAMED = 170  # characters of a label that a chart keeps


def interval(figure: Mapping[str, Any]) -> Interval:
    """Mean and ends of a figure; where it has no ends it is drawn as a point."""
    mean = figure["mean"]
    return (mean, mean, mean) if figure["low"] is None else (mean, figure["low"], figure["high"])


@dataclass(frozen=True)
class Point:
    """One system on the plane: copy-paste `x` and SimGT `y`; `style` is the name of its colour and shape."""

    label: str
    style: str
    x: Interval
    y: Interval

    @classmethod
    def of(cls, label: str, style: str, figures: Mapping[str, Any]) -> Self:
        """The point of a system's figures, by metric."""
        return cls(label, style, interval(figures["copy_paste"]), interval(figures["sim_gt"]))


@dataclass(frozen=True)
class Landmark:
    """A point for orientation, with a name where `named`."""

    label: str
    x: float
    y: float
    named: bool = True


@dataclass(frozen=True)
class Bar:
    """One line of an interval chart; `good` says whether it lies on the better side, None where neither is better."""

    label: str
    value: Interval
    good: bool | None


def plane(points: Sequence[Point], landmarks: Sequence[Landmark] = ()) -> Markup:
    """Systems by SimGT and copy-paste with the interval of each along both, landmarks in grey behind them."""
    import altair as alt

    labels = [point.label for point in points]
    rows = [
        {"label": p.label, "x": p.x[0], "x1": p.x[1], "x2": p.x[2], "y": p.y[0], "y1": p.y[1], "y2": p.y[2]}
        for p in points
    ]
    key = alt.Legend(orient="top", title=None, columns=2, labelLimit=NAMED, symbolSize=90, labelFontSize=13)
    scale = alt.Scale(domain=labels, range=[STYLES[p.style][0] for p in points])
    shapes = alt.Scale(domain=labels, range=[STYLES[p.style][1] for p in points])
    x, y = (
        alt.X("x:Q", title=COPYING, axis=alt.Axis(tickCount=6)),
        alt.Y("y:Q", title=LIKENESS, scale=alt.Scale(zero=False, nice=True)),
    )
    systems = alt.Chart({"values": rows})
    color = alt.Color("label:N", scale=scale, legend=key)
    layers: list[Any] = [
        systems.mark_rule(strokeWidth=2).encode(x=alt.X("x1:Q"), x2="x2:Q", y=y, color=color),
        systems.mark_rule(strokeWidth=2).encode(x=x, y=alt.Y("y1:Q"), y2="y2:Q", color=color),
        systems.mark_point(filled=True, size=120, opacity=1).encode(
            x=x, y=y, color=color, shape=alt.Shape("label:N", scale=shapes, legend=key)
        ),
    ]
    if landmarks:
        layers = [*_landmarks(landmarks, x, y), *layers]
    return _svg(alt.layer(*layers).properties(width=WIDTH - 60, height=300), f"{LIKENESS} against {COPYING}")


def _landmarks(landmarks: Sequence[Landmark], x: Any, y: Any) -> list[Any]:
    """Grey dots, and the names of those that have one, above and below in turn so that neighbours do not collide."""
    import altair as alt

    rows = [{"label": mark.label, "x": mark.x, "y": mark.y} for mark in landmarks]
    named = sorted((mark for mark in landmarks if mark.named), key=lambda mark: mark.x)
    dots = alt.Chart({"values": rows}).mark_point(size=36, color=STYLES[BOUND][0]).encode(x=x, y=y)
    words = [
        alt.Chart({"values": [{"label": mark.label, "x": mark.x, "y": mark.y}]})
        .mark_text(fontSize=11, dy=-ABOVE if index % 2 else BELOW, color=STYLES[BOUND][0])
        .encode(x=x, y=y, text="label:N")
        for index, mark in enumerate(named)
    ]
    return [dots, *words]


def intervals(bars: Sequence[Bar], title: str, reach: float | None = None) -> Markup:
    """Means with their intervals along one axis, zero marked, one line each; what lies beyond `reach` is cut off."""
    import altair as alt

    furthest = max([0.1, *(abs(end) for bar in bars for end in bar.value)]) * 1.05
    end = furthest if reach is None else min(reach, furthest)
    rows = [
        {"label": bar.label, "order": index, "x": bar.value[0], "low": bar.value[1], "high": bar.value[2]}
        | {"color": SIDES[bar.good]}
        for index, bar in enumerate(bars)
    ]
    lines = alt.Chart({"values": rows})
    label = alt.Axis(title=None, labelLimit=LABEL, domain=False, ticks=False, labelPadding=8, labelFontSize=13)
    y = alt.Y("label:N", sort=alt.SortField("order"), axis=label)
    scale = alt.Scale(domain=[-end, end], clamp=True, nice=False)
    axis = alt.Axis(title=title, titleAnchor="end", tickCount=4, format="+.2~f")  # longer than the plot may be wide
    color = alt.Color("color:N", scale=None)
    zero = alt.Chart({"values": [{"x": 0}]}).mark_rule(color="var(--soft)").encode(x=alt.X("x:Q"))
    whiskers = lines.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q", y=y, color=color
    )
    dots = lines.mark_point(filled=True, size=70, opacity=1).encode(x=alt.X("x:Q", scale=scale), y=y, color=color)
    # As wide as other charts whatever the words before its lines: the page stretches them all to one width.
    fit = alt.AutoSizeParams(type="fit-x", contains="padding")
    chart = alt.layer(zero, whiskers, dots).properties(width=WIDTH, height=ROW * len(bars), autosize=fit)
    return _svg(chart, title)


def rates(curves: Mapping[str, Sequence[tuple[float, float]]], at: float, x_label: str) -> Markup:
    """Shares [0, 1] over a threshold, one line each on a logarithmic scale down to 0.1 %, and the threshold in use."""
    import altair as alt

    rows = [
        {"label": n, "x": x, "share": share} for n, points in curves.items() for x, share in points if share >= 1e-3
    ]
    scale = alt.Scale(domain=list(curves), range=["var(--model)", "var(--pasted)"])
    key = alt.Legend(orient="top", title=None, columns=1, labelLimit=400, labelFontSize=13)
    share = alt.Y(
        "share:Q",
        title=None,
        axis=alt.Axis(format=".1~%", values=[1e-3, 1e-2, 0.1, 1]),
        scale=alt.Scale(type="log", domain=[1e-3, 1]),
    )
    lines = (
        alt.Chart({"values": rows})
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("x:Q", title=x_label),
            y=share,
            color=alt.Color("label:N", scale=scale, legend=key),
            strokeDash=alt.StrokeDash(
                "label:N", scale=alt.Scale(domain=list(curves), range=[[1, 0], [6, 3]]), legend=key
            ),
        )
    )
    used = alt.Chart({"values": [{"x": at, "word": f"{at:.3f}"}]})
    mark = used.mark_rule(color="var(--soft)").encode(x="x:Q")
    word = used.mark_text(dy=-6, color="var(--soft)").encode(x="x:Q", y=alt.value(0), text="word:N")
    return _svg(alt.layer(lines, mark, word).properties(width=WIDTH - 70, height=200), x_label)


def _svg(chart: Any, title: str) -> Markup:
    """The chart as an SVG element of class `chart` with a title, which shrinks with the page."""
    import vl_convert  # loaded when the first chart is drawn: it takes a second

    plain = chart.configure(background="transparent", font="system-ui, DejaVu Sans, sans-serif")
    plain = plain.configure_view(stroke=None).configure_axis(
        titleFontWeight="normal", labelFontSize=12, titleFontSize=13
    )
    drawn: str = vl_convert.vegalite_to_svg(plain.to_dict())
    head, _, body = drawn.partition(">")
    head = head.replace('class="marks"', 'class="chart" role="img"')
    return Markup(f"{head}><title>{escape(title)}</title>{body}")  # noqa: S704  (Vega has escaped every text)
