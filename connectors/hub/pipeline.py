"""The way of a call: plan → policy → bulkhead → breaker → intent → transport → short retry.

Everything that can refuse a call stands before the intent, so a refusal is never in doubt. The retry here is for
seconds and hides hiccups only; what outlasts it is reported, and waiting longer is the business of whoever owns the
step.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from connectors.declaration import Declaration
from connectors.hub.breaker import Breaker, BreakerOpen, State
from connectors.hub.contract import AnyConnector, HubCall, Plan, Refused
from connectors.hub.lanes import TOO_LATE, Lanes
from connectors.hub.observer import EndedCall, Observer, unobserved
from connectors.hub.operations import Operation, bound
from connectors.hub.outcome import CallOutcome
from connectors.hub.policy import Policy
from schemas.reasons import Advice, Effect, Reason

log = logging.getLogger(__name__)

BeforeSend = Callable[[Plan[Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """Bounds of every call."""

    total_timeout_s: float = 30.0  # waiting, tries and pauses together; a deadline of the step can only shorten it
    try_timeout_s: float = 15.0
    tries: int = 3
    first_pause_s: float = 0.2
    max_pause_s: float = 5.0
    concurrency: int = 16  # calls under way at once on one connection
    lanes: int = 1_000  # connections remembered; beyond, those that are idle and well are forgotten


ANYWHERE = Policy()
USUAL = CallLimits()


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
    ) -> None:
        self._operations: dict[str, Operation] = {}
        for declaration, connector in connectors.items():
            self._operations |= bound(declaration, connector)
        self._all = tuple(connectors.values())
        self._policy = policy
        self._limits = limits
        self._observe = observe
        self._lanes = Lanes(limits.lanes, limits.concurrency)

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

    async def carry_out(self, call: HubCall, before_send: BeforeSend = send_at_once) -> CallOutcome:
        """Makes the call and says what came of it; raises only what `before_send` raises, Refused excepted.

        `before_send` is awaited before each try, when nothing but the sending is left: there an effectful call makes
        its intent durable, and a call that nobody wants any more raises Refused.
        """
        started = time.monotonic()
        connection = ""
        try:
            connector, plan = self._plan(call)
            connection = plan.connection
            outcome = await self._in_lane(connector, plan, before_send)
        except Refused as refusal:
            outcome = refusal.outcome
        ended = EndedCall(
            function=call.function,
            connection=connection,
            reason=outcome.reason,
            effect=outcome.effect,
            seconds=time.monotonic() - started,
            tries=outcome.attempt,
        )
        self._observe(ended)
        return outcome

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

    async def _in_lane(self, connector: AnyConnector, plan: Plan[Any], before_send: BeforeSend) -> CallOutcome:
        ends_at = asyncio.get_running_loop().time() + self._budget_s(plan.call)
        lane = self._lanes.of(plan.connection, plan.address)
        async with lane.place(ends_at):
            return await self._tries(connector, plan, before_send, lane.breaker, ends_at)

    def _budget_s(self, call: HubCall) -> float:
        if call.deadline_ms is None:
            return self._limits.total_timeout_s
        return min(self._limits.total_timeout_s, call.deadline_ms / 1000 - time.time())

    async def _tries(
        self, connector: AnyConnector, plan: Plan[Any], before_send: BeforeSend, breaker: Breaker, ends_at: float
    ) -> CallOutcome:
        clock = asyncio.get_running_loop().time
        outcome: CallOutcome | None = None
        for attempt in range(1, self._limits.tries + 1):
            try:
                async with breaker.passage(ends_at) as passage:
                    if clock() >= ends_at:
                        raise Refused(Reason.TIMED_OUT, TOO_LATE)
                    await before_send(plan)
                    latest = await self._send(connector, plan, ends_at - clock())
                    passage.healthy = None if latest.outdated else not latest.meaning.trips
            except (BreakerOpen, Refused) as stopped:
                return outcome or _stopped(plan, stopped)
            outcome = _after(outcome, latest, attempt)
            pause_s = self._pause_s(plan, outcome)
            if pause_s is None or clock() + pause_s >= ends_at or attempt == self._limits.tries:
                return outcome
            await asyncio.sleep(pause_s)
        raise AssertionError("there is always a last try")

    async def _send(self, connector: AnyConnector, plan: Plan[Any], left_s: float) -> CallOutcome:
        try:
            return await connector.call(plan, min(left_s, self._limits.try_timeout_s))
        except Refused:
            raise
        except Exception:  # a bug of one connector costs this call, not the worker; what it did meanwhile is not known
            log.exception("%s: the connector failed", plan.call.function)
            return CallOutcome(
                reason=Reason.PLATFORM_FAULT,
                effect=plan.effect.when(certain=Effect.UNKNOWN),
                detail=f"{plan.call.function}: the connector failed; see the log",
            )

    def _pause_s(self, plan: Plan[Any], outcome: CallOutcome) -> float | None:
        """How long to wait before the same call may be made again; None if it may not."""
        harmless = plan.effect.repeatable or outcome.effect is Effect.NONE
        advice = outcome.meaning.advice
        worth_it = advice in (Advice.BACKOFF, Advice.AFTER) or outcome.reason is Reason.OUTCOME_UNKNOWN
        if not (harmless and worth_it):
            return None
        if outcome.outdated:
            return 0.0
        spread_s = min(self._limits.max_pause_s, self._limits.first_pause_s * 2.0 ** (outcome.attempt - 1))
        return spread_s * jitter(plan.call.key, outcome.attempt) + (outcome.retry_after_ms or 0) / 1000


def jitter(key: str, attempt: int) -> float:
    """A number in [0, 1) that is random across keys and attempts, and the same whenever the same call is made."""
    return int.from_bytes(sha256(f"{key}#{attempt}".encode()).digest()[:8]) / 2**64


def _stopped(plan: Plan[Any], stopped: BreakerOpen | Refused) -> CallOutcome:
    if isinstance(stopped, Refused):
        return stopped.outcome
    detail = f"{plan.connection} has failed repeatedly and is not called until it is well again"
    return CallOutcome(reason=Reason.UNREACHED, effect=Effect.NONE, detail=detail, attempt=0)


def _after(earlier: CallOutcome | None, latest: CallOutcome, attempt: int) -> CallOutcome:
    """The latest outcome; a doubt that an earlier try left stays, unless the call has succeeded now."""
    if earlier is not None and earlier.effect is Effect.UNKNOWN and not latest.ok:
        return replace(latest, attempt=attempt, effect=Effect.UNKNOWN)
    return latest if latest.attempt == attempt else replace(latest, attempt=attempt)
