"""A connector that does what the test tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from connectors.declaration import Declaration
from connectors.hub.contract import Asked, Check, Plan
from connectors.hub.outcome import CallOutcome
from schemas.functions import Argument, Function, Kind
from schemas.reasons import Effect, Reason

FINE = CallOutcome(reason=Reason.OK, effect=Effect.DONE)
ASK = Function(
    name="scripted",
    summary="Does what the test says.",
    arguments=(Argument(name="bad", summary="A bug."), Argument(name="to", summary="Connection.", kind=Kind.NAME)),
    output={},
    example="{}",
)
SCRIPTED = Declaration(name="scripted", summary="Scripted.", make="", operations=(ASK,))


class Scripted:
    """A connector that gives these outcomes in turn, the last one again and again."""

    def __init__(self, *outcomes: CallOutcome | Exception) -> None:
        self.operations: dict[Function, Check[None]] = {ASK: self._ask}
        self.address = "here"
        self._outcomes: Sequence[CallOutcome | Exception] = outcomes or (FINE,)
        self.sent = 0
        self.at_once = 0
        self.most_at_once = 0

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def _ask(self, asked: Asked) -> Plan[None]:
        if asked.arguments.get("bad"):
            raise KeyError("bug")
        to = asked.arguments.get("to", "it")
        return Plan(call=asked.call, connection=to, address=self.address, effect=asked.effect(), request=None)

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
