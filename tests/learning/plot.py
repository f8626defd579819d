"""What came of a run, as a page of its own: error and the load of people, with the loop and without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from html import escape
from typing import Any

from tests.learning.loop import Day, Size
from tests.learning.subjects import TARGET

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 860, 240, 50, 12, 26
STYLE = (
    "body{font:15px system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222;background:#fff}"
    "svg{width:100%;height:auto}svg text{font-size:12px;fill:#555}.grid{stroke:#ddd}"
    ".on{stroke:#0b6;fill:none;stroke-width:2.5}.off{stroke:#c30;fill:none;stroke-width:2;stroke-dasharray:6 4}"
    ".target{stroke:#222;stroke-dasharray:2 3}.event{stroke:#06c;stroke-opacity:.4}"
    "table{border-collapse:collapse}td,th{padding:.15em .8em;text-align:left;vertical-align:top}"
)
Share = Callable[[Day], float | None]


def summary(days: Sequence[Day], size: Size) -> dict[str, Any]:
    """The run in figures."""
    cases = sum(each.cases for each in days)
    alone, off = sum(each.alone for each in days), sum(each.off_alone for each in days)
    return {
        "cases": cases,
        "target": {"first": TARGET, "challengers": size.target},
        "with the loop": {
            "error": _ratio(sum(each.wrong for each in days), alone),
            "asked of people": _ratio(sum(each.asked for each in days), cases),
            "by version": _by_version(days),
        },
        "without": {
            "error": _ratio(sum(each.off_wrong for each in days), off),
            "asked of people": _ratio(sum(each.off_asked for each in days), cases),
        },
    }


def page(name: str, days: Sequence[Day], size: Size) -> str:
    """HTML that needs nothing beside it."""
    error = _plot(days, lambda d: _ratio(d.wrong, d.alone), lambda d: _ratio(d.off_wrong, d.off_alone), size.target)
    load = _plot(days, lambda d: _ratio(d.asked, d.cases), lambda d: _ratio(d.off_asked, d.cases), None)
    rows = "".join(
        f"<tr><td>{each.day}<td>{each.version} {each.state}<td>{'<br>'.join(map(escape, each.events))}</tr>"
        for each in days
        if each.events
    )
    figures = escape(str(summary(days, size)))
    given = escape(", ".join(f"{key} {value}" for key, value in asdict(size).items()))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Learning: {escape(name)}</title>'
        f"<style>{STYLE}</style><h1>{escape(name)}: watched, suspended, learned, promoted</h1>"
        f"<p>Green: with the loop. Red, dashed: the first version as it was, which nobody watches. Blue: something "
        f"changed.<h2>Share of wrong ones among what was decided alone, by day; dotted: what challengers promise</h2>"
        f"{error}<h2>Share of cases that people were asked about</h2>{load}"
        f"<h2>In all</h2><p>{figures}<p>Run with: {given}<h2>What happened</h2>"
        f"<table><tr><th>Day<th>Decides<th>In the evening</tr>{rows}</table></html>\n"
    )


def _plot(days: Sequence[Day], on: Share, off: Share, target: float | None) -> str:
    parts = [
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{_y(step / 5)}" y2="{_y(step / 5)}"/>'
        f'<text x="{LEFT - 6}" y="{_y(step / 5) + 4}" text-anchor="end">{step / 5:.0%}</text>'
        for step in range(6)
    ]
    scale = (WIDTH - LEFT) / max(1, len(days) - 1)
    for each in days:
        x = LEFT + each.day * scale
        if each.day % 5 == 0:
            parts.append(f'<text x="{x:.0f}" y="{HEIGHT - 6}" text-anchor="middle">{each.day}</text>')
        if any("exlify" in event for event in each.events):
            parts.append(f'<line class="event" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{_y(0)}"/>')
    if target is not None:
        parts.append(f'<line class="target" x1="{LEFT}" x2="{WIDTH}" y1="{_y(target)}" y2="{_y(target)}"/>')
    for kind, share in (("off", off), ("on", on)):
        for run in _runs(days, share):
            places = " ".join(f"{LEFT + day * scale:.1f},{_y(value)}" for day, value in run)
            parts.append(f'<polyline class="{kind}" points="{places}"/>')
            if len(run) == 1:
                parts.append(f'<circle class="{kind}" cx="{LEFT + run[0][0] * scale:.1f}" cy="{_y(run[0][1])}" r="2"/>')
    return f'<svg viewBox="0 0 {WIDTH + 10} {HEIGHT}" role="img">{"".join(parts)}</svg>'


def _runs(days: Sequence[Day], share: Share) -> list[list[tuple[int, float]]]:
    """Days in a row on which there is something to tell."""
    runs: list[list[tuple[int, float]]] = [[]]
    for each in days:
        value = share(each)
        if value is None:
            runs.append([])
        else:
            runs[-1].append((each.day, value))
    return [run for run in runs if run]


def _y(share: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(1.0, share)), 1)


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _by_version(days: Sequence[Day]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for version in sorted({each.version for each in days}, key=int):
        mine = [each for each in days if each.version == version]
        alone = sum(each.alone for each in mine)
        found[version] = {"alone": alone, "error": _ratio(sum(each.wrong for each in mine), alone)}
    return found
