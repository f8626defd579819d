"""Commands that wait for a model that cannot be used now: a row each, until the right files are there.

A command must not fault because somebody has installed half a model, and must not hold up those behind it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.codec import Codec
from schemas.messages import STEP_COMMAND
from streams.runtime.processor import Row

AGAIN_MS = 1_500
_FORMAT = 1


class Waiting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A command with the time of its record, and what it waits for: `name@version`."""

    format: int
    model: str
    at_ms: int
    command: bytes

    @classmethod
    def of(cls, codec: Codec, model: str, at_ms: int, command: dict[str, Any]) -> Waiting:
        """Written anew: another schema's id may be unknown after a restart."""
        return cls(_FORMAT, model, at_ms, codec.encode(STEP_COMMAND, command))

    def row(self) -> Row:
        """Due from the start, since nobody knows when the model will be there."""
        return Row(msgspec.msgpack.encode(self), max(1, self.at_ms))


def waiting(row: Row) -> Waiting:
    """What a row holds."""
    return msgspec.msgpack.decode(row.value, type=Waiting)
