"""Small charts as SVG: columns over time, and the spread of scores. Pure; widths are percent, so that they fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from streams.console.diagram.shapes import cut
from streams.console.words import number
from streams.processors.orchestrate.ways import WORDS, Way

HEIGHT = 84
ROW, BAR, MOST_NAME = 36, 9, 40  # of bars: pixels, pixels, characters that fit on a narrow page
COLOURS: Mapping[str, str] = {
    Way.WORKING: "s-completed", Way.WORKER: "s-cancelled", Way.SYSTEMS: "s-running",
    Way.PEOPLE: "s-waiting", Way.REPAIR: "s-faulted", Way.RETRIES: "s-incident", Way.TIMER: "s-cancelled",
    Way.EVENTS: "s-cancelled", Way.WORKFLOWS: "s-running",
}  # fmt: skip
STACK = ("completed", "cancelled", "running", "waiting", "suspended", "undoing", "incident", "faulted")


def columns(slots: Sequence[Mapping[str, int]], names: Sequence[str], label: str) -> Markup:
    """Stacked columns, one for each slot; `names` are what each is called."""
    most = max((sum(slot.values()) for slot in slots), default=0) or 1
    width = 100 / max(1, len(slots))
    parts = [Markup('<svg class="chart" role="img" aria-label="{}" height="{}">').format(label, HEIGHT + 18)]
    for place, (slot, name) in enumerate(zip(slots, names, strict=True)):
        y = float(HEIGHT)
        said = ", ".join(f"{count} {status}" for status in STACK if (count := slot.get(status, 0)))
        parts.append(Markup(f"<g><title>{escape(name)}: {said or 'none'}</title>"))
        parts.append(_rect("ground", place * width, 0, width, HEIGHT))
        for status in STACK:
            if count := slot.get(status, 0):
                height = max(2.0, (HEIGHT - 6) * count / most)
                y -= height
                parts.append(_rect(f"s-{status}", place * width + width * 0.12, y, width * 0.76, height))
        parts.append(Markup("</g>"))
    for place in {0, len(slots) // 2, len(slots) - 1} & set(range(len(slots))):
        anchor = "start" if place == 0 else "end" if place == len(slots) - 1 else "middle"
        at = 0 if place == 0 else 100 if place == len(slots) - 1 else (place + 0.5) * width
        parts.append(_under(at, anchor, names[place]))
    parts.append(Markup('<text x="0" y="10">{}</text></svg>').format(f"at most {number(most)}"))
    return Markup("").join(parts)


def spread(scores: Sequence[float], limit: float | None, bins: int = 25) -> Markup:
    """How often each score came up, from 0 to 1, with the limit up to which the model may decide alone."""
    counts = [0] * bins
    for score in scores:
        if 0 <= score <= 1:
            counts[min(bins - 1, int(score * bins))] += 1
    most, width = max(counts) or 1, 100 / bins
    label = f"Spread of {len(scores)} scores"
    parts = [Markup('<svg class="chart" role="img" aria-label="{}" height="{}">').format(label, HEIGHT + 18)]
    for place, count in enumerate(counts):
        height = (HEIGHT - 14) * count / most if count else 0
        alone = limit is not None and (place + 1) / bins <= limit
        said = Markup("<title>{}</title>").format(f"{place / bins:.2f} to {(place + 1) / bins:.2f}: {count}")
        rect = _rect(
            "s-completed" if alone else "s-waiting", place * width + width * 0.1, HEIGHT - height, width * 0.8, height
        )
        parts.append(Markup("<g>{}{}</g>").format(said, rect))
    parts.append(Markup('<line class="base" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(HEIGHT))
    if limit is not None:
        at = f"{limit * 100:.2f}%"
        parts.append(Markup('<line class="limit" x1="{0}" x2="{0}" y1="12" y2="{1}"/>').format(at, HEIGHT))
        parts.append(Markup('<text x="{}" y="10" dx="4">{}</text>').format(at, f"limit {limit:.3f}"))
    for at, anchor in (("0", "start"), ("0.5", "middle"), ("1", "end")):
        parts.append(_under(float(at) * 100, anchor, at))
    return Markup("").join([*parts, Markup("</svg>")])


def shares(rows: Sequence[tuple[str, float]], label: str) -> Markup:
    """A bar for each share, with its name above it."""
    return _bars([(name, [("s-completed", "", share)]) for name, share in rows], 1.0, label)


def ways(rows: Sequence[tuple[str, Mapping[str, float]]], whole: float, label: str) -> Markup:
    """A bar for each row, put together from what its time goes to; all of `whole` is as wide as there is room."""
    parts = [(name, [(COLOURS[way], WORDS[way], by[way]) for way in COLOURS if by.get(way)]) for name, by in rows]
    return _bars(parts, whole, label)


def _bars(rows: Sequence[tuple[str, Sequence[tuple[str, str, float]]]], whole: float, label: str) -> Markup:
    """Bars of parts: each with its colour, its name if it has one, and its amount."""
    height = ROW * max(1, len(rows))
    drawn = [Markup('<svg class="chart" role="img" aria-label="{}" height="{}">').format(label, height)]
    for place, (name, parts) in enumerate(rows):
        top, x = place * ROW, 0.0
        said = ", ".join(f"{word} {amount / whole:.1%}".strip() for _, word, amount in parts)
        drawn.append(Markup("<g><title>{}: {}</title>").format(name, said or "nothing"))
        drawn.append(Markup('<text x="0" y="{}">{}</text>').format(top + 12, cut(name, MOST_NAME)))
        for colour, _, amount in parts:
            drawn.append(_rect(colour, x, top + 17, max(100 * amount / whole, 0.2), BAR))
            x += 100 * amount / whole
        share = f"{sum(amount for _, _, amount in parts) / whole:.1%}"
        drawn.append(Markup('<text x="100%" y="{}" text-anchor="end">{}</text></g>').format(top + 12, share))
    return Markup("").join([*drawn, Markup("</svg>")])


def _under(x: float, anchor: str, text: str) -> Markup:
    """A text below the columns."""
    return Markup(f'<text x="{round(x, 2)}%" y="{HEIGHT + 14}" text-anchor="{anchor}">{escape(text)}</text>')


def _rect(name: str, x: float, y: float, width: float, height: float) -> Markup:
    """Written at once: a page has hundreds of them."""
    place = f'x="{round(x, 2)}%" y="{round(y, 1)}" width="{round(width, 2)}%" height="{round(height, 1)}"'
    return Markup(f'<rect class="{escape(name)}" {place}/>')
