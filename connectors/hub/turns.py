"""How a call comes to its turn: it waits inside for a moment, and is handed back where that is not enough.

What waits before its intent rests meanwhile, where there is a way to: so it takes nothing from other systems.
"""

from __future__ import annotations

import asyncio
import time
from hashlib import sha256
from typing import Any

from connectors.hub.breaker import BreakerOpen, Passage
from connectors.hub.contract import HubCall, Plan, Refused
from connectors.hub.lanes import Lane
from connectors.hub.places import Place
from connectors.hub.waiting import LONGEST_S, SHORT_S, Postponed, Rest, WaitsFor
from schemas.reasons import Reason


def pause(plan: Plan[Any], left_s: float) -> None:
    """Hands back a call to a system that is paused; raises Postponed, or Refused where the call cannot wait."""
    if not left_s or (deadline_s := _left_s(plan.call)) <= 0:
        return
    if plan.call.waited is None:
        raise Refused(Reason.UNREACHED, f"{plan.connection} is paused; see exlify systems show {plan.system}")
    spread = 1.0 + jitter(plan.call.key, plan.call.waited.times) / 2
    longer_s = min(left_s, LONGEST_S, 2.0**plan.call.waited.times)  # looked at again, as it may be resumed
    raise Postponed(plan.connection, WaitsFor.PAUSE, min(max(SHORT_S, longer_s) * spread, deadline_s))


def postpone(plan: Plan[Any], lane: Lane, waited_for: WaitsFor | None = None) -> None:
    """Hands back a call that can wait and would have to, or that has waited inside in vain (`waited_for`).

    Raises Postponed, or Refused where its patience is over.
    """
    waited = plan.call.waited
    if waited is None:
        return
    waits_for, seconds = lane.expected_wait()
    if waited_for is not None:
        waits_for, seconds = waited_for, max(SHORT_S, seconds)
    if waits_for is WaitsFor.BREAKER and seconds and waited.seconds >= lane.limits.patience_s:
        raise Refused(Reason.UNREACHED, _not_well(plan))
    if waited_for is None and seconds <= SHORT_S:
        return
    if seconds >= _left_s(plan.call):
        return
    less_often_s = 2.0**waited.times  # is a long wait looked at, where nobody knows its end
    behind_s = less_often_s if waits_for is WaitsFor.BREAKER else lane.stand_in_line_s(waits_for)
    longer_s = min(LONGEST_S, max(seconds, behind_s))
    spread = 1.0 + jitter(plan.call.key, waited.times) / 2  # so that not all come back at once
    raise Postponed(plan.connection, waits_for, longer_s * spread)


async def passed(plan: Plan[Any], lane: Lane, ends_at: float, rest: Rest | None) -> tuple[Passage, Place | None]:
    """Waits until the call may be made ready; raises Refused or Postponed. Followed by `Lane.let_go`."""
    if rest is None or lane.lets_in:
        return await _let_in(plan, lane, ends_at, gated=rest is not None)
    until = _inside_until(plan, ends_at)
    async with rest():
        found = await _let_in(plan, lane, ends_at, gated=True)
    if asyncio.get_running_loop().time() <= until:
        return found
    lane.let_go(*found)  # it could not go on while others were carried out, and its turn is over
    if not lane.lets_in:
        postpone(plan, lane, WaitsFor.PLACE)
    return await _let_in(plan, lane, ends_at, gated=True)


async def placed(plan: Plan[Any], lane: Lane, ends_at: float) -> Place:
    """A place for a call that is ready; raises Refused or Postponed. Followed by `Lane.leave`."""
    try:
        return await lane.places.enter(_inside_until(plan, ends_at))
    except Refused:
        postpone(plan, lane, WaitsFor.PLACE)
        raise


def look_again(plan: Plan[Any], lane: Lane, passage: Passage) -> None:
    """Hands back a call that has its place if the system has failed those before it meanwhile; raises Postponed."""
    if not passage.probe and lane.breaker.wait_s():
        postpone(plan, lane, WaitsFor.BREAKER)


async def _let_in(plan: Plan[Any], lane: Lane, ends_at: float, *, gated: bool) -> tuple[Passage, Place | None]:
    until = _inside_until(plan, ends_at)
    await _turn(plan, lane, ends_at)
    try:
        return await lane.pass_gate(until, gated=gated)
    except BreakerOpen:
        postpone(plan, lane, WaitsFor.BREAKER)
        raise Refused(Reason.UNREACHED, _not_well(plan)) from None
    except Refused:
        postpone(plan, lane, WaitsFor.PLACE)
        raise


def _inside_until(plan: Plan[Any], ends_at: float) -> float:
    """Up to when a call waits inside: a moment, where it can wait outside and has the time to come again."""
    if plan.call.waited is None or _left_s(plan.call) <= 2 * SHORT_S:
        return ends_at
    return min(ends_at, asyncio.get_running_loop().time() + SHORT_S)


async def _turn(plan: Plan[Any], lane: Lane, ends_at: float) -> None:
    """Waits for the turn that the rate gives; raises Refused if it comes too late."""
    wait_s = lane.rate.wait_s()
    if wait_s and asyncio.get_running_loop().time() + wait_s > ends_at:
        raise Refused(Reason.RATE_LIMITED, f"{plan.connection} is not to be called so often", int(wait_s * 1_000))
    lane.rate.take()
    if wait_s:
        await asyncio.sleep(wait_s)


def _left_s(call: HubCall) -> float:
    return float("inf") if call.deadline_ms is None else call.deadline_ms / 1_000 - time.time()


def jitter(key: str, times: int) -> float:
    """A number in [0, 1) that is random across keys and times, and the same whenever the same call is made."""
    return int.from_bytes(sha256(f"{key}#{times}".encode()).digest()[:8]) / 2**64


def _not_well(plan: Plan[Any]) -> str:
    return f"{plan.connection} has failed repeatedly and is not called until it is well again"
