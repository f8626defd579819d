"""What can be told of a call that has ended: the raw material of metrics, which the hub itself knows nothing of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from schemas.reasons import Effect, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedCall:
    """A call that has ended, however it did: also one that was refused, or that an open breaker stopped.

    Nothing in it is data of the business, so all of it may become labels. Every reason and effect is one of a few;
    functions and connections are as many as the definitions name.
    """

    function: str
    connection: str  # the unit of bulkhead and breaker; empty where the call was refused before that was known
    reason: Reason
    effect: Effect
    seconds: float  # in the hub, waiting included
    status: int | None = None  # that the remote side answered with

    @property
    def in_doubt(self) -> bool:
        """Whether nobody knows if the outside world has changed."""
        return self.effect is Effect.UNKNOWN


class Observer(Protocol):
    """Is told of every call when it ends, in the event loop; so it is quick, and it raises nothing."""

    def __call__(self, ended: EndedCall, /) -> None:
        """Takes note."""
        ...


def unobserved(ended: EndedCall, /) -> None:
    """Nobody looks."""
