"""How old the oldest open instance and incident of each workflow are: the gauges that rise when something is stuck."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from prometheus_client import Gauge
from sqlalchemy.exc import SQLAlchemyError

from streams.processors.view import ALERTS_OPEN, INCIDENTS_OPEN, OLDEST_INCIDENT_SECONDS, OLDEST_SECONDS
from streams.processors.view.reader import Reader

EVERY_S = 15.0

log = structlog.get_logger()


class Ages:
    """Keeps `exlify_oldest_instance_seconds`, and what else counts what waits, true."""

    def __init__(self, reader: Reader) -> None:
        self._sources = ((OLDEST_SECONDS, reader.oldest), (OLDEST_INCIDENT_SECONDS, reader.oldest_incidents))
        self._counts: tuple[tuple[Gauge, Callable[[], Mapping[Any, int]]], ...] = (
            (INCIDENTS_OPEN, reader.incidents_open),
            (ALERTS_OPEN, reader.alerts_open),
        )
        self._shown: dict[Gauge, set[str]] = {gauge: set() for gauge, _ in self._sources}
        self._counted: dict[Gauge, set[tuple[str, ...]]] = {gauge: set() for gauge, _ in self._counts}

    async def keep(self) -> None:
        """Asks again and again, also while nothing arrives; until it is cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.look, time.time() * 1_000)
            except SQLAlchemyError:
                log.warning("ages are not known", reason="the read model does not answer")
            await asyncio.sleep(EVERY_S)

    def look(self, at_ms: float) -> None:
        """Sets the gauges; a workflow that has nothing open any more goes. Blocks; raises SQLAlchemyError."""
        for gauge, source in self._sources:
            oldest = source()
            for workflow in self._shown[gauge] - oldest.keys():
                gauge.remove(workflow)
            for workflow, since_ms in oldest.items():
                gauge.labels(workflow).set(max(0.0, at_ms - since_ms) / 1_000)
            self._shown[gauge] = set(oldest)
        for gauge, count in self._counts:
            counts = count()
            for labels in self._counted[gauge] - counts.keys():
                gauge.remove(*labels)
            for labels, number in counts.items():
                gauge.labels(*labels).set(number)
            self._counted[gauge] = set(counts)
