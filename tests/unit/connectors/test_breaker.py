"""The circuit breaker, on the event loop's own clock with cool-downs of milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from connectors.hub.breaker import Breaker, BreakerOpen, Passage, State

FOR_EVER = float("inf")


def breaker(cool_down_s: float = 0.01, full: int = 1) -> Breaker:
    clock = asyncio.get_running_loop().time
    return Breaker(clock, threshold=2, cool_down_s=cool_down_s, max_cool_down_s=0.04, full=full)


@asynccontextmanager
async def passing(it: Breaker, until: float) -> AsyncIterator[Passage]:
    passage = await it.enter(until)
    try:
        yield passage
    finally:
        it.leave(passage)


async def call(it: Breaker, healthy: bool | None, until: float = FOR_EVER) -> None:
    async with passing(it, until) as passage:
        passage.healthy = healthy


async def test_failures_in_a_row_open_it() -> None:
    it = breaker(60)
    states = []
    for _ in range(2):
        await call(it, False)
        states.append(it.state)
    assert states == [State.CLOSED, State.OPEN]


async def test_success_between_failures_keeps_it_closed() -> None:
    it = breaker(60)
    for healthy in (False, True, False):
        await call(it, healthy)
    assert it.state is State.CLOSED


async def test_open_breaker_refuses_what_cannot_wait() -> None:
    it = breaker(60)
    await call(it, False)
    await call(it, False)
    with pytest.raises(BreakerOpen):
        await call(it, True, until=asyncio.get_running_loop().time() + 1)


async def test_open_breaker_lets_a_probe_pass_in_time() -> None:
    it = breaker()
    await call(it, False)
    await call(it, False)
    await call(it, True)
    assert it.state is State.CLOSED


async def test_failed_probe_opens_it_again() -> None:
    it = breaker()
    for _ in range(3):
        await call(it, False)
    assert it.state is State.OPEN


async def test_only_one_probe_passes_at_once() -> None:
    it = breaker()
    await call(it, False)
    await call(it, False)
    probing, done = 0, []

    async def probe() -> None:
        nonlocal probing
        async with passing(it, FOR_EVER) as passage:
            probing += it.state is State.HALF_OPEN
            done.append(probing)
            await asyncio.sleep(0)
            passage.healthy = True

    await asyncio.gather(*(probe() for _ in range(5)))
    assert probing == 1 and len(done) == 5


async def test_probe_given_up_makes_room_for_another() -> None:
    it = breaker()
    await call(it, False)
    await call(it, False)
    await call(it, None)
    await call(it, True)
    assert it.state is State.CLOSED


async def test_system_that_comes_back_is_not_run_over() -> None:
    it, waiting, full = breaker(full=8), 40, 8
    await call(it, False)
    await call(it, False)
    at_once, succeeded, excess = 0, 0, []

    async def one() -> None:
        nonlocal at_once, succeeded
        async with passing(it, FOR_EVER) as passage:
            at_once += 1
            if at_once > max(1, min(succeeded, full)) and it.state is not State.CLOSED:
                excess.append((at_once, succeeded))
            await asyncio.sleep(0.001)
            at_once -= 1
            succeeded += 1
            passage.healthy = True

    await asyncio.gather(*(one() for _ in range(waiting)))
    assert (excess, it.state) == ([], State.CLOSED)


async def test_failure_while_coming_back_opens_it_again() -> None:
    it = breaker(full=8)
    for healthy in (False, False, True, False):
        await call(it, healthy)
    assert it.state is State.OPEN
