"""Replay: past events are read again and processed anew, and what becomes of them is compared with their first run.

A replay goes on in turns: a row that is due gives the record of the next turn, and carrying that out moves the row on.
Results, position and counts of a turn become durable together, in the runtime's write order. A turn that comes again
after a crash begins where the row is, and gives results with the same ids; one that is over is known by its number.
Nothing of it is on the way of live events: a process that hosts nothing else yields to all that do, and while more of
them wait than may, no turn is taken.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from schemas.messages import REPLAY_ACTION, REPLAY_STATE, REPLAY_TURN
from streams.ground.errors import UnavailableError, UsageError
from streams.ground.topic import DAY_MS
from streams.processors import replay
from streams.processors.context import Context
from streams.processors.intake.backlog import LOOK_S, Backlog, measured
from streams.processors.replay import ReplaySettings
from streams.processors.replay.pace import TURN_S
from streams.processors.replay.standing import (
    CANCELLED,
    COMPLETED,
    FAILED,
    LIVE,
    PAUSED,
    RUNNING,
    Counts,
    Standing,
    seen_key,
    standing_of,
)
from streams.processors.replay.tail import IDLE_MS
from streams.runtime.clock import now_ms
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, Message, Output, Row, SlowProcessor, StateView, WritableState

if TYPE_CHECKING:
    from streams.processors.replay.turn import Done
    from streams.processors.replay.work import Shared, Work

AGAIN_MS = 5_000  # after something was away, or live events went first
SEEN_MS = 7 * DAY_MS  # for how long a second copy of an event is recognised

log = structlog.get_logger()


class Replay(SlowProcessor):
    """Decisions and turns in; states, results and outcomes out. One after the other in this process."""

    declaration = replay.DECLARATION
    concurrency = 1
    bounds_time = True

    def __init__(self, context: Context) -> None:
        self._context = context
        self._codec = context.codec
        self._shared: Shared | None = None
        self._works: dict[str, Work] = {}  # of the replays that run here
        self._live = Backlog(context.settings.of(ReplaySettings).yields_at, setting="EXLIFY_REPLAY_YIELDS_AT")
        self._looked_s = -math.inf  # at it, monotonic

    async def open(self) -> None:
        """Waits until definitions and models are known. All else is loaded with the first replay."""
        await self._context.definitions.start()
        await self._context.models.start()

    async def close(self) -> None:
        """Lets go of everything."""
        if self._shared is not None:
            await self._shared.close()
        await self._context.models.close()

    async def handle_one(self, message: Message, state: WritableState) -> Effects:
        """Carries out a decision, or the turn that is due."""
        if message.name == REPLAY_ACTION:
            return self._decided(message.data, state)
        if message.name == REPLAY_TURN:
            return await self._turn(message.data, state)
        reason = f"{message.name} is nothing to replay" if message.name else "a record without a value"
        return Effects([parked(message.record, self.declaration.name, reason)], {})

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """The next turn; or something is forgotten."""
        if b"/" in key:
            return Effects([], {key: None})
        standing = standing_of(row)
        if standing is None or standing.status != RUNNING:
            return Effects([Output(replay.STATES, key, None)], {key: None})
        fields = {"name": standing.name, "turn": standing.turn}
        return Effects([Output(replay.ACTIONS, key, self._codec.encode(REPLAY_TURN, fields))], {})

    def on_parked(self, message: Message, state: StateView) -> Effects:
        """A turn that cannot be carried out ends its replay, or it would come again for ever."""
        standing = standing_of(state.get(message.data.get("name", "").encode()))
        if message.name != REPLAY_TURN or standing is None or standing.status not in LIVE:
            return Effects([], {})
        detail = "a turn could not be carried out; see the parked letters of the processor replay"
        return self._stands(standing.changed(message.record.timestamp_ms, status=FAILED, detail=detail))

    # Decisions

    def _decided(self, action: Mapping[str, Any], state: StateView) -> Effects:
        name, verb, at_ms = action["name"], action["action"], action["at_ms"]
        standing = standing_of(state.get(name.encode()))
        if standing is None:
            if verb != "start" or action["request"] is None:
                return Effects([], {})  # nobody knows it, and who asked is told so
            begun = Standing(name, action["request"], action["actor"], at_ms)
            return self._stands(begun.changed(at_ms, action_id=action["action_id"]), due_ms=at_ms)
        if standing.action_id == action["action_id"]:
            return Effects([], {})
        refused = _refusal(standing, verb)
        told = {"action_id": action["action_id"], "refused": refused}
        if refused is None:
            status = {"pause": PAUSED, "resume": RUNNING, "cancel": CANCELLED}[verb]
            why = f": {action['why']}" if action["why"] else ""
            told |= {"status": status, "detail": f"{verb} by {action['actor']}{why}"}
        if told.get("status") == CANCELLED:
            self._works.pop(name, None)
        return self._stands(standing.changed(at_ms, **told), due_ms=at_ms)

    def _stands(self, standing: Standing, due_ms: int = 0) -> Effects:
        """A replay is so from now on, and people see it."""
        state = Output(replay.STATES, standing.key, self._codec.encode(REPLAY_STATE, standing.told()))
        return Effects([state], {standing.key: standing.row(due_ms)})

    # Turns

    async def _turn(self, turn: Mapping[str, Any], state: WritableState) -> Effects:
        standing = standing_of(state.get(turn["name"].encode()))
        if standing is None or standing.status != RUNNING or standing.turn != turn["turn"]:
            return Effects([], {})
        try:
            if (why := await self._live_waits()) is not None:
                return self._later(standing, why)
            work = await self._work(standing)
            if not standing.planned:
                return await self._planned(work, standing)
            return await self._go_on(work, standing, state)
        except UnavailableError as error:
            log.warning("replay waits", replay=standing.name, reason=str(error))
            return self._later(standing, str(error))
        except UsageError as error:
            self._works.pop(standing.name, None)
            return self._stands(standing.changed(now_ms(), status=FAILED, detail=str(error)))

    def _later(self, standing: Standing, why: str) -> Effects:
        later = standing.changed(now_ms(), turn=standing.turn + 1, detail=f"waits: {why}")
        return self._stands(later, due_ms=now_ms() + AGAIN_MS)

    async def _live_waits(self) -> str | None:
        """Why live events go first now. Raises UnavailableError."""
        if time.monotonic() - self._looked_s > LOOK_S:
            self._live.found = await asyncio.to_thread(measured, self._context.settings)
            self._looked_s = time.monotonic()
        return self._live.too_long()

    async def _work(self, standing: Standing) -> Work:
        from streams.processors.replay.work import Shared, Work  # loads models' runtime and database, for who replays

        if self._shared is None:
            self._shared = await Shared.open(self._context)
        if standing.name not in self._works:
            self._works[standing.name] = await Work.of(self._shared, standing)
        return self._works[standing.name]

    async def _planned(self, work: Work, standing: Standing) -> Effects:
        plan = await work.plan()
        counts = Counts(held=plan.held, gone=plan.gone)
        ready = standing.changed(
            now_ms(), turn=standing.turn + 1, planned=True, parts=plan.parts, past=plan.past, counts=counts, detail=None
        )
        return self._stands(ready, due_ms=now_ms())

    async def _go_on(self, work: Work, standing: Standing, state: WritableState) -> Effects:
        began = time.monotonic()
        batch = await work.next(standing, max(1, min(work.most, int(work.rate * TURN_S))))
        fresh = {work.instance_id(case): case for case in batch.cases}  # an event that was published twice counts once
        fresh = {each: case for each, case in fresh.items() if state.get(seen_key(standing.name, each)) is None}
        done = await work.carry_out(list(fresh.values()), state) if fresh else []
        results = [each.result for each in done]
        batch.count(
            replayed=len(done),
            changed=results.count("changed"),
            unanswered=results.count("unanswered"),
            from_history=sum(each.fields["place"] == "history" for each in done),
        )
        over = not batch.parts and batch.past is None
        if batch.idle and not over:  # nobody has to be told
            again = msgspec.structs.replace(standing, turn=standing.turn + 1)
            return Effects([], {standing.key: again.row(now_ms() + IDLE_MS)})
        moved = standing.changed(
            now_ms(), turn=standing.turn + 1, parts=batch.parts, past=batch.past, counts=batch.counts,
            status=COMPLETED if over else RUNNING, detail=None,
        )  # fmt: skip
        if over:
            self._works.pop(standing.name, None)
        left_s = len(done) / work.rate - (time.monotonic() - began)
        return self._made(moved, list(fresh), done, now_ms() + max(0, int(left_s * 1_000)))

    def _made(self, standing: Standing, fresh: list[str], done: list[Done], due_ms: int) -> Effects:
        effects = self._stands(standing, due_ms)
        forgotten_ms = standing.at_ms + SEEN_MS
        effects.changes |= {seen_key(standing.name, each): Row(b"", forgotten_ms) for each in fresh}
        for each in done:
            effects.outputs += each.outputs(self._codec)
            effects.counts.append(each.note)
        return effects


def _refusal(standing: Standing, verb: str) -> str | None:
    """Why a decision does not fit; None if it does."""
    if verb == "start":
        return "there has been a replay of this name; give another"
    if standing.status not in LIVE:
        return f"it is {standing.status}"
    if (verb, standing.status) in (("pause", PAUSED), ("resume", RUNNING)):
        return f"it is {standing.status} already"
    return None if verb in ("pause", "resume", "cancel") else f"nobody knows how to {verb} a replay"
