"""The card and the certificate of a model as one page of HTML that needs nothing beside it, for people.

Plots are of the cases that the certificate was made of: whether the doubt is what it says, what each threshold would
have let go alone and how much of that was wrong, and which fields move the score. All texts are those of files that
somebody may have brought, so each is escaped, and nothing of them becomes a tag, an address or a style.
"""

from __future__ import annotations

import base64
import hashlib
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from models.making.plots import Axes, Point, bar
from models.serving.card import MAX_MODEL_BYTES, MODEL_FILE, Card, content, head, read_card
from models.serving.certificate import (
    CERTIFICATE_FILE,
    MAX_CERTIFICATE_BYTES,
    Certificate,
    CertificateError,
    band_end,
    covered,
    read_certificate,
)
from models.serving.errors import RefusedModelError
from models.serving.signature import Trusted

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --ground: #fff; --line: #d8dee4; --soft: #57606a;
  --mark: #2e6fb3; --warn: #b3412e; --good: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --ground: #0d1117; --line: #30363d; --soft: #9198a1;
  --mark: #6cb0f5; --warn: #ff8f7a; --good: #56d364; } }
@media print { :root { --ink: #000; --ground: #fff; --line: #bbb; --soft: #444; --mark: #2e6fb3; --warn: #b3412e;
  --good: #1a7f37; } tr, figure { break-inside: avoid; } h1, h2, h3 { break-after: avoid; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink);
  background: var(--ground); overflow-wrap: break-word; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } p.note { color: var(--soft); }
table { border-collapse: collapse; } th, td { text-align: left; padding: .2rem .9rem .2rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); } th { font-weight: 600; } .facts td { overflow-wrap: anywhere; }
@media screen { .scroll { overflow-x: auto; } .scroll td:first-child, .scroll td:last-child { min-width: 9rem; } }
@media print and (max-width: 36rem) { th, td { overflow-wrap: anywhere; } }
.plots { display: flex; flex-wrap: wrap; gap: 1.5rem; } figure { margin: 0; flex: 1 1 20rem; max-width: 30rem; }
.plot { width: 100%; height: auto; } text { font-size: 12px; fill: var(--soft); } .grid { stroke: var(--line); }
polyline { fill: none; stroke: var(--mark); stroke-width: 1.5; } polyline.even { stroke: var(--soft);
  stroke-dasharray: 4 4; } polyline.target { stroke: var(--warn); stroke-dasharray: 6 4; }
circle { fill: var(--mark); } circle.certified { fill: var(--good); stroke: var(--ink); }
.bar { display: block; width: min(260px, 30vw); height: 20px; } .bar rect { fill: var(--mark); }
"""


def policy(style: str) -> str:
    """What a browser has to allow a page with this style: that, and nothing else."""
    return (
        f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"
    )


POLICY = policy(STYLE)

_PROSE = ("how", "how_chosen")
_KNOWN = {"name", "version", "purpose", "limits", "model", "routing", "reference", "explaining", "inputs", "together"}
_MAX_ROWS = 200  # of a table that somebody's card brings


class _Bin(msgspec.Struct):
    doubt: float
    cases: int
    wrong: int


class _Below(msgspec.Struct):
    threshold: float
    cases: int
    wrong: int


class _Moves(msgspec.Struct):
    field: str
    moves: float


class _Pictures(msgspec.Struct):
    """What a certificate brings for people; one of an earlier version has none of it."""

    tested_rows: int = 0
    target: float = 0.0
    certified: bool = False
    cases: int = 0
    wrong: int = 0
    upper_bound: float = 0.0
    calibration: list[_Bin] = []
    curve: list[_Below] = []
    reasons: list[_Moves] = []


def model_page(folder: Path, trusted: Trusted | None = None) -> str:
    """The page of the version in a folder, as its files are; `trusted` as in `read_certificate`.

    Raises RefusedModelError where its card cannot be read.
    """
    card, written = read_card(folder)
    described = tomllib.loads(written.decode())
    title = f"{card.name} {card.version}"
    parts = [
        f"<h1>{_text(title)}</h1><p>{_text(described.get('purpose', ''))}</p>",
        _note(described.get("limits")),
        _section("What it may do", _facts(_rights(card, *_proof(folder, card, written, trusted)))),
        _drawn(_pictures(folder), card),
        _section("What it reads", _inputs(card)),
        *(_section(_words(name).capitalize(), _any(name, each)) for name, each in described.items()
          if name not in _KNOWN),
    ]  # fmt: skip
    start = '<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    return f"{start}<title>{_text(title)}</title><style>{STYLE}</style>\n<main>{''.join(parts)}</main></html>\n"


def _proof(folder: Path, card: Card, written: bytes, trusted: Trusted | None) -> tuple[str, Certificate | None]:
    """Whether it may act alone by its files, and the certificate that says so."""
    try:
        covers = covered(content(folder / MODEL_FILE, MAX_MODEL_BYTES), written)
        certificate, _ = read_certificate(folder, card, covers, trusted)
    except (RefusedModelError, CertificateError) as error:
        return f"no: {error}. Everything goes to people.", None
    return f"where the doubt is below {band_end(card, certificate):g}; everything else goes to people", certificate


def _rights(card: Card, alone: str, certificate: Certificate | None) -> list[tuple[str, Any]]:
    proved = [
        ("certificate", certificate.id),
        ("wrong among those that go alone", f"{certificate.wrong} of {certificate.cases} tested ones"),
        ("at most, with certainty of " + f"{1 - certificate.delta:.1%}", f"{certificate.upper_bound:.1%}"),
        ("allowed", f"{certificate.target:.1%}; approving breaks even at {card.routing.break_even:.1%}"),
        ("share of the cases that goes alone", f"{certificate.coverage:.1%}"),
    ] if certificate else []  # fmt: skip
    model = card.model
    return [
        ("alone", alone),
        *proved,
        ("kind", model.kind or "not told"),
        ("routes", ", ".join((*head(card).routes, "review"))),
        ("reasons compare with", card.reference.name),
        ("SHA-256 of the model", model.sha256),
    ]


def _pictures(folder: Path) -> _Pictures:
    try:
        return msgspec.toml.decode(content(folder / CERTIFICATE_FILE, MAX_CERTIFICATE_BYTES), type=_Pictures)
    except (RefusedModelError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Pictures()


def _drawn(found: _Pictures, card: Card) -> str:
    probable = card.model.task != "regression"  # whose doubt is no probability
    figures = (_calibration(found) if probable else "") + _coverage(found)
    tested = _section("How it was tested", f'<div class="plots">{figures}</div>' if figures else "")
    return tested + _reasons(found, {each.field: each.label for each in card.inputs})


def _calibration(found: _Pictures) -> str:
    bins = [each for each in found.calibration if each.cases > 0 and 0 <= each.wrong <= each.cases]
    points = [
        Point(each.doubt, each.wrong / each.cases, f"{each.wrong} of {each.cases} at a doubt of {each.doubt:.1%}")
        for each in bins
        if 0 <= each.doubt <= 1
    ]
    if not points:
        return ""
    axes = Axes("doubt, as the model says", "wrong", max(p.x for p in points), max(p.y for p in points))
    end = min(axes.end)
    axes.line("even", [(0, 0), (end, end)])
    axes.points("", points)
    return _figure(axes, "Is the doubt what it says? Each point a tenth of the tested cases; on the dashed line it is.")


def _coverage(found: _Pictures) -> str:
    if found.tested_rows <= 0:
        return ""
    curve = [each for each in found.curve if 0 < each.cases <= found.tested_rows and 0 <= each.wrong <= each.cases]
    points = [
        Point(
            each.cases / found.tested_rows,
            each.wrong / each.cases,
            f"below {each.threshold:g}: {each.cases / found.tested_rows:.1%} alone, {each.wrong} wrong",
        )
        for each in curve
    ]
    if not points:
        return ""
    target = found.target if 0 < found.target < 1 else 0.0
    axes = Axes(
        "share that would go alone", "wrong among them", max(p.x for p in points), max(target, *(p.y for p in points))
    )
    axes.line("target", [(0, target), (axes.end[0], target)])
    axes.line("", [(each.x, each.y) for each in points])
    axes.points("", points, 3)
    told = "What each threshold would let go alone, and how much of it was wrong. Dashed: the allowed share."
    if found.certified and 0 < found.cases <= found.tested_rows and 0 <= found.wrong <= found.cases:
        x, y = found.cases / found.tested_rows, found.wrong / found.cases
        axes.points("certified", [Point(x, y, f"certified: {x:.1%} alone, {y:.1%} wrong")], 6)
        told += f" Green: what is certified, {x:.1%} alone with {y:.1%} wrong, at most {found.upper_bound:.1%}."
    else:
        told += " Nothing is certified."
    return _figure(axes, told)


def _figure(axes: Axes, told: str) -> str:
    return f"<figure>{axes.drawn()}<figcaption>{_text(told)}</figcaption></figure>"


def _reasons(found: _Pictures, labels: Mapping[str, str]) -> str:
    told = [each for each in found.reasons if each.field in labels and 0 <= each.moves < float("inf")]
    largest = max((each.moves for each in told), default=0.0)
    if not largest:
        return ""
    rows = "".join(
        f"<tr><td>{_text(labels[each.field])}</td><td>{bar(each.moves, largest)}</td><td>{each.moves:.4f}</td></tr>"
        for each in told
    )
    note = "How far each field moves the score from that of the reference profile, in the mean over tested cases."
    return _section("What counts", _note(note) + f"<table>{rows}</table>")


def _inputs(card: Card) -> str:
    rows = (
        (each.label, each.field, type(each).__name__.lower(), each.missing, each.unknown, _values(each))
        for each in card.inputs
    )
    return _table("What it reads", ("label", "field", "kind", "where missing", "where unknown", "values"), rows)


def _values(declared: Any) -> str:
    if hasattr(declared, "codes"):
        return ", ".join(
            f"{code} ({declared.texts[code]})" if code in declared.texts else code for code in declared.codes
        )
    return (
        f"{len(declared.words)} words"
        if hasattr(declared, "words")
        else f"{declared.minimum:.15g} to {declared.maximum:.15g}"
    )


def _any(called: str, value: Any) -> str:
    """A part of a card that is for people, whatever is in it."""
    if isinstance(value, Mapping):
        plain = [(name, each) for name, each in value.items() if not isinstance(each, Mapping | list)]
        more = [(name, each) for name, each in value.items() if isinstance(each, Mapping | list)]
        prose = "".join(_note(each) for name, each in plain if name in _PROSE)
        facts = _facts([(_words(name), each) for name, each in plain if name not in _PROSE])
        return prose + facts + "".join(f"<h3>{_text(_words(name))}</h3>{_any(name, each)}" for name, each in more)
    if isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
        names = list(dict.fromkeys(name for each in value[:_MAX_ROWS] for name in each))
        rows = ([each.get(name, "") for name in names] for each in value[:_MAX_ROWS])
        return _table(_words(called), [_words(name) for name in names], rows)
    return f"<p>{_text(', '.join(map(str, value)) if isinstance(value, list) else value)}</p>"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _facts(facts: Sequence[tuple[str, Any]]) -> str:
    rows = "".join(f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in facts)
    return f'<table class="facts">{rows}</table>' if rows else ""


def _table(called: str, names: Sequence[str], rows: Any) -> str:
    """A list, which scrolls sideways where a window is too narrow for its words."""
    top = "".join(f"<th>{_text(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    region = f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(called)}, scrolls sideways">'
    return f"{region}<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def _section(name: str, inside: str) -> str:
    return f"<section><h2>{_text(name)}</h2>{inside}</section>\n" if inside else ""


def _note(text: Any) -> str:
    return f'<p class="note">{_text(text)}</p>' if text else ""


def _text(value: Any) -> str:
    """Escaped, and without what a reader cannot see (control characters, changes of direction)."""
    shown = "".join(" " if unicodedata.category(each) in ("Cc", "Cf", "Cs") else each for each in str(value))
    return escape(shown)
