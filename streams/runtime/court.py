"""Who holds trials: waits until one can be held, and lets its lane know that it waits.

Most who are suspected were only there: with the calls that were under way in two deaths comes the one that ended the
worker, if any did. So all that wait for their trial at that moment are tried together, and each alone only if that
does not end well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from streams.runtime.processor import Record
from streams.runtime.trial import Verdict, hold

GUILTY = "workers died over it, and so did a process in which it was tried"
TRY_AGAIN_S = 5.0
TICK_S = 1.0
TOGETHER = 50  # records at most

log = structlog.get_logger()

_Key = tuple[str, int]


class Court:
    """Tries the records of one lane, one trial at a time."""

    def __init__(
        self, processor: str, trial: Sequence[str] | None, waits: Callable[[str], None], handle_s: float | None = None
    ) -> None:
        """`trial` starts the process (None: nobody is tried). `waits` is called every so often while one is held."""
        self._processor = processor
        self._trial = trial
        self._waits = waits
        self._handle_s = handle_s
        self._turn = asyncio.Lock()
        self._waiting: dict[_Key, Record] = {}  # for a trial together with others
        self._acquitted: set[_Key] = set()  # in one

    async def is_guilty(self, record: Record, deaths: int, store: Path | None) -> bool:
        """Tries a record that the worker died over again and again. Waits while the trial cannot be held."""
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        key = record.topic, record.offset
        self._waiting[key] = record
        try:
            while self._trial is not None:
                verdict = await self._verdict(self._trial, key, record, store, {**place, "deaths": deaths})
                log.warning("record judged", processor=self._processor, verdict=verdict.value, **place)
                if verdict is not Verdict.NONE:
                    return verdict is Verdict.GUILTY
                self._waits("the trial of a record cannot be held")
                await asyncio.sleep(TRY_AGAIN_S)
            return False
        finally:
            self._waiting.pop(key, None)
            self._acquitted.discard(key)

    async def _verdict(
        self, trial: Sequence[str], key: _Key, record: Record, store: Path | None, about: dict[str, object]
    ) -> Verdict:
        """Of the trial, which may take longer than a lane may stand still."""
        held = asyncio.create_task(self._hold(trial, key, record, store, about))
        try:
            while not held.done():
                self._waits("a record that workers died over is tried")
                await asyncio.wait([held], timeout=TICK_S)
        finally:
            held.cancel()
        return await held

    async def _hold(
        self, trial: Sequence[str], key: _Key, record: Record, store: Path | None, about: dict[str, object]
    ) -> Verdict:
        async with self._turn:
            if key in self._waiting and key not in self._acquitted:
                await self._hold_together(trial, store)
            if key in self._acquitted:
                return Verdict.INNOCENT
            log.warning("record tried", processor=self._processor, **about)
            return await hold(trial, [record], store, self._handle_s)

    async def _hold_together(self, trial: Sequence[str], store: Path | None) -> None:
        """Tries all that wait, where there are several: they are acquitted, or each stands alone next."""
        together = dict(list(self._waiting.items())[:TOGETHER])
        if len(together) > 1:
            log.warning("records tried together", processor=self._processor, records=len(together))
            if await hold(trial, list(together.values()), store, self._handle_s) is Verdict.INNOCENT:
                self._acquitted |= together.keys() & self._waiting.keys()
        for key in together:
            self._waiting.pop(key, None)
