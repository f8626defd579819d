"""The way of a call: plan → policy → rate → breaker → gate → intent → bulkhead → transport, once.

A refusal is never in doubt, also where it comes after the intent. The places of a connection are taken when nothing but
the sending is left: so many intents can be written together, and a place is not held while they are. A worker that dies
then leaves some doubts about calls that were not made, no more than it has calls under way. Whether a call is made
again is the business of whoever owns the step. So is waiting for a system that is not to be called now, for one who
says that it can wait (`turns.py`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from connectors.declaration import Declaration
from connectors.hub.breaker import Passage, State
from connectors.hub.contract import AnyConnector, HubCall, Plan, Refused
from connectors.hub.lanes import Lane, Lanes
from connectors.hub.limits import TRY_S, ConnectionLimits, LimitsOf
from connectors.hub.observer import EndedCall, Observer, unobserved
from connectors.hub.operations import Operation, bound
from connectors.hub.outcome import CallOutcome
from connectors.hub.places import TOO_LATE
from connectors.hub.policy import Policy
from connectors.hub.turns import look_again, passed, pause, placed, postpone
from connectors.hub.waiting import Rest
from schemas.reasons import Effect, Reason

log = logging.getLogger(__name__)

PausedFor = Callable[[str], float]
"""How many seconds a system, by the name that the site gave it, is not to be called; 0: it may be."""

BeforeSend = Callable[[Plan[Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """Bounds of every call."""

    total_timeout_s: float = 30.0  # waiting and sending together; longer by what a try may be longer than usual
    try_timeout_s: float = TRY_S  # from sending to the answer, where the connection does not say it
    concurrency: int = 16  # calls under way at once on one connection, unless that has limits of its own
    lanes: int = 1_000  # connections remembered; beyond, those that are idle and well are forgotten


ANYWHERE = Policy()
USUAL = CallLimits()


def never_paused(system: str) -> float:
    """Nobody pauses anything."""
    return 0.0


async def send_at_once(plan: Plan[Any]) -> None:
    """Nothing stands between the plan and its sending."""


class Hub:
    """All connectors behind one door. An asynchronous context manager: entering opens, leaving closes them."""

    def __init__(
        self,
        connectors: Mapping[Declaration, AnyConnector],
        policy: Policy = ANYWHERE,
        limits: CallLimits = USUAL,
        observe: Observer = unobserved,
        limits_of: LimitsOf | None = None,
        paused_s: PausedFor = never_paused,
        later: Mapping[Declaration, Callable[[], AnyConnector]] = MappingProxyType({}),
    ) -> None:
        """`later` makes those connectors that are made, in a thread, when they are called for the first time."""
        self._operations: dict[str, Operation] = {}
        for declaration, connector in connectors.items():
            self._operations |= bound(declaration, connector)
        self._all = list(connectors.values())
        self._later = {operation.name: (each, make) for each, make in later.items() for operation in each.operations}
        self._making = asyncio.Lock()
        self._policy = policy
        self._limits = limits
        self._observe = observe
        self._lanes = Lanes(limits.lanes)
        usual = ConnectionLimits(concurrency=limits.concurrency)
        self._paused_s = paused_s
        self._limits_of = limits_of or (lambda _: usual)

    async def __aenter__(self) -> Hub:
        for connector in self._all:
            await connector.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        for connector in self._all:
            await connector.close()

    def breakers(self) -> Mapping[str, State]:
        """The state of the breaker of every connection in use; may be asked from any thread."""
        return self._lanes.states()

    async def carry_out(
        self, call: HubCall, before_send: BeforeSend = send_at_once, rest: Rest | None = None
    ) -> CallOutcome:
        """Makes the call and says what came of it; raises only what `before_send` raises, Refused excepted.

        For a call that can wait (`HubCall.waited`) it also raises Postponed, where the call cannot be made soon.

        `before_send` is awaited when nothing but the sending is left: there an effectful call makes its intent durable,
        and a call that nobody wants any more raises Refused. It is awaited again after a wait for a place. What comes
        before that is waited for in `rest`, if given.
        """
        started = time.monotonic()
        connection = system = ""
        try:
            if call.function in self._later:
                await self._make(call.function)
            connector, plan = self._plan(call)
            connection = plan.connection
            system = plan.system
            outcome = await self._in_lane(connector, plan, before_send, rest)
        except Refused as refusal:
            outcome = refusal.outcome
        ended = EndedCall(
            function=call.function,
            connection=connection,
            reason=outcome.reason,
            effect=outcome.effect,
            seconds=time.monotonic() - started,
            status=outcome.status,
        )
        self._observe(ended)
        outcome.system = system
        return outcome

    async def _make(self, function: str) -> None:
        """Makes the connector that carries the function out, unless somebody else has done so meanwhile."""
        async with self._making:
            if function not in self._later:
                return
            declaration, make = self._later[function]
            try:
                connector = await asyncio.to_thread(make)
                found = bound(declaration, connector)
                await connector.open()
            except Exception:  # what is missing costs the calls that need it, not the worker
                log.exception("%s: the connector %s cannot be made", function, declaration.name)
                raise Refused(Reason.PLATFORM_FAULT, f"{function}: the connector cannot be made; see the log") from None
            self._all.append(connector)
            self._operations |= found
            for name in found:
                del self._later[name]

    def _plan(self, call: HubCall) -> tuple[AnyConnector, Plan[Any]]:
        operation = self._operations.get(call.function)
        if operation is None:
            raise Refused(Reason.UNSUPPORTED, f"no connector has the function {call.function!r}")
        try:
            plan = operation.plan(call)
        except Refused:
            raise
        except Exception:  # a bug of one connector costs this call, not the worker
            log.exception("%s: reading the call failed", call.function)
            raise Refused(Reason.PLATFORM_FAULT, f"{call.function}: the call could not be read; see the log") from None
        if plan.host is not None:
            self._policy.check_host(plan.host)
        return operation.connector, plan

    async def _in_lane(
        self, connector: AnyConnector, plan: Plan[Any], before_send: BeforeSend, rest: Rest | None
    ) -> CallOutcome:
        limits = self._limits_of(plan.system)
        try_s = self._limits.try_timeout_s if limits.timeout_s is None else limits.timeout_s
        ends_at = asyncio.get_running_loop().time() + self._budget_s(plan.call, try_s)
        lane = self._lanes.of(plan.connection, plan.address, limits)
        pause(plan, self._paused_s(plan.system))
        postpone(plan, lane)
        passage, let_in = await passed(plan, lane, ends_at, rest)
        try:
            return await self._once(connector, plan, before_send, lane, passage, ends_at, try_s)
        finally:
            lane.let_go(passage, let_in)

    def _budget_s(self, call: HubCall, try_s: float) -> float:
        """Waiting and sending together; the deadline of a step can only shorten it."""
        budget_s = self._limits.total_timeout_s + max(0.0, try_s - self._limits.try_timeout_s)
        return budget_s if call.deadline_ms is None else min(budget_s, call.deadline_ms / 1000 - time.time())

    async def _once(
        self,
        connector: AnyConnector,
        plan: Plan[Any],
        before_send: BeforeSend,
        lane: Lane,
        passage: Passage,
        ends_at: float,
        try_s: float,
    ) -> CallOutcome:
        clock = asyncio.get_running_loop().time
        if clock() >= ends_at:
            raise Refused(Reason.TIMED_OUT, TOO_LATE)
        await before_send(plan)
        place = await placed(plan, lane, ends_at)
        try:
            if place.waited:
                look_again(plan, lane, passage)
                await before_send(plan)  # it may not be wanted any more
            outcome = await self._send(connector, plan, min(ends_at - clock(), try_s))
        finally:
            lane.leave(place)
        if outcome.quiet_ms:
            lane.rate.quiet(outcome.quiet_ms / 1_000)
        passage.healthy = None if outcome.outdated else not outcome.meaning.trips
        return outcome

    async def _send(self, connector: AnyConnector, plan: Plan[Any], timeout_s: float) -> CallOutcome:
        try:
            return await connector.call(plan, timeout_s)
        except Refused:
            raise
        except Exception:  # a bug of one connector costs this call, not the worker; what it did meanwhile is not known
            log.exception("%s: the connector failed", plan.call.function)
            return CallOutcome(
                reason=Reason.PLATFORM_FAULT,
                effect=plan.effect.when(certain=Effect.UNKNOWN),
                detail=f"{plan.call.function}: the connector failed; see the log",
            )
