"""Who holds trials: waits until one can be held, and lets its lane know that it waits.

Most who are suspected were only there: with the calls that were under way in two deaths comes the one that ended the
worker, if any did. So all that wait for their trial at that moment are tried together, and each alone only if that
does not end well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from streams.runtime.processor import Record
from streams.runtime.trial import Verdict, hold

GUILTY = "workers died over it, and so did a process in which it was tried"
TRY_AGAIN_S = 5.0
TICK_S = 1.0
TOGETHER = 50  # records at most

log = structlog.get_logger()


@dataclass(eq=False)
class _Suspect:
    """A record on its way to a verdict."""

    record: Record
    deaths: int
    store: Path | None
    acquitted: bool = False  # in a trial together with others

    @property
    def place(self) -> dict[str, object]:
        """Where the record is, for the log."""
        return {"topic": self.record.topic, "partition": self.record.partition, "offset": self.record.offset}


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
        self._waiting: list[_Suspect] = []  # for a trial together with others

    async def is_guilty(self, record: Record, deaths: int, store: Path | None) -> bool:
        """Tries a record that the worker died over again and again. Waits while the trial cannot be held."""
        suspect = _Suspect(record, deaths, store)
        self._waiting.append(suspect)
        try:
            while self._trial is not None:
                verdict = await self._verdict(self._trial, suspect)
                log.warning("record judged", processor=self._processor, verdict=verdict.value, **suspect.place)
                if verdict is not Verdict.NONE:
                    return verdict is Verdict.GUILTY
                self._waits("the trial of a record cannot be held")
                await asyncio.sleep(TRY_AGAIN_S)
            return False
        finally:
            self._stands_alone([suspect])

    async def _verdict(self, trial: Sequence[str], suspect: _Suspect) -> Verdict:
        """Of the trial, which may take longer than a lane may stand still."""
        held = asyncio.create_task(self._hold(trial, suspect))
        try:
            while not held.done():
                self._waits("a record that workers died over is tried")
                await asyncio.wait([held], timeout=TICK_S)
        finally:
            held.cancel()
        return await held

    async def _hold(self, trial: Sequence[str], suspect: _Suspect) -> Verdict:
        async with self._turn:
            if suspect in self._waiting:
                await self._hold_together(trial, suspect.store)
            if suspect.acquitted:
                return Verdict.INNOCENT
            log.warning("record tried", processor=self._processor, deaths=suspect.deaths, **suspect.place)
            return await hold(trial, [suspect.record], suspect.store, self._handle_s)

    async def _hold_together(self, trial: Sequence[str], store: Path | None) -> None:
        """Tries all that wait, where there are several: they are acquitted, or each stands alone next."""
        together = self._waiting[:TOGETHER]
        if len(together) > 1:
            log.warning("records tried together", processor=self._processor, records=len(together))
            verdict = await hold(trial, [each.record for each in together], store, self._handle_s)
            for each in together:
                each.acquitted = verdict is Verdict.INNOCENT
        self._stands_alone(together)

    def _stands_alone(self, suspects: Sequence[_Suspect]) -> None:
        self._waiting = [each for each in self._waiting if each not in suspects]
