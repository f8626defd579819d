"""What cases cost and where their time goes, as metrics: the mean of the newest that began within a day, by workflow,
version and step.

They are told from histories, which is work: so few are looked at, and seldom where that takes long.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict

import structlog
from sqlalchemy.exc import SQLAlchemyError

from streams.ground.errors import UnavailableError
from streams.ground.spans import DAY
from streams.processors.call.connections import Addresses
from streams.processors.context import Context
from streams.processors.costs import Costs
from streams.processors.orchestrate.ways import Way
from streams.processors.view import DAY_COST, DAY_STEP_SECONDS
from streams.processors.view.bottlenecks import Totals, bottlenecks
from streams.processors.view.gauges import Gauges, Labels
from streams.processors.view.reader import Reader
from streams.processors.view.report import figures

EVERY_S = 30.0
REST = 100  # times as long as it took
LOOKED_AT = 50  # instances of a version
MOST_VERSIONS = 25
MOST_STEPS = 20  # of a version: those that take the most time

log = structlog.get_logger()


class DayCases:
    """Keeps the gauges true."""

    def __init__(self, reader: Reader, context: Context) -> None:
        self._reader, self._gauges = reader, Gauges()
        self._codec, self._definitions = context.codec, context.definitions
        self._costs = Costs(Addresses(context.settings, context.site), context.site, context.models)

    async def keep(self) -> None:
        """Asks again and again, until it is cancelled."""
        while True:
            begun = time.monotonic()
            try:
                await self.look(int(time.time() * 1_000))
            except (SQLAlchemyError, UnavailableError) as error:
                log.warning("costs and times are not known", reason=type(error).__name__)
            await asyncio.sleep(max(EVERY_S, REST * (time.monotonic() - begun)))

    async def look(self, at_ms: int) -> None:
        """Sets the gauges. Raises SQLAlchemyError, UnavailableError."""
        prices = await asyncio.to_thread(self._costs.prices)
        priced = any((*prices.connections.values(), *prices.models.values(), *prices.teams.values()))
        costs: dict[Labels, float] = {}
        steps: dict[Labels, float] = {}
        known = await asyncio.to_thread(figures, self._reader, at_ms - DAY, at_ms)
        if known:
            await self._definitions.start()
        for each in sorted(known, key=lambda version: -version.started)[:MOST_VERSIONS]:
            of = {"workflow": each.workflow, "version": each.version}
            found = await bottlenecks(
                self._reader, self._codec, self._definitions.graph, of, at_ms - DAY, LOOKED_AT, at_ms, prices
            )
            if not found.looked_at:
                continue
            key = (each.workflow, each.version)
            if priced:
                costs[key] = sum(totals.cost for totals in found.versions.values()) / found.looked_at
            for digest, totals in found.versions.items():
                graph = self._definitions.graph(digest)
                names = {} if graph is None else {task.pointer: task.name for task in graph.tasks}
                for (step, way), took_ms in _steps(totals, names).items():
                    steps[*key, step, way] = took_ms / 1_000 / found.looked_at
        self._gauges.show(DAY_COST, costs)
        self._gauges.show(DAY_STEP_SECONDS, steps)


def _steps(totals: Totals, names: dict[str, str]) -> dict[tuple[str, Way], float]:
    """What the steps that take the most have taken, by name and way; what lies between steps has no name."""
    longest = sorted(totals.steps.items(), key=lambda item: -item[1].total_ms)[:MOST_STEPS]
    found: dict[tuple[str, Way], float] = defaultdict(float)
    for pointer, step in longest:
        for way, took_ms in step.by_way.items():
            found[names.get(pointer, ""), way] += took_ms
    return found
