"""Stands between the hub and its connectors, to see the moments of a call."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

from connectors.hub.contract import AnyConnector, Plan
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import Hub

Send = Callable[[], Awaitable[CallOutcome]]
Around = Callable[[Plan[Any], Send], Awaitable[CallOutcome]]
"""Does what it likes around the sending of a plan."""


class Between:
    """A connector as the hub sees it."""

    def __init__(self, connector: AnyConnector, around: Around) -> None:
        self.operations = connector.operations
        self._connector = connector
        self._around = around

    async def open(self) -> None:
        """The hub opens the connector itself."""

    async def close(self) -> None:
        """And closes it."""

    async def call(self, plan: Plan[Any], timeout_s: float) -> CallOutcome:
        """The call, and what stands around it."""
        return await self._around(plan, lambda: self._connector.call(plan, timeout_s))


def stand_between(hub: Hub, around: Around) -> None:
    """From now on, at every call."""
    made: Any = hub
    made._operations = {
        name: dataclasses.replace(each, connector=Between(each.connector, around))
        for name, each in made._operations.items()
    }
