"""Which model a command to decide is pinned to: the version in force when the command is made.

A command that comes again, after a crash or on another worker, then meets the same model whatever was activated in the
meantime. Light: it reads which version decides, and loads no model.
"""

from __future__ import annotations

import asyncio

import structlog

from models.serving.errors import UnknownModelError
from schemas.payload import Payload, UnreadablePayloadError
from streams.processors.context import Context

LOOK_S = 1.5
NONE = "none"
"""Pinned to no model, since there was none of the name."""
UNREAD = "unread"
"""Of several: what decides of the name could not be read."""
SEPARATOR = ","
"""Between the pins of several models, in the order in which they are asked."""

log = structlog.get_logger()


class ModelPins:
    """Follows which version of each name decides."""

    def __init__(self, context: Context) -> None:
        self._book = context.models
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
        """See `Pins`. None where the step names no model, or what decides cannot be read: decide will say, or wait."""
        try:
            given = arguments.value()
        except UnreadablePayloadError:
            return None
        name = given.get("model") if isinstance(given, dict) else None
        if not isinstance(name, str):
            return None
        instead = given.get("instead") or []
        if not isinstance(instead, list) or not all(isinstance(each, str) for each in instead):
            return None
        if not instead:
            return self._one(name, at_ms)
        return SEPARATOR.join(self._one(each, at_ms) or UNREAD for each in (name, *instead))

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
