"""Who answers: the rows of the rules, the first model that may act, the rows for where none may, a person.

A model is passed over where it may not act by right (no certificate, suspended, changed, not usable), never for what it
says of a case: each certificate then speaks of the cases that its model was given, whatever the others would have said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from models.rules.table import Ruled, Table
from models.serving.errors import RefusedModelError, UnknownModelError
from models.serving.held import Held, Why
from models.serving.predict import Model, Verdict
from models.serving.registry import Registry
from models.serving.shelf import Pin, Rival, read_pin
from streams.processors.decide.asked import Asked
from streams.processors.decide.pins import NONE, SEPARATOR, UNREAD

_Rival = tuple[Model, Held | None, int]  # why it may not act alone, and its share of the cases
SUSPENDED = Held(Why.SUSPENDED, "", "the model may not decide alone: it is suspended")
NO_ROW = Held(Why.NO_ROW, "", "no row of the rules holds for it")


class OutOfUseError(Exception):
    """The model that a command needs cannot be used now; the text says why."""

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(reason)
        self.model = model


class Beside(NamedTuple):
    """What the other of champion and challenger would have said."""

    model: Model
    verdict: Verdict
    challenger: bool  # whether it is the challenger; else the challenger has decided


class Answer(msgspec.Struct, frozen=True):
    """What came of asking: a row of a table, or what a model says; else a person decides, and `ruled` says why."""

    model: Model | None
    verdict: Verdict | None
    table: Table | None
    ruled: Ruled | None
    after: bool  # whether the table is the one for where no model may act
    passed: tuple[Held, ...]  # models that were passed over: the name of each is its field
    beside: Beside | None = None


def answered(asked: Asked, pinned: str | None, registry: Registry, case: str) -> Answer:
    """Asks one after the other. `case` is what has the same challenger or none every time.

    Raises OutOfUseError where nothing else is declared than a model that cannot be used now, UnknownModelError where
    there is no such model, and FeatureError for a field that the card says is an error.
    """
    if asked.before is not None:
        ruled = asked.before.judge(asked.values)
        if ruled.row is not None or ruled.held:
            return Answer(None, None, asked.before, ruled, False, ())
    if not asked.models:
        return Answer(None, None, asked.before, Ruled(None, (NO_ROW,)), False, ())
    return _modelled(asked, _pins(asked.models, pinned), registry, case)


def _modelled(asked: Asked, pins: Sequence[str | None], registry: Registry, case: str) -> Answer:
    first: tuple[Model, Held | None] | None = None
    passed: list[Held] = []
    for name, pinned in zip(asked.models, pins, strict=True):
        try:
            model, closed, rival = model_of(name, pinned, registry)
        except (OutOfUseError, UnknownModelError) as error:
            if not asked.chained:
                raise
            passed.append(Held(Why.OUT_OF_USE, name, f"{name} cannot be asked: {error}"))
            continue
        right = model.band.closed or closed
        if right is None or not asked.chained:
            return _both(asked, model, closed, _rival(name, rival, registry), case, tuple(passed))
        first = first or (model, closed)
        passed.append(right._replace(field=name))
    if asked.after is not None:
        ruled = asked.after.judge(asked.values)
        if ruled.row is not None or first is None:
            held = ruled.held or (NO_ROW,) if ruled.row is None else ()
            return Answer(None, None, asked.after, ruled._replace(held=held), True, tuple(passed))
    if first is None:
        return Answer(None, None, None, Ruled(None, tuple(passed)), False, tuple(passed))
    return Answer(first[0], first[0].decide(asked.values, first[1]), None, None, False, tuple(passed))


def _both(
    asked: Asked, model: Model, closed: Held | None, rival: _Rival | None, case: str, passed: tuple[Held, ...]
) -> Answer:
    """The champion decides, or the challenger its share of the cases; the other one is heard."""
    if rival is None:
        return Answer(model, model.decide(asked.values, closed), None, None, False, passed)
    tried, rivals, share = rival
    taken = closed is None and tried.band.closed is None and rivals is None and bucket(model.card.name, case) < share
    if taken:
        beside = Beside(model, model.decide(asked.values, closed, explain=False), challenger=False)
        return Answer(tried, tried.decide(asked.values), None, None, False, passed, beside)
    # that the champion is suspended says nothing of the challenger, which is on trial for just that
    beside = Beside(tried, tried.decide(asked.values, rivals, explain=False), challenger=True)
    return Answer(model, model.decide(asked.values, closed), None, None, False, passed, beside)


def bucket(name: str, case: str) -> float:
    """From 0 to below 100, the same for a case every time."""
    drawn = hashlib.sha256(f"{name}\0{case}".encode()).digest()
    return int.from_bytes(drawn[:8]) / 2**64 * 100


def _rival(name: str, rival: Rival | None, registry: Registry) -> _Rival | None:
    """The challenger, where there is one that can be used."""
    if rival is None:
        return None
    try:
        tried = registry.get(name, rival.version)
    except RefusedModelError:
        return None
    return tried, tried.changed(rival.sha256), rival.share


def _pins(names: Sequence[str], pinned: str | None) -> Sequence[str | None]:
    if pinned is None:
        return [None] * len(names)
    pins = pinned.split(SEPARATOR)
    if len(pins) != len(names):
        raise UnknownModelError("The command is pinned to other models. It was not made by Exlify.")
    return pins


def model_of(name: str, pinned: str | None, registry: Registry) -> tuple[Model, Held | None, Rival | None]:
    """The model that a command is pinned to, why it may not act alone, and what is tried beside it.

    The active one where the command says nothing.

    Raises UnknownModelError, or OutOfUseError.
    """
    if pinned == NONE:
        raise UnknownModelError("There was no such model when the step was asked for. Activate it and try again.")
    if pinned == UNREAD:
        raise OutOfUseError(name, "what decides could not be read when the step was asked for")
    pin: Pin | None = None
    try:
        if pinned is None:
            pin = registry.shelf.pin(name) or Pin(name, "")
            return registry.get(name), SUSPENDED if pin.state == "suspended" else None, pin.rival
        pin = read_pin(pinned)
        model = registry.get(pin.name, pin.version)
    except ValueError:
        raise UnknownModelError("The command is pinned to no model. It was not made by Exlify.") from None
    except RefusedModelError as error:
        place = f"{pin.name}@{pin.version}" if pinned is not None and pin is not None else name
        raise OutOfUseError(place, str(error)) from None
    return model, SUSPENDED if pin.state == "suspended" else model.changed(pin.sha256), pin.rival


def rule_of(answer: Answer) -> dict[str, Any] | None:
    """The row that decided, as results have it."""
    row = answer.ruled.row if answer.ruled else None
    if row is None:
        return None
    return {"row": row.number, "name": row.name, "because": row.because, "otherwise": answer.after}


def told(passed: Sequence[Held]) -> list[Mapping[str, str]]:
    """Models that were passed over, as results and records have them."""
    return [each.as_map() for each in passed]
