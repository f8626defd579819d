"""Endpoints of webhooks that say that they are gone (410): the worker that is told so pauses them, until people resume.

So nothing more is sent to one, by any worker, and everybody sees it where systems are looked at; what is to be sent
waits there meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable

from connectors.hub.observer import EndedCall
from connectors.webhook import GONE, SEND
from streams.processors.call.pauses import Pause, Pauses
from streams.runtime.clock import now_ms

ACTOR = "exlify"
WHY = "the endpoint answered 410: it is gone. Agree on another address, then resume"


def pause_of(name: str, at_ms: int) -> Pause:
    """The pause of an endpoint that is gone, by the name of its connection."""
    return Pause(connection=name, paused=True, until_ms=None, why=WHY, actor=ACTOR, at_ms=at_ms)


class Gone:
    """Pauses what is gone, here at once, and keeps what others have to be told."""

    def __init__(self, pauses: Pauses) -> None:
        self._pauses = pauses
        self._untold: dict[str, Pause] = {}

    def note(self, ended: EndedCall) -> None:
        """A call has ended."""
        if ended.function != SEND.name or ended.status != GONE:
            return
        name = ended.connection.partition(":")[2]
        if self._pauses.of(name) is None:
            self._untold[name] = pause = pause_of(name, now_ms())
            self._pauses.learn(pause)

    def untold(self) -> list[Pause]:
        """What others do not know yet."""
        return list(self._untold.values())

    def told(self, pauses: Iterable[Pause]) -> None:
        """They know it now."""
        for each in pauses:
            self._untold.pop(each.connection, None)
