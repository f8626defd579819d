"""A decision computed anew from its record: by the model, the files and the band that it names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from models.serving.errors import FeatureError, ModelError
from models.serving.held import Held, Why
from models.serving.registry import Registry
from streams.processors.decide.decision import NO_SCORE, verdict_fields

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
    now: dict[str, Any] = {"input_hash": hashlib.sha256(orjson.dumps(record["input"])).hexdigest()}
    if record["score"] != NO_SCORE or closed is None or closed.why is not Why.CHANGED:
        now |= {"model_sha256": model.card.model.sha256, **verdict_fields(model, verdict)}  # else it was not asked
        if record.get("covers"):
            now["covers"] = model.band.covers
    return [Difference(name, record.get(name), value) for name, value in now.items() if record.get(name) != value]
