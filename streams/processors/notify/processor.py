"""Commands to send a notice in, what became of it out: each goes out once, or the doubt is told.

Channels are connections of a hub of their own, so a channel that is away holds up neither calls nor other channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from connectors.assembly import standard_hub
from connectors.hub.contract import Plan
from connectors.hub.pipeline import Hub
from schemas import steps
from schemas.payload import Json, Payload
from schemas.reasons import Reason
from streams.processors import notify
from streams.processors.call.processor import carry_out
from streams.processors.context import Context
from streams.processors.escalate import ANSWERS, plan
from streams.processors.escalate.channels import Asking, asking
from streams.runtime.once import BeforeEffect, Steps

LONGEST_REFERENCE = 200


class Notify(Steps):
    """One call for each notice."""

    declaration = notify.DECLARATION
    concurrency = 16

    def __init__(self, context: Context) -> None:
        super().__init__(context.codec, ANSWERS)
        self._plan = context.site.file(plan.FILE, plan.read_plan)
        self._hub: Hub = standard_hub(lambda: self._plan.value.urls)

    async def open(self) -> None:
        """Opens the hub."""
        await self._hub.__aenter__()

    async def close(self) -> None:
        """Closes the hub."""
        await self._hub.__aexit__()

    async def carry_out(self, command: Mapping[str, Any], key: str, before_effect: BeforeEffect) -> dict[str, Any]:
        """Sends the notice; gives what the other side calls it, if the channel says where that stands."""
        notice = command["arguments"].value()
        channel = self._plan.value.channels.get(notice["channel"])
        if channel is None:
            detail = f"channel {notice['channel']} is not declared; add it to {plan.FILE} in the site folder"
            return steps.faulted(command, steps.problem(Reason.MISCONFIGURED, detail, command["pointer"]))
        asked = asking(channel, notice)
        if asked is None:
            return _told(command, notice["reference"])

        async def before_send(planned: Plan[Any]) -> None:
            await before_effect(planned.effect.repeatable, planned.effect.effectful)

        result = await carry_out(_call(command, asked), self._hub, key, before_send, rest=before_effect.rest)
        if result["error"] is not None:
            return result
        found = _at(result["output"].value(), channel.reference) if channel.reference else None
        return _told(command, notice["reference"] if found is None else str(found)[:LONGEST_REFERENCE])


def _call(command: Mapping[str, Any], asked: Asking) -> dict[str, Any]:
    arguments = Payload.inside(orjson.dumps(asked.arguments))
    effect = None if asked.effect is None else asked.effect.value
    return {**command, "function": asked.function, "arguments": arguments, "effect": effect}


def _told(command: Mapping[str, Any], reference: str | None) -> dict[str, Any]:
    return steps.completed(command, Payload.inside(orjson.dumps({"reference": reference})))


def _at(value: Json, pointer: str) -> Json:
    """What stands there, if it is a text or a number."""
    for name in pointer.split("/")[1:]:
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return value if isinstance(value, str | int) else None
