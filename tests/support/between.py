"""Stands between the hub and its connectors, to see the moments of a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from connectors.hub.contract import AnyConnector, Plan
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import Hub

Send = Callable[[], Awaitable[CallOutcome]]
Around = Callable[[Plan[Any], Send], Awaitable[CallOutcome]]
"""Does what it likes around the sending of a plan."""


def stand_between(hub: Hub, around: Around) -> None:
    """From now on, at every call, also of connectors that are made later."""
    made: Any = hub
    send = made._send

    async def sent(connector: AnyConnector, plan: Plan[Any], timeout_s: float) -> CallOutcome:
        return await around(plan, partial(send, connector, plan, timeout_s))

    made._send = sent
