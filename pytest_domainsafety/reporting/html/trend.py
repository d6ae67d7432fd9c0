"""Compliance over runs: a small panel a domain, all on one scale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from pytest_domainsafety.reporting.html.markup import Figure, Section, Table, tag
from pytest_domainsafety.reporting.html.rowchart import point_shape
from pytest_domainsafety.reporting.numbers import limits, number, percent, spoken
from pytest_domainsafety.reporting.wording import SHAPES, SIGNS
from pytest_domainsafety.types.trend import AnchorPoint, Point

_WIDTH, _HEIGHT = 290, 160
_LEFT, _RIGHT, _TOP, _BOTTOM = 38, 278, 34, 132


def trend_section(
    points: Sequence[Point], anchors: Sequence[AnchorPoint] = ()
) -> Section | None:
    """Return the panels, where there are two runs at least.

    Args:
        points: Oldest run first.
        anchors: What judges said of fixed replies, likewise.
    """
    if len({point.run for point in points}) < 2:
        return None
    panels = Markup("").join(
        _panels(release, release_points)
        for release, release_points in _by_release(points).items()
    )
    figure = Figure(
        "Compliance over runs, by domain",
        _table(points),
        panels,
        None,
        (
            ("passed", "● pass"),
            ("failed", "▲ did not pass"),
            ("unmeasured", "◆ no gate"),
            ("limit", "threshold at that time"),
        ),
        "Each step to the right is the next run of a release, whatever time lay "
        "between; upright bars are the gate's limits.",
    )
    count = len({point.run for point in points})
    lead = f"{number(count)} runs, oldest first."
    figures = (figure, *_anchors(anchors))
    told = dict.fromkeys(point.moved for point in anchors if point.moved)
    facts = tuple(f"{text[:1].upper()}{text[1:]}." for text in told)
    return Section("trend", "Over time", lead, figures, facts)


def _anchors(anchors: Sequence[AnchorPoint]) -> Iterable[Figure]:
    """Yield how near the judges were to what is written, where two runs tell."""
    if len({point.run for point in anchors}) < 2:
        return
    dots: dict[str, list[Point]] = {}
    for one in anchors:
        dots.setdefault(one.judge, []).append(
            Point(
                *(one.run, one.started, one.judge, one.digest, one.judge, one.replies),
                *(one.near, None, None, None, not one.moved),
            )
        )
    panels = (
        _panel(
            judge,
            points,
            f"Scores of fixed replies by {judge}. The table holds the numbers.",
        )
        for judge, points in dots.items()
    )
    rows = tuple(
        (
            one.started[:16].replace("T", " ") or "–",
            one.judge,
            one.digest.removeprefix("sha256:")[:12] or "–",
            number(one.replies),
            percent(one.near),
            "moved" if one.moved else "as before",
        )
        for one in anchors
    )
    columns = ("Run", "Judge", "Digest", "#Fixed replies", "#Within one level", "Since")
    yield Figure(
        "The judge's fixed replies over runs",
        Table("Scores of fixed replies by run and judge", columns, rows),
        tag("div", *panels, class_="panels"),
        None,
        (("passed", "● as in the run before"), ("failed", "▲ moved")),
        "Share of scores within one level of what is written. The replies never "
        "change, so what moves is the judge.",
    )


def _by_release(points: Sequence[Point]) -> dict[str, list[Point]]:
    """Return the points by release; all under no name, where a run has only one."""
    releases: dict[str, set[str]] = {}
    for point in points:
        releases.setdefault(point.run, set()).add(point.release)
    alone = all(len(names) == 1 for names in releases.values())
    by_release: dict[str, list[Point]] = {}
    for point in points:
        by_release.setdefault("" if alone else point.release, []).append(point)
    return by_release


def _panels(release: str, points: Sequence[Point]) -> Markup:
    domains = sorted({point.domain for point in points})
    heading = tag("h3", release) if release else Markup("")
    panels = (
        _panel(domain, [point for point in points if point.domain == domain])
        for domain in domains
    )
    return heading + tag("div", *panels, class_="panels")


def _how(point: Point) -> str:
    if point.passed is None:
        return "unmeasured"
    return "passed" if point.passed else "failed"


def _panel(domain: str, points: Sequence[Point], label: str | None = None) -> Markup:
    step = (_RIGHT - _LEFT - 20) / max(1, len(points) - 1)
    places = [_LEFT + 10 + step * place for place in range(len(points))]
    label = label or (
        f"Compliance over runs in {spoken(domain)}. The table holds the numbers."
    )
    return tag(
        "svg",
        tag("text", spoken(domain), x=0, y=16, class_="group"),
        *_frame(points),
        _line(points, places),
        *(
            _dot(point, x, step)
            for point, x in zip(points, places, strict=True)
            if point.rate is not None
        ),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        width=_WIDTH,
        height=_HEIGHT,
        role="img",
        aria_label=label,
        class_="chart panel",
    )


def _y(share: float) -> float:
    return _BOTTOM - share * (_BOTTOM - _TOP)


def _frame(points: Sequence[Point]) -> Iterable[Markup]:
    for share in (0.0, 0.5, 1.0):
        y = _y(share)
        yield tag("line", x1=_LEFT, x2=_RIGHT, y1=y, y2=y, class_="grid")
        yield tag(
            "text",
            f"{share:.0%}",
            x=_LEFT - 6,
            y=y + 4,
            class_="tick",
            text_anchor="end",
        )
    ends = ((points[0], _LEFT, "start"), (points[-1], _RIGHT, "end"))
    for point, x, anchor in ends:
        day = point.started[:10]
        y = _BOTTOM + 20
        yield tag("text", day, x=x, y=y, class_="tick", text_anchor=anchor)


def _line(points: Sequence[Point], places: Sequence[float]) -> Markup:
    corners = (
        f"{x:.1f},{_y(point.rate):.1f}"
        for point, x in zip(points, places, strict=True)
        if point.rate is not None
    )
    return tag("polyline", points=" ".join(corners), class_="line")


def _dot(point: Point, x: float, step: float) -> Markup:
    how = _how(point)
    rate = point.rate or 0.0
    parts = [tag("title", _tip(point))]
    if point.threshold is not None:
        y, half = _y(point.threshold), min(12.0, step / 2)
        line = tag("line", x1=x - half, x2=x + half, y1=y, y2=y)
        parts.append(tag("g", line, class_="limit"))
    if point.low is not None and point.high is not None:
        line = tag("line", x1=x, x2=x, y1=_y(point.low), y2=_y(point.high))
        parts.append(tag("g", line, class_=f"span {how}"))
    shape = point_shape(SHAPES[how], x, _y(rate))
    parts.append(tag("g", shape, class_=f"point {how}"))
    return tag("g", *parts)


def _tip(point: Point) -> str:
    return (
        f"{point.release}, {point.started[:16].replace('T', ' ')}: "
        f"{percent(point.rate)}, limits {limits((point.low, point.high))}"
    )


def _table(points: Sequence[Point]) -> Table:
    words = {"passed": "pass", "failed": "did not pass", "unmeasured": "no gate"}
    rows = tuple(
        (
            point.started[:16].replace("T", " ") or "–",
            spoken(point.domain),
            point.release,
            point.digest.removeprefix("sha256:")[:12] or "–",
            number(point.pairs),
            percent(point.rate),
            limits((point.low, point.high)),
            percent(point.threshold),
            f"{SIGNS[_how(point)]} {words[_how(point)]}",
        )
        for point in points
    )
    columns = (
        "Run",
        "Domain",
        "Release",
        "Digest",
        "#Pairs",
        "#Rate",
        "#Limits",
        "#Threshold",
        "Verdict",
    )
    return Table("Compliance by run and domain", columns, rows)
