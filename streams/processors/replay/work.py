"""What a replay works with while it runs: its events, its definitions and models, and what is on record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Engine

from models.serving.registry import Registry
from schemas.business import EventTypes
from streams import language
from streams.definitions.book import DefinitionBook
from streams.ground.errors import UsageError
from streams.ground.past_records import PastRecords
from streams.language import DefinitionError
from streams.language.graph import Graph
from streams.processors.call.connections import Addresses
from streams.processors.context import Context
from streams.processors.costs import Costs, Prices
from streams.processors.orchestrate.retrace import Entry, decoded
from streams.processors.replay.answers import Effects
from streams.processors.replay.cases import Batch, Case, Cases
from streams.processors.replay.firsts import first_runs
from streams.processors.replay.pace import FIRST, paced
from streams.processors.replay.plan import Plan, planned
from streams.processors.replay.really import Outside, Really
from streams.processors.replay.request import Candidate, Request, Selection, decode
from streams.processors.replay.standing import Standing
from streams.processors.replay.turn import Done, Rig, folded
from streams.readmodel.database import open_database
from streams.readmodel.projection import projections
from streams.runtime.clock import now_ms
from streams.runtime.processor import WritableState

MOST, MOST_REAL = 500, 10


class Shared(NamedTuple):
    """What all replays of a process have together."""

    context: Context
    engine: Engine
    records: PastRecords
    registry: Registry
    types: EventTypes
    outside: Outside
    costs: Costs

    @classmethod
    async def open(cls, context: Context) -> Shared:
        """Connects. Raises what `open_database` does."""
        outside = Outside(context)
        await outside.open()
        engine = await asyncio.to_thread(open_database, context.settings, projections(context.declarations))
        records = await asyncio.to_thread(PastRecords, context.settings)
        costs = Costs(Addresses(context.settings, context.site), context.site, context.models)
        return cls(context, engine, records, Registry(shelf=context.models), context.definitions.types, outside, costs)

    async def close(self) -> None:
        """Lets go of all connections."""
        await self.outside.close()
        await asyncio.to_thread(self.records.close)
        self.engine.dispose()


class Work:
    """One replay at work."""

    def __init__(
        self, shared: Shared, standing: Standing, request: Request, graphs: dict[str, Graph], prices: Prices
    ) -> None:
        context = shared.context
        self._shared = shared
        self._request = request
        self._selection = Selection(request)
        self._graph_of = context.definitions.graph
        self._began_ms = standing.started_at_ms
        self._turn = FIRST  # events of the next one
        models_of_ms = None if request.live else standing.started_at_ms
        self._rig = Rig(context, shared.registry, standing.name, request.models, models_of_ms, prices)
        self._cases = Cases(request, graphs, shared.records, shared.engine, context.codec, shared.types)

    @classmethod
    async def of(cls, shared: Shared, standing: Standing) -> Work:
        """Raises UsageError where the replay cannot be carried out as it is asked for."""
        request = decode(standing.request)
        await shared.context.definitions.catch_up()
        graphs = {name: graph_of(shared.context.definitions, each) for name, each in request.definitions.items()}
        return cls(shared, standing, request, graphs, await asyncio.to_thread(shared.costs.prices))

    @property
    def rate(self) -> float:
        """Events a second."""
        return self._request.rate

    async def plan(self) -> Plan:
        """See `planned`."""
        at_ms = self._began_ms if self._request.live else now_ms()
        return await asyncio.to_thread(planned, self._request, self._shared.records, at_ms)

    async def next(self, standing: Standing, most: int) -> Batch:
        """See `Cases.next`."""
        return await self._cases.next(standing.parts, standing.past, standing.counts, most)

    def instance_id(self, case: Case) -> str:
        """See `Rig.instance_id`."""
        return self._rig.instance_id(case)

    @property
    def most(self) -> int:
        """Events of a turn, at most: fewer where each takes long, as where systems are really called."""
        return min(self._turn, MOST if self._request.effects is Effects.OFF else MOST_REAL)

    async def carry_out(self, cases: Sequence[Case], state: WritableState) -> list[Done]:
        """Processes cases anew."""
        began, most = time.monotonic(), self.most
        done = await self._carried_out(cases, state)
        self._turn = paced(most, len(cases), time.monotonic() - began)
        return done

    async def _carried_out(self, cases: Sequence[Case], state: WritableState) -> list[Done]:
        shared = self._shared
        known = await asyncio.to_thread(first_runs, shared.engine, [case.start.instance_id for case in cases])
        histories: dict[str, tuple[str, list[Entry] | None]] = {}
        for instance_id, each in known.items():
            histories[instance_id] = each.status, await decoded(shared.context.codec, each.messages)
        effects = self._request.effects
        really = None if effects is Effects.OFF else Really(shared.outside, effects, state)
        return await asyncio.to_thread(folded, self._rig, cases, histories, self._graph_of, self._selection, really)


def graph_of(book: DefinitionBook, candidate: Candidate) -> Graph:
    """The definition to process with. Raises UsageError where it is not known, or does not compile here."""
    if not candidate.yaml:
        found = book.graph(candidate.digest)
        if found is None:
            raise UsageError(f"the definition {candidate.digest[:12]} is not known, or does not compile any more")
        return found
    try:
        return language.load_deployed(candidate.yaml, candidate.digest, book.callable)
    except DefinitionError as error:
        raise UsageError(f"the definition does not compile here: {error.faults[0]}") from None
