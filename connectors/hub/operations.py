"""Which connector carries an operation out, and the first half of every call: from its arguments to a plan.

A connector is bound to its declaration here, so that an operation that is declared and not there shows when the hub is
made, not when somebody calls it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.declaration import Declaration
from connectors.hub.contract import AnyConnector, Asked, Check, HubCall, Plan, Refused
from schemas.functions import ArgumentError, Function
from schemas.reasons import Reason


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation and who carries it out."""

    function: Function
    connector: AnyConnector
    check: Check[Any]

    def plan(self, call: HubCall) -> Plan[Any]:
        """What the call comes to, nothing sent yet. Raises Refused."""
        try:
            return self.check(Asked(self.function, call, self.function.read(call.arguments)))
        except ArgumentError as error:
            raise Refused(Reason.INPUT_INVALID, str(error)) from None


def bound(declaration: Declaration, connector: AnyConnector) -> Mapping[str, Operation]:
    """The operations of a connector by name. Raises LookupError for one that is declared and not there."""
    operations = {}
    for function in declaration.operations:
        if function not in connector.operations:
            raise LookupError(f"{declaration.make} declares {function.name} and lacks it; add it to its operations")
        operations[function.name] = Operation(function, connector, connector.operations[function])
    return operations
