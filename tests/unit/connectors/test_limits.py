"""How often and how much at once: rates, places that change, and calls that are handed back instead of waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.http.quiet import quiet_ms
from connectors.hub.breaker import State
from connectors.hub.contract import HubCall, Plan, Refused
from connectors.hub.lanes import Lane
from connectors.hub.limits import ConnectionLimits
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import CallLimits, Hub
from connectors.hub.rate import Rate
from connectors.hub.waiting import LONGEST_S, SHORT_S, Postponed, Waited, WaitsFor
from schemas.functions import EffectClass
from schemas.reasons import Effect, Reason
from tests.support.scripted import FINE, SCRIPTED, Scripted
from tests.support.waiting import PATIENCE_S

DOWN = CallOutcome(reason=Reason.UNREACHED, effect=Effect.NONE)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT_ONCE = CallLimits(total_timeout_s=5.0)
FOR_EVER = float("inf")


class Clock:
    """Stands still until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def passed(rate: Rate, clock: Clock, seconds: float, step_s: float = 0.01) -> int:
    """How many calls find their turn at once, tried again and again for so long."""
    count, end = 0, clock.now + seconds
    while clock.now < end:
        while not rate.wait_s():
            rate.take()
            count += 1
        clock.now += step_s
    return count


def test_rate_lets_so_many_pass_and_a_second_of_what_was_not_used() -> None:
    clock = Clock()
    rate = Rate(clock, 10)
    assert passed(rate, clock, 10) == pytest.approx(10 * 10 + 10, abs=2)
    clock.now += 3_600
    assert passed(rate, clock, 0.01) == pytest.approx(10, abs=1)


def test_rate_below_one_a_second_is_kept() -> None:
    clock = Clock()
    assert passed(Rate(clock, 0.5), clock, 20) == pytest.approx(10, abs=1)


def test_quiet_holds_back_what_has_no_rate_too() -> None:
    clock = Clock()
    rate = Rate(clock)
    rate.quiet(7)
    rate.quiet(3)
    assert rate.wait_s() == 7
    clock.now += 7
    assert rate.wait_s() == 0


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, {}, None),
        (429, {"retry-after": "7"}, 7_000),
        (200, {"retry-after": "7"}, None),
        (503, {"retry-after": "Thu, 01 Jan 2026 00:00:09 GMT"}, 9_000),
        (200, {"ratelimit": '"default";r=0;t=30'}, 30_000),
        (200, {"ratelimit": '"default";r=1;t=30'}, None),
        (200, {"ratelimit": '"a";r=50;t=30, "b";r=0;t=5'}, 5_000),
        (200, {"ratelimit": "limit=10, remaining=0"}, None),
        (200, {"ratelimit-remaining": "0", "ratelimit-reset": "12"}, 12_000),
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 20)}, 20_000),
        (200, {"x-ratelimit-remaining": "3", "x-ratelimit-reset": "20"}, None),
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, None),
        (429, {"retry-after": "1", "ratelimit": '"d";r=0;t=4'}, 4_000),
        (200, {"ratelimit": '"d";r=0;t=' + "9" * 50}, None),
        (200, {"ratelimit": ';;;r=0;t=1"' * 400}, None),
    ],
)
def test_what_answers_say_of_quiet(status: int, headers: dict[str, str], expected: int | None) -> None:
    assert quiet_ms(status, headers, NOW) == expected


@asynccontextmanager
async def placed(lane: Lane, ends_at: float) -> AsyncIterator[None]:
    place = await lane.places.enter(ends_at)
    try:
        yield
    finally:
        lane.leave(place)


async def test_place_follows_the_limit() -> None:
    lane = Lane(ConnectionLimits(concurrency=1), "")
    inside, most, let_go = 0, 0, asyncio.Event()

    async def one() -> None:
        nonlocal inside, most
        async with placed(lane, FOR_EVER):
            inside += 1
            most = max(most, inside)
            await let_go.wait()
            inside -= 1

    calls = [asyncio.create_task(one()) for _ in range(6)]
    await asyncio.sleep(0.01)
    assert inside == 1
    lane.adjust(ConnectionLimits(concurrency=3))
    await asyncio.sleep(0.01)
    assert inside == 3
    lane.adjust(ConnectionLimits(concurrency=2))
    calls[-1].cancel()
    let_go.set()
    await asyncio.gather(*calls, return_exceptions=True)
    assert (most, lane.forgettable) == (3, True)


async def test_place_that_nobody_waits_for_any_more_goes_to_the_next() -> None:
    lane = Lane(ConnectionLimits(concurrency=1), "")
    held = await lane.places.enter(FOR_EVER)

    async def one(ends_at: float) -> str:
        async with placed(lane, ends_at):
            return "in"

    late = asyncio.create_task(one(asyncio.get_running_loop().time() + 0.01))
    cancelled, patient = asyncio.create_task(one(FOR_EVER)), asyncio.create_task(one(FOR_EVER))
    with pytest.raises(Refused):
        await late
    lane.leave(held)
    cancelled.cancel()
    async with asyncio.timeout(PATIENCE_S):
        assert await patient == "in"
    assert lane.forgettable


def a_call(waited: Waited | None = Waited(), key: str = "k", deadline_ms: int | None = None) -> HubCall:  # noqa: B008
    return HubCall(
        function="scripted", arguments={}, key=key, effect=EffectClass.KEYED, waited=waited, deadline_ms=deadline_ms
    )


def hub_of(connector: Scripted, limits: Callable[[str], ConnectionLimits] | None = None) -> Hub:
    return Hub({SCRIPTED: connector}, limits=AT_ONCE, limits_of=limits)


async def opened(hub: Hub, cool_down_s: float = 30.0) -> None:
    """The breaker stands open for a while."""
    while hub.breakers().get("it") is not State.OPEN:
        await hub.carry_out(a_call())
    lane = next(iter(hub._lanes._lanes.values()))
    lane.breaker._opens_at = asyncio.get_running_loop().time() + cool_down_s


async def test_call_that_can_wait_is_handed_back_while_the_breaker_is_open() -> None:
    connector = Scripted(DOWN)
    hub = hub_of(connector)
    await opened(hub)
    sent, waits = connector.sent, []
    for times in range(8):
        with pytest.raises(Postponed) as handed_back:
            await hub.carry_out(a_call(Waited(times=times), key=str(times)))
        waits.append(handed_back.value.seconds)
    assert (connector.sent, handed_back.value.waits_for) == (sent, WaitsFor.BREAKER)
    assert all(SHORT_S < wait <= 1.5 * LONGEST_S for wait in waits)
    assert waits[-1] > LONGEST_S - 1, "what waits long is looked at seldom"


async def test_call_that_cannot_wait_fails_as_ever() -> None:
    hub = hub_of(Scripted(DOWN))
    await opened(hub)
    outcome = await hub.carry_out(a_call(None))
    assert (outcome.reason, outcome.effect) == (Reason.UNREACHED, Effect.NONE)


async def test_patience_of_the_connection_ends_the_waiting() -> None:
    hub = hub_of(Scripted(DOWN), lambda _: ConnectionLimits(patience_s=600))
    await opened(hub)
    with pytest.raises(Postponed):
        await hub.carry_out(a_call(Waited(599, 20)))
    outcome = await hub.carry_out(a_call(Waited(600, 20)))
    assert (outcome.reason, outcome.effect) == (Reason.UNREACHED, Effect.NONE)


async def test_deadline_of_the_step_ends_the_waiting() -> None:
    hub = hub_of(Scripted(DOWN))
    await opened(hub)
    outcome = await hub.carry_out(a_call(deadline_ms=int(time.time() * 1_000) + 5_000))
    assert (outcome.reason, outcome.effect) == (Reason.UNREACHED, Effect.NONE)


class Timed(Scripted):
    """Tells how long it may take, and begins after a while."""

    given_s: float = 0.0

    async def call(self, plan: Plan[None], timeout_s: float) -> CallOutcome:
        self.given_s = timeout_s
        return await super().call(plan, timeout_s)


@pytest.mark.parametrize(("timeout_s", "given_s"), [(None, 5.0), (600.0, 590.0), (2.0, 2.0)])
async def test_a_try_has_the_time_that_its_connection_says(timeout_s: float | None, given_s: float) -> None:
    connector = Timed()
    hub = hub_of(connector, lambda _: ConnectionLimits(timeout_s=timeout_s))
    assert (await hub.carry_out(a_call())).ok
    assert given_s / 2 < connector.given_s <= given_s


async def test_deadline_of_the_step_shortens_a_long_try() -> None:
    connector = Timed()
    hub = hub_of(connector, lambda _: ConnectionLimits(timeout_s=600.0))
    assert (await hub.carry_out(a_call(deadline_ms=int(time.time() * 1_000) + 3_000))).ok
    assert 0 < connector.given_s <= 3


async def test_waiting_takes_nothing_of_a_long_try() -> None:
    async def waits(_: Plan[None]) -> None:
        await asyncio.sleep(0.1)

    connector = Timed()
    hub = Hub(
        {SCRIPTED: connector},
        limits=CallLimits(total_timeout_s=60.0, try_timeout_s=1.0),
        limits_of=lambda _: ConnectionLimits(timeout_s=600.0),
    )
    assert (await hub.carry_out(a_call(), waits)).ok
    assert connector.given_s == 600.0


async def test_quiet_that_was_asked_for_holds_the_calls_of_that_connection_back() -> None:
    connector = Scripted(replace(FINE, quiet_ms=20_000), FINE)
    hub = hub_of(connector)
    assert (await hub.carry_out(a_call())).ok
    with pytest.raises(Postponed) as handed_back:
        await hub.carry_out(a_call())
    assert handed_back.value.waits_for is WaitsFor.RATE
    inside = await hub.carry_out(a_call(None))
    assert (inside.reason, inside.effect) == (Reason.RATE_LIMITED, Effect.NONE)
    assert inside.retry_after_ms is not None
    assert connector.sent == 1


async def test_rate_of_a_connection_is_kept_and_may_change() -> None:
    limits = ConnectionLimits(per_s=0.01)
    connector = Scripted()
    hub = hub_of(connector, lambda _: limits)
    assert (await hub.carry_out(a_call())).ok
    with pytest.raises(Postponed):
        await hub.carry_out(a_call())
    limits = ConnectionLimits()
    assert (await hub.carry_out(a_call())).ok
    assert connector.sent == 2


async def test_calls_of_a_slow_system_are_handed_back() -> None:
    class Slow(Scripted):
        async def call(self, plan: object, timeout_s: float) -> CallOutcome:
            self.sent += 1
            await asyncio.Event().wait()
            raise AssertionError

    hub = hub_of(Slow(), lambda _: ConnectionLimits(concurrency=2))
    tasks = [asyncio.create_task(hub.carry_out(a_call())) for _ in range(2)]
    await asyncio.sleep(0.01)
    lane = next(iter(hub._lanes._lanes.values()))
    inside = lane.places._inside
    inside |= dict.fromkeys(inside, lane.places._clock() - 60)
    with pytest.raises(Postponed) as handed_back:
        await hub.carry_out(a_call())
    assert handed_back.value.waits_for is WaitsFor.PLACE
    for task in tasks:
        task.cancel()


async def test_calls_that_are_handed_back_stand_in_line() -> None:
    """Of a thousand that wait for one system each comes again about when it has its turn, not all every second."""
    hub = hub_of(Scripted(), lambda _: ConnectionLimits(per_s=10))
    calls = [hub.carry_out(a_call(key=str(number)), rest=Resting()) for number in range(1_000)]
    found = await asyncio.gather(*calls, return_exceptions=True)
    seconds = [each.seconds for each in found if isinstance(each, Postponed)]
    assert len(seconds) > 900
    assert SHORT_S < min(seconds) < 3 and 40 < sorted(seconds)[len(seconds) * 9 // 10] <= 1.5 * LONGEST_S


async def test_one_call_that_hangs_does_not_make_a_quick_system_slow() -> None:
    lane = Lane(ConnectionLimits(concurrency=2), "")
    lane._usual_s = 0.001
    now = lane.places._clock()
    lane.places._inside |= {"hangs": now - 60, "quick": now}
    assert lane.expected_wait()[1] < SHORT_S


async def test_calls_beyond_the_places_queue() -> None:
    connector = Scripted()
    hub = hub_of(connector, lambda _: ConnectionLimits(concurrency=2))
    outcomes = await asyncio.gather(*(hub.carry_out(a_call(None)) for _ in range(200)))
    assert all(each.ok for each in outcomes) and connector.most_at_once == 2


class Resting:
    """How many calls wait without being in anybody's way."""

    def __init__(self) -> None:
        self.now = 0

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[None]:
        self.now += 1
        try:
            yield
        finally:
            self.now -= 1


class Holding(Scripted):
    """Answers when the test says so, and tells how many wait for that."""

    def __init__(self) -> None:
        super().__init__()
        self.free, self.inside = asyncio.Event(), 0

    async def call(self, plan: object, timeout_s: float) -> CallOutcome:
        self.sent += 1
        self.inside += 1
        try:
            await self.free.wait()
        finally:
            self.inside -= 1
        return FINE


async def settled() -> None:
    """All have gone on as far as they can at once."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("limits", "sent"), [(ConnectionLimits(concurrency=4), 4), (ConnectionLimits(per_s=40), 16)], ids=["places", "rate"]
)
async def test_only_calls_that_are_made_are_in_the_way_of_others(limits: ConnectionLimits, sent: int) -> None:
    connector, resting, ready = Holding(), Resting(), 0

    async def before_send(plan: object) -> None:
        nonlocal ready
        ready += 1

    hub = hub_of(connector, lambda _: limits)
    calls = [asyncio.create_task(hub.carry_out(a_call(), before_send, resting)) for _ in range(100)]
    await settled()
    handed_back = [each for each in calls if each.done()]
    assert connector.inside == ready == sent
    assert sent + resting.now + len(handed_back) == 100
    for each in handed_back:
        with pytest.raises(Postponed):
            each.result()
    connector.free.set()
    rest = await asyncio.gather(*calls, return_exceptions=True)
    assert resting.now == 0
    assert sum(isinstance(each, CallOutcome) and each.ok for each in rest) == connector.sent > sent
    assert all(lane.forgettable or limits.per_s for lane in hub._lanes._lanes.values())


async def test_call_that_is_ready_is_handed_back_when_its_system_hangs() -> None:
    connector, asked = Scripted(), 0

    async def before_send(plan: object) -> None:
        nonlocal asked
        asked += 1

    hub = hub_of(connector, lambda _: ConnectionLimits(concurrency=1))
    assert (await hub.carry_out(a_call(), before_send, Resting())).ok
    (lane,) = hub._lanes._lanes.values()
    hangs = await lane.places.enter(FOR_EVER)
    with pytest.raises(Postponed) as handed_back:
        await hub.carry_out(a_call(), before_send, Resting())
    assert (handed_back.value.waits_for, asked, connector.sent) == (WaitsFor.PLACE, 2, 1)
    lane.leave(hangs)
    assert lane.forgettable


async def test_call_that_is_ready_is_handed_back_when_those_before_it_have_failed() -> None:
    connector = Scripted(FINE, *[DOWN] * 5)
    hub = hub_of(connector, lambda _: ConnectionLimits(concurrency=1, patience_s=600))
    assert (await hub.carry_out(a_call(), rest=Resting())).ok
    (lane,) = hub._lanes._lanes.values()
    lane._usual_s = 0.0
    tried = await asyncio.gather(
        *(hub.carry_out(a_call(None), rest=Resting()) for _ in range(5)),
        *(hub.carry_out(a_call(), rest=Resting()) for _ in range(4)),
        return_exceptions=True,
    )
    assert lane.breaker.state is State.OPEN
    assert [type(each) for each in tried] == [CallOutcome] * 5 + [Postponed] * 4
    assert connector.sent == 6


def paused_hub(connector: Scripted, left: dict[str, float]) -> Hub:
    return Hub({SCRIPTED: connector}, limits=AT_ONCE, paused_s=lambda name: left.get(name, 0.0))


async def test_paused_system_is_not_called_however_long_the_wait() -> None:
    connector, left = Scripted(), {"": float("inf")}
    hub = paused_hub(connector, left)
    for times in (0, 3, 100):
        with pytest.raises(Postponed) as handed_back:
            await hub.carry_out(a_call(Waited(1e9, times)))
        assert handed_back.value.waits_for is WaitsFor.PAUSE
        assert SHORT_S <= handed_back.value.seconds <= 1.5 * LONGEST_S
    outcome = await hub.carry_out(a_call(None))
    assert (outcome.reason, outcome.effect, connector.sent) == (Reason.UNREACHED, Effect.NONE, 0)
    left.clear()
    assert (await hub.carry_out(a_call())).ok


async def test_deadline_of_the_step_ends_the_waiting_for_a_pause() -> None:
    hub = paused_hub(Scripted(), {"": float("inf")})
    with pytest.raises(Postponed) as handed_back:
        await hub.carry_out(a_call(Waited(times=9), deadline_ms=int(time.time() * 1_000) + 5_000))
    assert handed_back.value.seconds <= 5.0
    outcome = await hub.carry_out(a_call(deadline_ms=int(time.time() * 1_000) - 1))
    assert (outcome.reason, outcome.effect) == (Reason.TIMED_OUT, Effect.NONE)
