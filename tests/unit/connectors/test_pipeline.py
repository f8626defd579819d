"""The way of a call, seen from a connector that does what the test tells it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from connectors.hub.breaker import State
from connectors.hub.contract import HubCall, Plan, Refused
from connectors.hub.observer import EndedCall
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import CallLimits, Hub
from connectors.hub.turns import jitter
from schemas.functions import EffectClass
from schemas.reasons import Effect, Reason
from tests.support.scripted import ASK, FINE, SCRIPTED, Scripted
from tests.support.waiting import PATIENCE_S

QUICK = CallLimits(total_timeout_s=2.0, concurrency=2)
AT_ONCE = CallLimits(total_timeout_s=0.2)
BUSY = CallOutcome(reason=Reason.CONFLICT, effect=Effect.NONE)
LOST = CallOutcome(reason=Reason.OUTCOME_UNKNOWN, effect=Effect.UNKNOWN)


def a_call(effect: EffectClass = EffectClass.BLIND, deadline_ms: int | None = None, **arguments: Any) -> HubCall:
    return HubCall(function="scripted", arguments=arguments, key="k", effect=effect, deadline_ms=deadline_ms)


async def test_unknown_function_is_refused() -> None:
    outcome = await Hub({}).carry_out(a_call())
    assert (outcome.reason, outcome.effect) == (Reason.UNSUPPORTED, Effect.NONE)


@pytest.mark.parametrize("effect", EffectClass)
@pytest.mark.parametrize("failed", [BUSY, LOST])
async def test_call_is_sent_once_whatever_comes_of_it(effect: EffectClass, failed: CallOutcome) -> None:
    connector = Scripted(failed, FINE)
    outcome = await Hub({SCRIPTED: connector}, limits=QUICK).carry_out(a_call(effect))
    assert (outcome.reason, connector.sent) == (failed.reason, 1)


async def test_deadline_in_the_past_sends_nothing() -> None:
    connector = Scripted()
    outcome = await Hub({SCRIPTED: connector}, limits=QUICK).carry_out(a_call(deadline_ms=int(time.time() * 1000) - 1))
    assert (outcome.reason, outcome.effect, connector.sent) == (Reason.TIMED_OUT, Effect.NONE, 0)


async def test_intent_comes_before_the_sending() -> None:
    connector, seen = Scripted(), []

    async def before_send(plan: Plan[Any]) -> None:
        seen.append(connector.sent)

    await Hub({SCRIPTED: connector}, limits=QUICK).carry_out(a_call(), before_send)
    assert (seen, connector.sent) == ([0], 1)


async def test_refusal_before_sending_has_no_effect() -> None:
    connector = Scripted()

    async def before_send(plan: Plan[Any]) -> None:
        raise Refused(Reason.WITHDRAWN, "not wanted")

    outcome = await Hub({SCRIPTED: connector}, limits=QUICK).carry_out(a_call(), before_send)
    assert (outcome.reason, outcome.effect, connector.sent) == (Reason.WITHDRAWN, Effect.NONE, 0)


async def test_failing_intent_reaches_the_caller() -> None:
    connector = Scripted()

    async def before_send(plan: Plan[Any]) -> None:
        raise ConnectionError("no changelog")

    try:
        await Hub({SCRIPTED: connector}, limits=QUICK).carry_out(a_call(), before_send)
    except ConnectionError:
        assert connector.sent == 0
    else:
        raise AssertionError("the error was swallowed")


async def test_bug_while_sending_leaves_a_doubt() -> None:
    outcome = await Hub({SCRIPTED: Scripted(ValueError("bug"))}, limits=QUICK).carry_out(a_call())
    assert (outcome.reason, outcome.effect) == (Reason.PLATFORM_FAULT, Effect.UNKNOWN)


async def test_bug_while_reading_the_call_sends_nothing() -> None:
    connector = Scripted()
    outcome = await Hub({SCRIPTED: connector}, limits=QUICK).carry_out(a_call(bad=True))
    assert (outcome.reason, outcome.effect, connector.sent) == (Reason.PLATFORM_FAULT, Effect.NONE, 0)


async def test_bulkhead_bounds_calls_per_connection() -> None:
    connector = Scripted()
    hub = Hub({SCRIPTED: connector}, limits=QUICK)
    await asyncio.gather(*(hub.carry_out(a_call()) for _ in range(10)))
    assert connector.sent == 10
    assert connector.most_at_once == QUICK.concurrency


async def test_intents_are_not_bounded_by_places_and_what_waited_for_one_is_asked_again() -> None:
    connector, asked, all_asked = Scripted(), 0, asyncio.Event()

    async def before_send(plan: Plan[Any]) -> None:
        nonlocal asked
        asked += 1
        if asked == 10:
            all_asked.set()
        if asked > 10:
            raise Refused(Reason.WITHDRAWN, "not wanted any more")
        async with asyncio.timeout(PATIENCE_S):
            await all_asked.wait()

    hub = Hub({SCRIPTED: connector}, limits=QUICK)
    outcomes = await asyncio.gather(*(hub.carry_out(a_call(), before_send) for _ in range(10)))
    assert connector.sent == QUICK.concurrency
    assert sorted(each.reason for each in outcomes) == ["OK"] * 2 + ["WITHDRAWN"] * 8
    assert {each.effect for each in outcomes if not each.ok} == {Effect.NONE}


async def test_dead_system_is_left_alone() -> None:
    connector = Scripted(CallOutcome(reason=Reason.UNREACHED, effect=Effect.NONE))
    hub = Hub({SCRIPTED: connector}, limits=AT_ONCE)
    outcomes = [await hub.carry_out(a_call()) for _ in range(7)]
    assert connector.sent == 5  # the breaker's threshold; the rest waited for it in vain
    assert {outcome.reason for outcome in outcomes} == {Reason.UNREACHED}
    assert hub.breakers() == {"it": State.OPEN}


async def test_business_refusals_leave_the_breaker_closed() -> None:
    connector = Scripted(CallOutcome(reason=Reason.BUSINESS_REJECTED, effect=Effect.NONE))
    hub = Hub({SCRIPTED: connector}, limits=QUICK)
    for _ in range(10):
        await hub.carry_out(a_call())
    assert hub.breakers() == {"it": State.CLOSED}


async def test_another_address_is_not_held_back() -> None:
    connector = Scripted(*[CallOutcome(reason=Reason.UNREACHED, effect=Effect.NONE)] * 5, FINE)
    hub = Hub({SCRIPTED: connector}, limits=AT_ONCE)
    while hub.breakers().get("it") is not State.OPEN:
        await hub.carry_out(a_call())
    connector.address = "there"
    assert (await hub.carry_out(a_call())).ok
    assert hub.breakers() == {"it": State.CLOSED}


async def test_idle_connections_are_forgotten() -> None:
    hub = Hub({SCRIPTED: Scripted()}, limits=CallLimits(lanes=3))
    for number in range(10):
        await hub.carry_out(a_call(EffectClass.READ, to=str(number)))
    assert len(hub.breakers()) <= 3


async def test_breakers_can_be_asked_from_another_thread() -> None:
    hub = Hub({SCRIPTED: Scripted()}, limits=QUICK)
    await hub.carry_out(a_call())
    assert await asyncio.to_thread(hub.breakers) == {"it": State.CLOSED}


def a_watched_hub(connector: Scripted, limits: CallLimits = QUICK) -> tuple[Hub, list[EndedCall]]:
    seen: list[EndedCall] = []
    return Hub({SCRIPTED: connector}, limits=limits, observe=seen.append), seen


async def test_observer_is_told_what_became_of_a_call() -> None:
    hub, seen = a_watched_hub(Scripted())
    before = time.monotonic()
    await hub.carry_out(a_call())
    (ended,) = seen
    assert (ended.function, ended.connection, ended.reason, ended.effect) == ("scripted", "it", "OK", "done")
    assert not ended.in_doubt
    assert 0 < ended.seconds <= time.monotonic() - before


async def test_observer_is_told_of_refused_calls_too() -> None:
    hub, seen = a_watched_hub(Scripted())
    await hub.carry_out(HubCall(function="nothing", arguments={}, key="k"))
    await hub.carry_out(a_call(surprise=1))
    assert [(ended.reason, ended.connection) for ended in seen] == [
        (Reason.UNSUPPORTED, ""),
        (Reason.INPUT_INVALID, ""),
    ]


async def test_observer_is_told_of_doubts() -> None:
    hub, seen = a_watched_hub(Scripted(LOST))
    await hub.carry_out(a_call())
    assert [(ended.reason, ended.in_doubt) for ended in seen] == [(Reason.OUTCOME_UNKNOWN, True)]


async def test_observer_is_told_of_calls_that_a_breaker_stopped() -> None:
    down = Scripted(CallOutcome(reason=Reason.UNREACHED, effect=Effect.NONE))
    hub, seen = a_watched_hub(down, AT_ONCE)
    for _ in range(6):
        await hub.carry_out(a_call())
    stopped = seen[-1]
    assert (down.sent, stopped.connection, stopped.reason, stopped.effect) == (5, "it", "UNREACHED", "none")


async def test_effect_declared_for_all_calls_is_final() -> None:
    sure = replace(ASK, effect=EffectClass.READ)
    connector = Scripted(LOST)
    connector.operations = {sure: connector.operations[ASK]}
    hub = Hub({replace(SCRIPTED, operations=(sure,)): connector}, limits=QUICK)
    seen = []

    async def before_send(plan: Plan[Any]) -> None:
        seen.append(plan.effect)

    await hub.carry_out(a_call(EffectClass.BLIND), before_send)
    assert seen == [EffectClass.READ]


def test_hub_refuses_a_connector_that_lacks_what_it_declares() -> None:
    connector = Scripted()
    connector.operations = {}
    with pytest.raises(LookupError, match="scripted"):
        Hub({SCRIPTED: connector})


async def test_large_connector_is_made_when_it_is_called_and_once() -> None:
    made: list[Scripted] = []

    def make() -> Scripted:
        made.append(Scripted())
        return made[-1]

    async with Hub({}, limits=QUICK, later={SCRIPTED: make}) as hub:
        assert not made
        outcomes = await asyncio.gather(*(hub.carry_out(a_call()) for _ in range(20)))
        assert {each.reason for each in outcomes} == {Reason.OK}
        assert [each.sent for each in made] == [20]


async def test_connector_that_cannot_be_made_costs_the_call_and_is_tried_again() -> None:
    missing = [ModuleNotFoundError("its client")]

    def make() -> Scripted:
        if missing:
            raise missing.pop()
        return Scripted()

    hub = Hub({}, limits=QUICK, later={SCRIPTED: make})
    first, second = await hub.carry_out(a_call()), await hub.carry_out(a_call())
    assert (first.reason, first.effect, second.reason) == (Reason.PLATFORM_FAULT, Effect.NONE, Reason.OK)
    assert "its client" not in (first.detail or "")


def test_jitter_is_derived_from_the_key() -> None:
    assert jitter("a", 1) == jitter("a", 1)
    assert len({jitter("a", 1), jitter("a", 2), jitter("b", 1)}) == 3
    assert all(0 <= jitter(str(number), 1) < 1 for number in range(100))
