"""`/v1/instances/{id}/retry-now`: failed steps that wait for their next try are tried now.

Each wish names the try that it means. Whether it comes twice, or when that try begins by itself, it begins once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from schemas.lifecycle import TERMINAL
from schemas.messages import RETRY_NOW
from streams.gateway.answers import TEXT, json_answer
from streams.gateway.awaiting import awaited
from streams.gateway.bodies import LINE, one_line, read_object
from streams.gateway.instances import known_instance
from streams.gateway.openapi import Route, list_of, object_of
from streams.gateway.problems import ProblemError
from streams.gateway.retrying import retrying
from streams.gateway.services import Services, services
from streams.ground.publish import Outgoing
from streams.processors.recover import ACTIONS
from streams.readmodel.paging import Found

Step = tuple[str, int, int, int]  # pointer, iteration, attempt, and the number of the try


async def retry_now(request: web.Request) -> web.Response:
    """Says of each step that is meant whether its try has begun."""
    ours = services(request)
    wish = await read_object(request, {"why": str, "actor": str, **WHICH}, ("why",))
    row = await known_instance(request)
    which = {name: wish.get(name) for name in WHICH}
    told = await hurry(ours, row, which, wish["why"], wish.get("actor") or "api")
    begun = all(each["begun"] for each in told)
    return json_answer({"instance_id": row["instance_id"], "retries": told}, status=200 if begun else 202)


async def hurry(
    ours: Services, row: Found, which: Mapping[str, str | None], why: str, actor: str
) -> list[dict[str, Any]]:
    """Has the steps that are meant (`WHICH`) tried now, and tells of each whether its try has begun.

    Raises ProblemError where none is.
    """
    why, actor = one_line("why", why), one_line("actor", actor)
    instance, meant = row["instance_id"], await _meant(ours, row, which)
    fields = [{**dict(zip(_NAMES, step, strict=True)), "instance_id": instance} for step in meant]
    values = [ours.codec.encode(RETRY_NOW, {**each, "why": why, "actor": actor}) for each in fields]
    await ours.publisher.publish([Outgoing(ACTIONS, instance.encode(), each) for each in values])
    waiting = await _still_waiting(ours, row, meant)
    return [{"pointer": step[0], "retry": step[3], "begun": step not in waiting} for step in meant]


WHICH = {"task": str, "reason": str, "connection": str}
_NAMES = ("pointer", "iteration", "attempt", "retry")


async def _meant(ours: Services, row: Found, which: Mapping[str, str | None]) -> list[Step]:
    if row["status"] in TERMINAL:
        raise ProblemError(409, "ended", f"The instance has ended: {row['status']}.")
    meant = await _waiting(
        ours, row, step=which.get("task"), reason=which.get("reason"), connection=which.get("connection")
    )
    if not meant:
        found = await _waiting(ours, row)
        there = f"; there are some at {', '.join(step[0] for step in found)}" if found else f", it is {row['status']}"
        raise ProblemError(409, "not-retrying", f"No step that is meant waits for its next try{there}.")
    return meant


async def _waiting(ours: Services, row: Found, **narrowed: str | None) -> list[Step]:
    found = (await retrying(ours, [row], **narrowed)).get(row["instance_id"], [])
    return [(each["pointer"], each["iteration"], each["attempt"], each["retry"]) for each in found]


async def _still_waiting(ours: Services, row: Found, meant: list[Step]) -> set[Step]:
    """Those whose try has not begun after a while."""
    waiting = set(meant)

    async def look() -> bool:
        waiting.intersection_update(await _waiting(ours, row))
        return not waiting

    await awaited(ours, look)
    return waiting


_ANSWER = object_of(
    {
        "instance_id": TEXT,
        "retries": list_of(object_of({"pointer": TEXT, "retry": {"type": "integer"}, "begun": {"type": "boolean"}})),
    }
)
ROUTES = (
    Route(
        method="POST",
        path="/v1/instances/{instance_id}/retry-now",
        handler=retry_now,
        summary="Try failed steps now that wait for their next try. 202: taken note of, but not all have begun yet.",
        answers={200: _ANSWER, 202: _ANSWER},
        problems=(400, 404, 408, 409, 413, 415, 422, 503),
        body={"application/json": object_of({"why": LINE}, actor=LINE, **dict.fromkeys(WHICH, TEXT))},
        verb="retry",
    ),
)
