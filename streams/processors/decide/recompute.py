"""A decision computed anew from its record: by its tables, by the model, the files and the band that it names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from models.rules.table import TableError, read_table
from models.serving.card import REVIEW
from models.serving.errors import FeatureError, ModelError
from models.serving.held import Held, Why
from models.serving.registry import Registry
from streams.processors.decide.asked import OTHERWISE, RULES, TABLE
from streams.processors.decide.chain import NO_ROW
from streams.processors.decide.decision import verdict_fields
from streams.processors.decide.shown import NO_SCORE

BY_RIGHT = (Why.NO_CERTIFICATE, Why.SUSPENDED, Why.CHANGED)  # of the time and not of the case: taken from the record


class Difference(NamedTuple):
    """A field that does not come out as it stands on record."""

    field: str
    recorded: Any
    now: Any


class CannotRecomputeError(Exception):
    """The model that decided is not at hand; the text says what is missing."""


def recomputed(record: Mapping[str, Any], registry: Registry) -> list[Difference]:
    """What comes out otherwise than it stands on record, a Decision as people read it; empty where all is equal.

    Raises CannotRecomputeError.
    """
    now: dict[str, Any] = {"input_hash": hashlib.sha256(orjson.dumps(record["input"])).hexdigest()}
    try:
        now |= _by_rules(record)
        if "rule" not in now:
            now |= {"rule": None, **_by_model(record, registry)}
    except TableError as error:
        raise CannotRecomputeError(f"the table that is on record cannot be read: {error}") from None
    return [Difference(name, record.get(name), value) for name, value in now.items() if record.get(name) != value]


def _by_rules(record: Mapping[str, Any]) -> dict[str, Any]:
    """What the tables on record say: nothing where they leave the case to a model."""
    tables = orjson.loads(record.get("tables") or "{}")
    names = [name for name in (RULES, TABLE) if name in tables]
    if OTHERWISE in tables and (record["rule"] is not None or record["model"] == RULES) and record["passed"]:
        names.append(OTHERWISE)  # the models before it were passed over by right: of the time, not of the case
    for name in names:
        table = read_table(tables[name])
        ruled = table.judge(record["input"])
        if ruled.row is not None or ruled.held or name in (TABLE, OTHERWISE):
            held = [each.as_map() for each in ruled.held] if ruled.row or ruled.held else [NO_ROW.as_map()]
            return {
                "model": RULES,
                "model_sha256": table.sha256,
                "rule": ruled.row.number if ruled.row else None,
                "route": ruled.row.route if ruled.row else REVIEW,
                "held": held,
            }
    if not record["model_version"]:  # nothing could be asked
        return {"rule": None, "route": REVIEW, "held": record["passed"]}
    return {}


def _by_model(record: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    try:
        model = registry.get(record["model"], record["model_version"])
    except ModelError as error:
        raise CannotRecomputeError(str(error)) from None
    held = [Held(Why(each["why"]), each["field"], each["text"]) for each in record["held"]]
    closed = next((each for each in held if each.why in BY_RIGHT), None)
    then = replace(model.band, approve_below=record["thresholds"].get("approve_below", 0.0), closed=closed)
    try:
        verdict = model.under(then).decide(record["input"])
    except FeatureError as error:
        raise CannotRecomputeError(f"the model cannot read the input that is on record: {error}") from None
    now: dict[str, Any] = {}
    if record["score"] != NO_SCORE or closed is None or closed.why is not Why.CHANGED:
        now |= {"model_sha256": model.card.model.sha256, **verdict_fields(model, verdict)}  # else it was not asked
        if record.get("covers"):
            now["covers"] = model.band.covers
    beside = record.get("beside")
    return now | ({"beside": _beside(record, beside, registry)} if beside else {})


def _beside(record: Mapping[str, Any], beside: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """What is said beside it: the score of the same files. The route hangs on the band of the time, and is kept."""
    try:
        model = registry.get(record["model"], beside["model_version"])
    except ModelError as error:
        raise CannotRecomputeError(str(error)) from None
    score = model.decide(record["input"], explain=False).score
    return {**beside, "covers": model.band.covers, "score": NO_SCORE if score is None else score}
