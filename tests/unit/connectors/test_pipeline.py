"""The way of a call, seen from a connector that does what the test tells it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from connectors.hub.breaker import State
from connectors.hub.contract import Call, Plan, Refused
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import CallLimits, Hub, jitter
from schemas.functions import EffectClass
from schemas.reasons import Effect, Reason

QUICK = CallLimits(total_timeout_s=2.0, first_pause_s=0.001, max_pause_s=0.002, concurrency=2)
FINE = CallOutcome(reason=Reason.OK, effect=Effect.DONE)
BUSY = CallOutcome(reason=Reason.CONFLICT, effect=Effect.NONE)
LOST = CallOutcome(reason=Reason.OUTCOME_UNKNOWN, effect=Effect.UNKNOWN)


class Scripted:
    """A connector that gives these outcomes in turn, the last one again and again."""

    functions = frozenset({"scripted"})

    def __init__(self, *outcomes: CallOutcome | Exception) -> None:
        self._outcomes: Sequence[CallOutcome | Exception] = outcomes or (FINE,)
        self.sent = 0
        self.at_once = 0
        self.most_at_once = 0

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def check(self, call: Call) -> Plan[None]:
        if call.arguments.get("bad"):
            raise KeyError("bug")
        return Plan(call=call, connection="it", effect=call.effect or EffectClass.BLIND, request=None)

    async def call(self, plan: Plan[None], timeout_s: float) -> CallOutcome:
        self.sent += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        outcome = self._outcomes[min(self.sent, len(self._outcomes)) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def a_call(effect: EffectClass = EffectClass.BLIND, deadline_ms: int | None = None, **arguments: Any) -> Call:
    return Call(function="scripted", arguments=arguments, key="k", effect=effect, deadline_ms=deadline_ms)


async def test_unknown_function_is_refused() -> None:
    outcome = await Hub([]).carry_out(a_call())
    assert (outcome.reason, outcome.effect) == (Reason.UNSUPPORTED, Effect.NONE)


async def test_refused_effect_is_tried_again() -> None:
    connector = Scripted(BUSY, FINE)
    assert (await Hub([connector], limits=QUICK).carry_out(a_call())).ok
    assert connector.sent == 2


async def test_blind_doubt_is_never_tried_again() -> None:
    connector = Scripted(LOST)
    assert (await Hub([connector], limits=QUICK).carry_out(a_call())).reason is Reason.OUTCOME_UNKNOWN
    assert connector.sent == 1


async def test_probed_doubt_is_never_tried_again() -> None:
    connector = Scripted(LOST)
    await Hub([connector], limits=QUICK).carry_out(a_call(EffectClass.PROBED))
    assert connector.sent == 1


async def test_repeatable_doubt_is_tried_so_many_times() -> None:
    connector = Scripted(LOST)
    outcome = await Hub([connector], limits=QUICK).carry_out(a_call(EffectClass.KEYED))
    assert connector.sent == outcome.attempt == QUICK.tries


async def test_deadline_in_the_past_sends_nothing() -> None:
    connector = Scripted()
    outcome = await Hub([connector], limits=QUICK).carry_out(a_call(deadline_ms=int(time.time() * 1000) - 1))
    assert (outcome.reason, outcome.effect, connector.sent) == (Reason.TIMED_OUT, Effect.NONE, 0)


async def test_intent_comes_before_every_try() -> None:
    connector, seen = Scripted(BUSY, FINE), []

    async def before_send(plan: Plan[Any]) -> None:
        seen.append(connector.sent)

    await Hub([connector], limits=QUICK).carry_out(a_call(), before_send)
    assert seen == [0, 1]


async def test_refusal_before_sending_has_no_effect() -> None:
    connector = Scripted()

    async def before_send(plan: Plan[Any]) -> None:
        raise Refused(Reason.WITHDRAWN, "not wanted")

    outcome = await Hub([connector], limits=QUICK).carry_out(a_call(), before_send)
    assert (outcome.reason, outcome.effect, connector.sent) == (Reason.WITHDRAWN, Effect.NONE, 0)


async def test_failing_intent_reaches_the_caller() -> None:
    connector = Scripted()

    async def before_send(plan: Plan[Any]) -> None:
        raise ConnectionError("no changelog")

    try:
        await Hub([connector], limits=QUICK).carry_out(a_call(), before_send)
    except ConnectionError:
        assert connector.sent == 0
    else:
        raise AssertionError("the error was swallowed")


async def test_bug_while_sending_leaves_a_doubt() -> None:
    outcome = await Hub([Scripted(ValueError("bug"))], limits=QUICK).carry_out(a_call())
    assert (outcome.reason, outcome.effect) == (Reason.PLATFORM_FAULT, Effect.UNKNOWN)


async def test_bug_while_reading_the_call_sends_nothing() -> None:
    connector = Scripted()
    outcome = await Hub([connector], limits=QUICK).carry_out(a_call(bad=True))
    assert (outcome.reason, outcome.effect, connector.sent) == (Reason.PLATFORM_FAULT, Effect.NONE, 0)


async def test_bulkhead_bounds_calls_per_connection() -> None:
    connector = Scripted()
    hub = Hub([connector], limits=QUICK)
    await asyncio.gather(*(hub.carry_out(a_call()) for _ in range(10)))
    assert connector.sent == 10
    assert connector.most_at_once == QUICK.concurrency


async def test_dead_system_is_left_alone() -> None:
    connector = Scripted(CallOutcome(reason=Reason.UNREACHED, effect=Effect.NONE))
    hub = Hub([connector], limits=CallLimits(total_timeout_s=0.2, first_pause_s=0.001, max_pause_s=0.002))
    outcomes = [await hub.carry_out(a_call()) for _ in range(4)]
    assert connector.sent == 5  # the breaker's threshold; the rest waited for it in vain
    assert {outcome.reason for outcome in outcomes} == {Reason.UNREACHED}
    assert hub.breakers() == {"it": State.OPEN}


async def test_business_refusals_leave_the_breaker_closed() -> None:
    connector = Scripted(CallOutcome(reason=Reason.BUSINESS_REJECTED, effect=Effect.NONE))
    hub = Hub([connector], limits=QUICK)
    for _ in range(10):
        await hub.carry_out(a_call())
    assert hub.breakers() == {"it": State.CLOSED}


async def test_idle_connections_are_forgotten() -> None:
    class Many(Scripted):
        def check(self, call: Call) -> Plan[None]:
            return Plan(call=call, connection=call.arguments["to"], effect=EffectClass.READ, request=None)

    hub = Hub([Many()], limits=CallLimits(lanes=3))
    for number in range(10):
        await hub.carry_out(a_call(to=str(number)))
    assert len(hub.breakers()) <= 3


async def test_every_call_is_observed() -> None:
    seen: list[Reason] = []
    hub = Hub([Scripted()], limits=QUICK, observe=lambda call, outcome, seconds: seen.append(outcome.reason))
    await hub.carry_out(a_call())
    await hub.carry_out(Call(function="nothing", arguments={}, key="k"))
    assert seen == [Reason.OK, Reason.UNSUPPORTED]


def test_jitter_is_derived_from_the_key() -> None:
    assert jitter("a", 1) == jitter("a", 1)
    assert len({jitter("a", 1), jitter("a", 2), jitter("b", 1)}) == 3
    assert all(0 <= jitter(str(number), 1) < 1 for number in range(100))
