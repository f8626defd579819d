"""How old the oldest open instance and incident of each workflow are: the gauges that rise when something is stuck."""

from __future__ import annotations

import asyncio
import time

import structlog
from prometheus_client import Gauge
from sqlalchemy.exc import SQLAlchemyError

from streams.processors.view import INCIDENTS_OPEN, OLDEST_INCIDENT_SECONDS, OLDEST_SECONDS
from streams.processors.view.reader import Reader

EVERY_S = 15.0

log = structlog.get_logger()


class Ages:
    """Keeps `exlify_oldest_instance_seconds`, `exlify_oldest_incident_seconds` and `exlify_incidents_open` true."""

    def __init__(self, reader: Reader) -> None:
        self._sources = ((OLDEST_SECONDS, reader.oldest), (OLDEST_INCIDENT_SECONDS, reader.oldest_incidents))
        self._reader = reader
        self._shown: dict[Gauge, set[str]] = {gauge: set() for gauge, _ in self._sources}

        self._counted: set[tuple[str, str, str]] = set()

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
        counts = self._reader.incidents_open()
        for labels in self._counted - counts.keys():
            INCIDENTS_OPEN.remove(*labels)
        for labels, number in counts.items():
            INCIDENTS_OPEN.labels(*labels).set(number)
        self._counted = set(counts)
