"""A connector that only writes, as small as one can be: a line more in a text file.

The contract suite runs on it beside the delivered ones, and the how-to of the layer shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connectors.declaration import Declaration
from connectors.hub.connections import Connections
from connectors.hub.contract import Asked, Check, Plan
from connectors.hub.outcome import CallOutcome
from connectors.hub.policy import Policy
from schemas.functions import Argument, EffectClass, Function, Kind
from schemas.reasons import Effect, Reason

APPEND = Function(
    name="notebook.append",
    summary="Writes a line at the end of a notebook.",
    arguments=(
        Argument(
            name="connection", summary="Name of the notebook.", kind=Kind.NAME, required=True, example="connection: log"
        ),
        Argument(name="line", summary="What to write.", kind=Kind.LINE, required=True, example="line: Ada was here"),
    ),
    output={"type": "null"},
    example="{connection: log, line: Ada was here}",
    effect=EffectClass.BLIND,
)
DECLARATION = Declaration(
    name="notebook", summary="Text files.", make="tests.support.notebook:NotebookConnector", operations=(APPEND,)
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line, and the notebook that it goes into."""

    path: Path
    text: str = field(repr=False)


class NotebookConnector:
    """The connector for notebooks."""

    def __init__(self, connections: Connections, policy: Policy) -> None:
        self.operations: Mapping[Function, Check[Line]] = {APPEND: self._append}
        self._connections = connections

    async def open(self) -> None:
        """Nothing to make ready."""

    async def close(self) -> None:
        """Nothing to let go of."""

    def _append(self, asked: Asked) -> Plan[Line]:
        name, text = asked.arguments["connection"], asked.arguments["line"]
        if "\n" in text:
            raise asked.operation.fault("line", "has line ends")
        line = Line(Path(self._connections.url(name)), text)
        return Plan(call=asked.call, connection=f"notebook:{name}", effect=asked.effect(), request=line)

    async def call(self, plan: Plan[Line], timeout_s: float) -> CallOutcome:
        """Writes the line."""
        if timeout_s <= 0:
            return _ended(plan, Reason.TIMED_OUT, Effect.NONE)
        try:
            with plan.request.path.open("a") as file:
                file.write(f"{plan.request.text}\n")
        except FileNotFoundError:
            return _ended(plan, Reason.UNREACHED, Effect.NONE)
        return _ended(plan, Reason.OK, Effect.DONE)


def _ended(plan: Plan[Line], reason: Reason, effect: Effect) -> CallOutcome:
    return CallOutcome(reason=reason, effect=effect, detail=f"{plan.call.function} on {plan.connection}: {reason}")
