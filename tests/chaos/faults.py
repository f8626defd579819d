"""What goes wrong with which request: a function of the seed, the request and how often it has come. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping
from enum import StrEnum


class Fault(StrEnum):
    """What a proxy does to one request. `served`: the system behind it was asked, and did what it does."""

    NOTHING = "nothing"
    LATENCY = "latency"
    RESET_UNREAD = "reset before the request was read"
    RESET_UNSERVED = "reset, not served"
    RESET_SERVED = "reset, served"
    SILENT_UNSERVED = "black hole, not served"
    SILENT_SERVED = "black hole, served"
    HALF_CLOSE = "half-close in the answer"
    STATUS_UNSERVED = "wrong status, not served"
    STATUS_SERVED = "wrong status, served"
    BUSY = "429"
    BUSY_WAIT = "429 with a wait"
    MALFORMED = "malformed body"
    DRIP = "slow drip"
    AWAY = "away"  # by order, not by lot


SERVED = frozenset({
    Fault.NOTHING, Fault.LATENCY, Fault.RESET_SERVED, Fault.SILENT_SERVED, Fault.HALF_CLOSE, Fault.STATUS_SERVED,
    Fault.MALFORMED, Fault.DRIP,
})  # fmt: skip

# Requests of a thousand. What holds a place until it times out is rare, or the run would be about nothing else.
SHARES: Mapping[Fault, int] = {
    Fault.LATENCY: 60, Fault.RESET_UNREAD: 10, Fault.RESET_UNSERVED: 10, Fault.RESET_SERVED: 10,
    Fault.SILENT_UNSERVED: 1, Fault.SILENT_SERVED: 1, Fault.HALF_CLOSE: 10, Fault.STATUS_UNSERVED: 20,
    Fault.STATUS_SERVED: 10, Fault.BUSY: 10, Fault.BUSY_WAIT: 2, Fault.MALFORMED: 4, Fault.DRIP: 10,
}  # fmt: skip
# What tells nothing of whether a step was done, or cannot be read.
UNTELLING = (
    Fault.RESET_UNREAD, Fault.RESET_UNSERVED, Fault.HALF_CLOSE, Fault.STATUS_UNSERVED, Fault.BUSY, Fault.MALFORMED,
)  # fmt: skip
UNSERVED_STATUS = (500, 502, 503, 503, 503)
SERVED_STATUS = (500, 502, 504)  # those that leave it open whether it was served: a system that says 503 lies


def dice(seed: int, system: str, request: str, number: int) -> random.Random:
    """The dice of one request, which came for the `number`th time."""
    return random.Random(f"{seed}/{system}/{request}/{number}")


def drawn(one: random.Random) -> Fault:
    """The fault of a request."""
    lot = one.randrange(1_000)
    for fault, share in SHARES.items():
        if lot < share:
            return fault
        lot -= share
    return Fault.NOTHING
