"""A decision for people: its score against the limit, and what spoke for and against it. Pure but for the model cards,
which give codes and fields their words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from models.serving.card import Card, read_card
from models.serving.errors import RefusedModelError
from models.serving.shelf import folder_of, is_word
from schemas.payload import Payload
from streams.console import told, words
from streams.console.account import as_object

LIMIT = "approve_below"
SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """One reason: a group of inputs, and what it added to the score."""

    label: str
    value: str  # what the model was told
    usual: str  # what it is compared with, where that is another value
    amount: float
    x: float  # of the bar, percent
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a model decided, and why."""

    id: str
    pointer: str
    model: str
    version: str
    route: str
    score: float
    limit: float | None
    why: str
    asks_people: bool
    reasons: tuple[Because, ...]
    more: int  # reasons that are not shown
    reference: str
    certificate: str
    at_ms: int
    input: Payload
    told: tuple[told.Fact, ...]  # the input, in words


def decision(record: Mapping[str, Any], where: Sequence[Path]) -> Decision:
    """The decision of a record; `where` are the folders of models, for the words of their cards."""
    score, limit = record["score"], record["thresholds"].get(LIMIT)
    card = card_of(where, record["model"], record["model_version"])
    inputs, profile = inputs_of(card), card.reference.values if card else {}
    reasons = sorted(record["reasons"], key=lambda each: -abs(each["contribution"]))
    strongest = max((abs(each["contribution"]) for each in reasons), default=0.0)
    given = as_object(record["input"]) or {}
    asks = record["route"] == "review"
    return Decision(
        id=record["decision_id"],
        pointer=record["pointer"],
        model=record["model"],
        version=record["model_version"],
        route=record["route"],
        score=score,
        limit=limit,
        why=_why(record, limit),
        asks_people=asks,
        reasons=tuple(_because(each, inputs, (given, profile), strongest) for each in reasons[:SHOWN]),
        more=max(0, len(reasons) - SHOWN),
        reference=words.titled((record["reference"] or "").partition("/")[0]).lower(),
        certificate=record["certificate"] or "",
        at_ms=record["at_ms"],
        input=record["input"],
        told=told.facts(given, inputs),
    )


def _why(record: Mapping[str, Any], limit: float | None) -> str:
    """Why the model could decide alone, or why people are asked."""
    score = record["score"]
    if held := [each["text"] for each in record["held"] if each.get("text")]:
        more = f" (and {words.counted(len(held) - 1, 'more reason')})" if len(held) > 1 else ""
        return f"The model could not decide alone: {held[0].rstrip('.')}{more}."
    if limit is None:
        return f"The model chose {words.titled(record['route']).lower()} with a score of {score:.3f}."
    below = "is below" if score < limit else "is not below"
    return f"The score {score:.3f} {below} {limit:.3f}, the limit up to which the model may decide alone."


def _because(
    reason: Mapping[str, Any], inputs: told.Inputs, cases: tuple[Mapping[str, Any], Mapping[str, Any]], strongest: float
) -> Because:
    """`cases`: this one, and the one that it is compared with."""
    group, amount = reason["group"], reason["contribution"]
    value, usual = (told.text(group, case[group], inputs) if group in case else "" for case in cases)
    width = 50 * abs(amount) / strongest if strongest else 0.0
    known = inputs.get(group)
    return Because(
        label=(known.label if known else "") or words.titled(group).lower(),
        value=value,
        usual=usual if usual != value else "",
        amount=amount,
        x=round(50.0 if amount >= 0 else 50.0 - width, 2),
        width=round(max(width, 0.6), 2),
    )


def inputs_of(card: Card | None) -> told.Inputs:
    """What a model reads, by field; nothing where its card is not there."""
    return {each.field: each for each in card.inputs} if card else {}


def card_of(where: Sequence[Path], model: str, version: str) -> Card | None:
    """The card of a version; None where its files are not on this machine, or the name is none of a folder."""
    if not (is_word(model) and is_word(version)):
        return None
    try:
        return _read(folder_of(where, model, version))
    except (RefusedModelError, OSError):
        return None


@lru_cache(maxsize=64)
def _read(folder: Path) -> Card:
    """A version's files do not change; one that could not be read is looked for again."""
    return read_card(folder)[0]
