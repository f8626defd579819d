"""Definitions in; starts of instances at the times that they name.

A row for each workflow that starts by itself: what it names, from when on, and the time that is next, which is the due
time of the row. A start has its time for an event id, so one that is written again after a crash is the same instance,
and `orchestrate` starts that once. The next time lies behind the one that was: a clock that goes back does not fire it
again, and what passed when a clock jumps, or while nobody was there, is a *misfire*: one start for all of them unless
the definition says otherwise. While a workflow is not active its times pass. With a calendar of the site, as it is when
they come, times without work pass, too.

Definitions stand on one partition, so one lane has all rows. Outcomes, which `after` waits for, come on others: they
are handed on to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import msgspec
import orjson
import structlog

from schemas.ids import instance_id
from schemas.messages import OWN_EVENT_TYPE, START_INSTANCE, VERSION_REMOVED, WORKFLOW_DEFINITION, WORKFLOW_STATE
from schemas.payload import Payload
from schemas.times import rfc3339
from schemas.typed import is_outcome
from streams import language
from streams.definitions import outcome_topic
from streams.definitions.states import State
from streams.ground import calendars
from streams.language.graph import Graph
from streams.language.schedules import ALL, SKIP, Schedule
from streams.processors import schedule
from streams.processors.context import Context
from streams.processors.orchestrate import INBOX
from streams.processors.schedule import ENDED
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, FastProcessor, Message, Output, Row, StateView

SOURCE = "/exlify/schedule"
LATE_MS = 60_000  # what is later than this has been missed
MOST = 1_000  # times that are looked at for one misfire

log = structlog.get_logger()


class Plan(msgspec.Struct, array_like=True):
    """What is known of a workflow that starts by itself; the time that is next is the due time of its row."""

    schedule: Schedule
    anchor_ms: int  # from when on this schedule counts
    waits_for: str = ""  # of `after`: the event id of the run that goes on


class Schedules(FastProcessor):
    """Starts workflows by time, once for each time."""

    declaration = schedule.DECLARATION

    def __init__(self, context: Context) -> None:
        self._codec = context.codec
        self._definitions = context.definitions
        self._calendars = context.site.file(calendars.FILE, calendars.read_calendars)

    async def open(self) -> None:
        """Waits until the definitions deployed so far are known."""
        await self._definitions.start()

    def reads_also(self) -> Callable[[str], bool] | None:
        """The outcomes of workflows that start again behind their end."""
        outcomes = {
            outcome_topic(each.name).name
            for each in self._definitions.deployed()
            if each.graph and each.graph.schedule and each.graph.schedule.after_ms is not None
        }
        return outcomes.__contains__ if outcomes else None

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """Plans as the definitions have them; what starts behind an end is due a while after it."""
        effects = Effects([], {})
        for message in batch:
            if message.name == WORKFLOW_DEFINITION:
                self._plan(message, state, effects)
            elif is_outcome(message.name) and message.record.topic == ENDED.name:
                self._ended(message, state, effects)
            elif is_outcome(message.name):
                if message.data["source"] == SOURCE:
                    effects.outputs.append(Output(ENDED, message.data["workflow"].encode(), message.record.value))
            elif message.name not in (WORKFLOW_STATE, VERSION_REMOVED, OWN_EVENT_TYPE):
                what = f"{message.name} has no schedule" if message.name else "a record without a value"
                effects.outputs.append(parked(message.record, self.declaration.name, what))
        return effects

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """The time has come: a start, if it is to be, and the time that is next."""
        plan, workflow = msgspec.msgpack.decode(row.value, type=Plan), key.decode()
        times, following = _passed(plan, row.due_ms, now_ms)
        graph = self._definitions.latest(workflow)
        if graph is None or self._definitions.state(workflow) is not State.ACTIVE:
            wait_ms = following or now_ms + LATE_MS  # `after` looks again
            return Effects([], {key: _row(plan, wait_ms)}, [partial(_count, workflow, "not active", len(times))])
        working = self._working(plan.schedule.calendar, times)
        wanted = _wanted(plan.schedule, working, now_ms)
        effects = Effects([self._start(graph, at_ms) for at_ms in wanted], {})
        if plan.schedule.after_ms is not None:
            plan.waits_for = rfc3339(wanted[-1])
        effects.changes[key] = _row(plan, following or 0)
        effects.counts.append(partial(_count, workflow, "started", len(wanted)))
        effects.counts.append(partial(_count, workflow, "missed", len(working) - len(wanted)))
        effects.counts.append(partial(_left_out, workflow, plan.schedule.calendar, sorted({*times} - {*working})))
        return effects

    def _working(self, calendar: str, times: list[int]) -> list[int]:
        """Those of the times at which people work; all of them by a calendar that the site does not have."""
        known = self._calendars.value.get(calendar)
        return times if known is None else [at_ms for at_ms in times if known.works_at(at_ms)]

    def _plan(self, message: Message, state: StateView, effects: Effects) -> None:
        """The schedule of the version that was deployed last; one that stays as it was goes on."""
        key, at_ms = message.data["name"].encode(), message.record.timestamp_ms
        graph = self._compiled(message)
        if graph is None:
            return
        row = effects.changes[key] if key in effects.changes else state.get(key)
        plan = None if row is None else msgspec.msgpack.decode(row.value, type=Plan)
        if graph.schedule is None:
            effects.changes[key] = None
        elif plan is None or plan.schedule != graph.schedule:
            first = at_ms if graph.schedule.after_ms is not None else graph.schedule.next_ms(at_ms, at_ms)
            effects.changes[key] = _row(Plan(graph.schedule, at_ms), first or 0)

    def _compiled(self, message: Message) -> Graph | None:
        """The definition of the record, which the book may not have learnt yet."""
        digest = message.data["digest"]
        known = self._definitions.graph(digest)
        if known is not None:
            return known
        try:
            return language.load_deployed(message.data["yaml"], digest, self._definitions.callable)
        except language.DefinitionError:
            return None  # told by who keeps the book

    def _ended(self, message: Message, state: StateView, effects: Effects) -> None:
        ended = message.data
        key = ended["workflow"].encode()
        row = effects.changes[key] if key in effects.changes else state.get(key)
        plan = None if row is None else msgspec.msgpack.decode(row.value, type=Plan)
        if plan is None or plan.schedule.after_ms is None or plan.waits_for != ended["event_id"]:
            return
        if ended["instance_id"] != instance_id(ended["workflow"], SOURCE, ended["event_id"]):
            return  # the same case once more, which somebody wanted
        plan.waits_for = ""
        effects.changes[key] = _row(plan, ended["ended_at_ms"] + plan.schedule.after_ms)

    def _start(self, graph: Graph, at_ms: int) -> Output:
        at = rfc3339(at_ms)
        instance = instance_id(graph.name, SOURCE, at)
        fields = {
            "instance_id": instance, "workflow": graph.name, "version": graph.version, "digest": graph.digest,
            "source": SOURCE, "event_id": at, "event_type": f"exlify.schedule.{graph.name}.v1", "business_key": None,
            "time_ms": at_ms, "data": Payload.inside(orjson.dumps({"scheduledAt": at})),
        }  # fmt: skip
        return Output(INBOX, instance.encode(), self._codec.encode(START_INSTANCE, fields))


def _passed(plan: Plan, due_ms: int, now_ms: int) -> tuple[list[int], int | None]:
    """The times that have come, the newest last and not too many, and the one that is next."""
    times, following = [due_ms], plan.schedule.next_ms(due_ms, plan.anchor_ms)
    while following is not None and following <= now_ms and len(times) < MOST:
        times.append(following)
        following = plan.schedule.next_ms(following, plan.anchor_ms)
    if following is not None and following <= now_ms:
        following = plan.schedule.next_ms(now_ms, plan.anchor_ms)
    return times, following


def _wanted(given: Schedule, times: Sequence[int], now_ms: int) -> list[int]:
    """Those of the times that have come at which an instance starts."""
    if given.misfire == ALL or given.after_ms is not None:
        return list(times)
    if given.misfire == SKIP:
        return [at_ms for at_ms in times[-1:] if at_ms > now_ms - LATE_MS]
    return list(times[-1:])


def _left_out(workflow: str, calendar: str, times: Sequence[int]) -> None:
    if times:
        _count(workflow, "no work", len(times))
        span = {"first": rfc3339(times[0]), "last": rfc3339(times[-1]), "number": len(times)}
        log.info("no working time, nothing starts", workflow=workflow, calendar=calendar, **span)


def _row(plan: Plan, due_ms: int) -> Row:
    return Row(msgspec.msgpack.encode(plan), due_ms)


def _count(workflow: str, fate: str, number: int) -> None:
    if number:
        schedule.STARTS.labels(workflow, fate).inc(number)
