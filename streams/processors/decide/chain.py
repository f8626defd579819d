"""Who answers: the rows of the rules, the first model that may act, the rows for where none may, a person.

A model is passed over where it may not act by right (no certificate, suspended, changed, not usable), never for what it
says of a case: each certificate then speaks of the cases that its model was given, whatever the others would have said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from models.rules.table import Ruled, Table
from models.serving.errors import RefusedModelError, UnknownModelError
from models.serving.held import Held, Why
from models.serving.predict import Model, Verdict
from models.serving.registry import Registry
from models.serving.shelf import Pin, read_pin
from streams.processors.decide.asked import Asked
from streams.processors.decide.pins import NONE, SEPARATOR, UNREAD

SUSPENDED = Held(Why.SUSPENDED, "", "the model may not decide alone: it is suspended")
NO_ROW = Held(Why.NO_ROW, "", "no row of the rules holds for it")


class OutOfUseError(Exception):
    """The model that a command needs cannot be used now; the text says why."""

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(reason)
        self.model = model


class Answer(NamedTuple):
    """What came of asking: a row of a table, or what a model says; else a person decides, and `ruled` says why."""

    model: Model | None
    verdict: Verdict | None
    table: Table | None
    ruled: Ruled | None
    after: bool  # whether the table is the one for where no model may act
    passed: tuple[Held, ...]  # models that were passed over: the name of each is its field


def answered(asked: Asked, pinned: str | None, registry: Registry) -> Answer:
    """Asks one after the other.

    Raises OutOfUseError where nothing else is declared than a model that cannot be used now, UnknownModelError where
    there is no such model, and FeatureError for a field that the card says is an error.
    """
    if asked.before is not None:
        ruled = asked.before.judge(asked.values)
        if ruled.row is not None or ruled.held:
            return Answer(None, None, asked.before, ruled, False, ())
    if not asked.models:
        return Answer(None, None, asked.before, Ruled(None, (NO_ROW,)), False, ())
    return _modelled(asked, _pins(asked.models, pinned), registry)


def _modelled(asked: Asked, pins: Sequence[str | None], registry: Registry) -> Answer:
    first: tuple[Model, Held | None] | None = None
    passed: list[Held] = []
    for name, pinned in zip(asked.models, pins, strict=True):
        try:
            model, closed = model_of(name, pinned, registry)
        except (OutOfUseError, UnknownModelError) as error:
            if not asked.chained:
                raise
            passed.append(Held(Why.OUT_OF_USE, name, f"{name} cannot be asked: {error}"))
            continue
        right = model.band.closed or closed
        if right is None or not asked.chained:
            return Answer(model, model.decide(asked.values, closed), None, None, False, tuple(passed))
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


def _pins(names: Sequence[str], pinned: str | None) -> Sequence[str | None]:
    if pinned is None:
        return [None] * len(names)
    pins = pinned.split(SEPARATOR)
    if len(pins) != len(names):
        raise UnknownModelError("The command is pinned to other models. It was not made by Exlify.")
    return pins


def model_of(name: str, pinned: str | None, registry: Registry) -> tuple[Model, Held | None]:
    """The model that a command is pinned to, and why it may not act alone; the active one where it says nothing.

    Raises UnknownModelError, or OutOfUseError.
    """
    if pinned == NONE:
        raise UnknownModelError("There was no such model when the step was asked for. Activate it and try again.")
    if pinned == UNREAD:
        raise OutOfUseError(name, "what decides could not be read when the step was asked for")
    place = name
    try:
        if pinned is None:
            pin = registry.shelf.pin(name) or Pin(name, "")
            return registry.get(name), SUSPENDED if pin.state == "suspended" else None
        pin = read_pin(pinned)
        place = f"{pin.name}@{pin.version}"
        model = registry.get(pin.name, pin.version)
    except ValueError:
        raise UnknownModelError("The command is pinned to no model. It was not made by Exlify.") from None
    except RefusedModelError as error:
        raise OutOfUseError(place, str(error)) from None
    return model, SUSPENDED if pin.state == "suspended" else model.changed(pin.sha256)


def rule_of(answer: Answer) -> dict[str, Any] | None:
    """The row that decided, as results have it."""
    row = answer.ruled.row if answer.ruled else None
    if row is None:
        return None
    return {"row": row.number, "name": row.name, "because": row.because, "otherwise": answer.after}


def told(passed: Sequence[Held]) -> list[Mapping[str, str]]:
    """Models that were passed over, as results and records have them."""
    return [each.as_map() for each in passed]
