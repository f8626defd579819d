"""What a worker and the process of a step say to each other: msgpack, each behind its length."""

from __future__ import annotations

from struct import Struct
from typing import IO, Any

import msgspec

from schemas.functions import EffectClass
from schemas.payload import Payload
from schemas.reasons import Effect, Reason
from streams.steps.outcome import Outcome

_LENGTH = Struct(">I")


class Asked(msgspec.Struct, tag=True):
    """Carry this out."""

    given: Any
    context: dict[str, Any]
    effect: EffectClass


class Taken(msgspec.Struct, tag=True):
    """It is not wanted any more."""


class Sign(msgspec.Struct, tag=True):
    """The step lives; with a name, it has counted something."""

    name: str
    by: float


class Come(msgspec.Struct, tag=True):
    """What came of it. `last`: this process takes no other."""

    reason: Reason
    effect: Effect
    detail: str
    output: bytes | None
    after_s: float | None
    retryable: bool
    last: bool = False

    def outcome(self) -> Outcome:
        """As an attempt gives it."""
        output = None if self.output is None else Payload.inside(self.output)
        return Outcome(self.reason, self.effect, self.detail, output, self.after_s, self.retryable)


def come(found: Outcome, *, last: bool = False) -> Come:
    """The frame of an outcome."""
    output = None if found.output is None else found.output.raw
    return Come(found.reason, found.effect, found.detail, output, found.after_s, found.retryable, last)


Frame = Asked | Taken | Sign | Come
_DECODER = msgspec.msgpack.Decoder(Frame)


def write_frame(pipe: IO[bytes], frame: Frame) -> None:
    """Writes it at once. Raises OSError where nobody reads."""
    raw = msgspec.msgpack.encode(frame)
    pipe.write(_LENGTH.pack(len(raw)) + raw)
    pipe.flush()


def read_frame(pipe: IO[bytes]) -> Frame | None:
    """The next; None where there will be none."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    raw = pipe.read(length)
    return _DECODER.decode(raw) if len(raw) == length else None
