"""The bytes of a state: msgpack of arrays, in which the tag of a frame says of which construct it is."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

import msgspec

from streams.engine.constructs import FRAMES
from streams.engine.state import Instance, Marker, State

_STATE: Any = Instance[reduce(or_, FRAMES)] | Marker  # type: ignore[misc]  # types that are computed

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[State] = msgspec.msgpack.Decoder(_STATE)


def encode_state(state: State) -> bytes:
    """The bytes of a state: the same for equal states.

    Raises TypeError, ValueError, OverflowError or RecursionError for data that msgpack can't hold (numbers beyond 64
    bits, data nested too deeply); `step` turns these into a fault of the instance.
    """
    if type(state) is Instance and state.size:
        state = msgspec.structs.replace(state, size=0)
    return _encoder.encode(state)


def decode_state(raw: bytes) -> State:
    """The state of `encode_state`'s bytes; raises msgspec.DecodeError for bytes that are none."""
    state = _decoder.decode(raw)
    if type(state) is Instance:
        state.size = len(raw)
    return state
