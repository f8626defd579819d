"""What lanes hand to a system outside goes there together: one transaction for all that waits, instead of one for each.

Nothing waits for a timer: what comes while the system works shares the next turn. When the turn fails, or gives more
than the handler made outside, each lane's records are handled by themselves; handling them again does no harm.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from streams.runtime.processor import NO_STATE, Effects, FastProcessor, Message, NotYet
from streams.runtime.threads import Aside

MAX_RECORDS = 4_000  # of one turn


class _Part(NamedTuple):
    messages: Sequence[Message]
    done: asyncio.Future[Effects]


class Together:
    """The batches of all lanes of one processor, handled in its thread."""

    def __init__(self, processor: FastProcessor, aside: Aside) -> None:
        self._processor = processor
        self._aside = aside
        self._waiting: deque[_Part] = deque()
        self._turns: asyncio.Task[None] | None = None

    async def handle(self, messages: Sequence[Message]) -> Effects:
        """The effects of these messages; raises what handling them raised. Called off before its turn, it is not
        done.
        """
        part = _Part(messages, asyncio.get_running_loop().create_future())
        self._waiting.append(part)
        if self._turns is None:  # begins once the other lanes, woken by the same hand-over, have added theirs
            self._turns = asyncio.create_task(self._take_turns())
        return await part.done

    async def _take_turns(self) -> None:
        try:
            while self._waiting:
                await self._take_turn(self._next())
        finally:
            self._turns = None

    def _next(self) -> list[_Part]:
        parts: list[_Part] = []
        room = MAX_RECORDS
        while self._waiting and (not parts or len(self._waiting[0].messages) <= room):
            part = self._waiting.popleft()
            if not part.done.done():
                parts.append(part)
                room -= len(part.messages)
        return parts

    async def _take_turn(self, parts: Sequence[_Part]) -> None:
        if len(parts) > 1 and await self._joined(parts):
            return
        for part in parts:
            try:
                effects = await self._handled(part.messages)
            except Exception as error:  # noqa: BLE001  # the lane that waits for it gets it
                _settle(part, error)
            else:
                _settle(part, effects)

    async def _handled(self, messages: Sequence[Message]) -> Effects:
        return await self._aside.run(partial(self._processor.handle, messages, NO_STATE))

    async def _joined(self, parts: Sequence[_Part]) -> bool:
        """Whether all of them could be handled as one batch. What all have to wait for is told to all."""
        messages = [message for part in parts for message in part.messages]
        result: Effects | NotYet
        try:
            result = await self._handled(messages)
        except NotYet as missing:
            result = missing
        except Exception:  # noqa: BLE001  # whose fault it is shows when each is handled by itself
            return False
        if isinstance(result, Effects) and (result.outputs or result.changes or result.counts):
            return False  # whose they are, nobody says
        for part in parts:
            _settle(part, result if isinstance(result, NotYet) else Effects([], {}))
        return True


def _settle(part: _Part, result: Effects | Exception) -> None:
    with suppress(asyncio.InvalidStateError):  # called off
        if isinstance(result, Exception):
            part.done.set_exception(result)
        else:
            part.done.set_result(result)
