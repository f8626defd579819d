"""What a command to decide is pinned to: the version of a model and the tables that it names, as they are by then.

A command that comes again, after a crash or on another worker, then meets the same model and the same rows whatever was
changed in the meantime. Light: it reads which version decides, and loads no model. A pin:

    risk@3#HASH                         one model
    risk@3#HASH,none,simple@1           several, in the order in which they are asked
    risk@3#HASH;{"limits": {...}}       and the tables that are named; a text in place of one says why there is none
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

import orjson
import structlog

from models.serving.errors import UnknownModelError
from schemas.payload import Json, Payload, UnreadablePayloadError
from streams.ground.errors import ConfigurationError
from streams.processors.context import Context
from streams.processors.decide.asked import NO_TABLES, TABLES
from streams.processors.decide.tables import Tables

LOOK_S = 1.5
NONE = "none"
"""Pinned to no model, since there was none of the name."""
UNREAD = "unread"
"""Of several: what decides of the name could not be read."""
SEPARATOR = ","
"""Between the pins of several models, in the order in which they are asked."""
BEFORE_TABLES = ";"

log = structlog.get_logger()


class Pinned(NamedTuple):
    """A pin, taken apart."""

    models: str | None
    tables: Mapping[str, Json]  # by their names


NOT_PINNED = Pinned(None, NO_TABLES)


def read_pinned(pin: str | None) -> Pinned:
    """What a command carries. Raises UnknownModelError where its tables are none."""
    if pin is None:
        return NOT_PINNED
    if BEFORE_TABLES not in pin:
        return Pinned(pin, NO_TABLES)
    models, _, tables = pin.partition(BEFORE_TABLES)
    try:
        return Pinned(models or None, dict(orjson.loads(tables)))
    except (ValueError, TypeError):
        raise UnknownModelError("The command is pinned to no tables. It was not made by Exlify.") from None


class ModelPins:
    """Follows which version of each name decides."""

    def __init__(self, context: Context) -> None:
        self._book = context.models
        self._tables = Tables(context.settings.site_dir, context.site)
        self._following: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Looks again and again from now on."""
        await self._book.start()
        self._following = self._following or asyncio.create_task(self._follow(), name="pins of models")

    async def close(self) -> None:
        """Looks no longer."""
        if self._following is not None:
            self._following.cancel()
        await self._book.close()

    def pin(self, arguments: Payload, at_ms: int) -> str | None:
        """See `Pins`. None where the step names nothing, or what decides cannot be read: decide will say, or wait."""
        try:
            given = arguments.value()
        except UnreadablePayloadError:
            return None
        if not isinstance(given, dict):
            return None
        named = [name for each in TABLES if isinstance(name := given.get(each), str)]
        models = self._models(given, at_ms)
        if not named:
            return models
        return f"{models or ''}{BEFORE_TABLES}{orjson.dumps({name: self._table(name) for name in named}).decode()}"

    def _models(self, given: Mapping[str, Json], at_ms: int) -> str | None:
        name = given.get("model")
        if not isinstance(name, str):
            return None
        instead = given.get("instead") or []
        if not isinstance(instead, list) or not all(isinstance(each, str) for each in instead):
            return None
        if not instead:
            return self._one(name, at_ms)
        return SEPARATOR.join(self._one(each, at_ms) or UNREAD for each in (name, *instead))

    def _table(self, name: str) -> Json:
        """The rows, or why there are none."""
        try:
            return self._tables.get(name).written
        except ConfigurationError as error:
            return str(error)

    def _one(self, name: str, at_ms: int) -> str | None:
        try:
            pin = self._book.pin(name, at_ms)
        except UnknownModelError:
            return NONE
        return pin.text if pin else None

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await asyncio.to_thread(self._book.look)
            except Exception:  # a bug in looking must not end the following
                log.exception("models not looked at")
