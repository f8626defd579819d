"""A decision as one page of HTML that needs nothing beside it: what was decided, by which right, and why, as bars."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from models.making.page import policy
from streams.processors.decide.shown import score_of

HALF = 150  # width of the longest bar
ROW = 26
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
table { border-collapse: collapse; width: 100%; } h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #d8dee4; vertical-align: middle; }
.up { fill: #b3412e; } .down { fill: #2e6fb3; } svg { display: block; }
"""


POLICY = policy(STYLE)


def decision_page(record: Mapping[str, Any], card: Mapping[str, Any] | None) -> str:
    """The page of a decision as `GET /v1/decisions` gives it.

    `card` is that of the model, for labels of fields and the profile that is compared with, where it is at hand.
    """
    model = f"{record['model']}@{record['model_version']}"
    told = [
        ("decided", record["at"]),
        ("for instance", record["instance_id"]),
        ("by", model),
        ("route", record["route"]),
        ("score", score_of(record)),
        ("acts alone below", record["thresholds"].get("approve_below")),
        ("certificate", record["certificate"]),
        ("row of the rules", record.get("rule")),
        *(("held back", each["text"]) for each in record["held"]),
        *(("passed over", each["text"]) for each in record.get("passed", ())),
    ]
    known = [(name, value) for name, value in told if value is not None]
    facts = "".join(f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in known)
    return (
        "<!doctype html>\n<html lang=en><meta charset=utf-8>"
        f"<title>{_text(record['route'])} by {_text(model)}</title><style>{STYLE}</style>\n"
        f"<h1>{_text(record['route'])} by {_text(model)}</h1>\n<table>{facts}</table>\n"
        f"{_reasons(record, card)}{_inputs(record, card)}</html>\n"
    )


def _reasons(record: Mapping[str, Any], card: Mapping[str, Any] | None) -> str:
    reasons = record["reasons"]
    if not reasons or record["reference"] is None:
        return ""
    labels, texts, profile = _labels(card), _texts(card), (card or {}).get("reference", {}).get("values", {})
    most = max(abs(each["contribution"]) for each in reasons) or 1.0
    rows = "".join(
        f"<tr><td>{_text(labels.get(each['group'], each['group']))}</td>"
        f"<td>{_told(texts, each['group'], record['input'])}</td><td>{_told(texts, each['group'], profile)}</td>"
        f"<td>{_bar(each['contribution'], most)}</td><td>{each['contribution']:+.4f}</td></tr>"
        for each in reasons
    )
    head = _head("reason", "this case", "compared with", "moves the score down or up", "by")
    return f"<h2>Why, compared with {_text(record['reference'])}</h2>\n<table>{head}{rows}</table>\n"


def _bar(amount: float, most: float) -> str:
    """To the right what raises the score, to the left what lowers it."""
    width = max(1.0, round(HALF * abs(amount) / most, 1))
    start, kind, said = (HALF, "up", "raises") if amount > 0 else (HALF - width, "down", "lowers")
    return (
        f'<svg width="{2 * HALF}" height="{ROW}" role="img" aria-label="{said} the score">'
        f'<rect class="{kind}" x="{start}" y="5" width="{width}" height="{ROW - 10}"/>'
        f'<line x1="{HALF}" x2="{HALF}" y1="0" y2="{ROW}" stroke="#57606a"/></svg>'
    )


def _inputs(record: Mapping[str, Any], card: Mapping[str, Any] | None) -> str:
    labels, texts = _labels(card), _texts(card)
    rows = "".join(
        f"<tr><td>{_text(labels.get(name, name))}</td><td>{_told(texts, name, record['input'])}</td></tr>"
        for name in record["input"]
    )
    return f"<h2>What was asked</h2>\n<table>{_head('field', 'value')}{rows}</table>\n"


def _labels(card: Mapping[str, Any] | None) -> Mapping[str, str]:
    return {each["field"]: each["label"] for each in (card or {}).get("inputs", ())}


def _texts(card: Mapping[str, Any] | None) -> Mapping[str, Mapping[str, str]]:
    return {each["field"]: each.get("texts", {}) for each in (card or {}).get("inputs", ())}


def _told(texts: Mapping[str, Mapping[str, str]], name: str, values: Mapping[str, Any]) -> str:
    """A value, and what it means where it is a code."""
    value = values.get(name)
    meant = texts.get(name, {}).get(value, "") if isinstance(value, str) else ""
    return _value(value) + (f" ({_text(meant)})" if meant else "")


def _head(*names: str) -> str:
    return "<tr>" + "".join(f"<th>{_text(name)}</th>" for name in names) + "</tr>"


def _value(value: Any) -> str:
    return "" if value is None else _text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _text(value: Any) -> str:
    return escape(str(value))
