"""Where messages of another system come in, one after the other: what whoever makes events of them is given.

An inlet is one reader's. It gives messages in portions; a portion is done with once that is said, and what is not done
with when the reader ends comes again. So each message becomes an event at least once, and by its id once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from schemas.reasons import Reason

MOST_BYTES = 900 * 1024  # of a message: what is larger comes without its content


class InletError(Exception):
    """Messages cannot be taken now; the text says why, and quotes nothing of them."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """A message as it came."""

    id: str  # what it is called for ever, where the system or its sender says so; else empty
    content: bytes | None = field(repr=False)  # None: too large
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # names in lower case
    place: str  # for people
    fault: str = ""  # why it cannot be read, whatever its content is


class Inlet(Protocol):
    """Messages of one queue, topic or folder. What goes wrong is an InletError; after it only `close` is called."""

    async def take(self, most: int) -> Sequence[Came]:
        """The next messages, at least one unless it took seconds; they may be few, and never more than `most`."""
        ...

    async def settle(self) -> None:
        """All that were taken last are done with."""
        ...

    async def close(self) -> None:
        """Ends it. What was taken and not settled comes again, to whoever takes next."""
        ...
