"""Waiting outside of the hub: a call that cannot be made soon is handed back instead of taking up a place.

Who carries the call out keeps it somewhere durable and comes again at the time that it is told. Nothing was sent.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum

SHORT_S = 1.0  # what is shorter is waited for in the hub
LONGEST_S = 60.0  # then it is looked again, as systems may get well earlier


Rest = Callable[[], AbstractAsyncContextManager[None]]
"""Entered while a call waits inside: so long it is in nobody's way."""


class WaitsFor(StrEnum):
    """What a call waits for."""

    BREAKER = "breaker"  # the system has failed repeatedly
    RATE = "rate"  # its limit of calls, or the quiet that it has asked for
    PAUSE = "pause"  # somebody wants it not to be called
    PLACE = "place"  # others that are being answered


@dataclass(frozen=True, slots=True)
class Waited:
    """How long a call has waited outside so far."""

    seconds: float = 0.0
    times: int = 0


class Postponed(Exception):
    """The call is to come again after so many seconds."""

    def __init__(self, connection: str, waits_for: WaitsFor, seconds: float) -> None:
        super().__init__(f"waits for the {waits_for} of {connection}")
        self.connection = connection
        self.waits_for = waits_for
        self.seconds = seconds
