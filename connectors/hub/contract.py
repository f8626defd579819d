"""The contract of every connector, and the classes of effect that its operations declare.

A connector is one kind of system (HTTP, SQL) with any number of connections. It knows how to read a call, send it and
classify what comes back; all that calls have in common (deadline, policy, retry, breaker) is the pipeline's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from connectors.hub.outcome import CallOutcome
from schemas.functions import EffectClass
from schemas.reasons import Effect, Reason

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a step asks of the hub."""

    function: str  # http, sql.query, sql.execute ...
    arguments: Mapping[str, Any]  # evaluated JSON object
    key: str  # idempotency key: the step id
    effect: EffectClass | None = None  # as declared in the definition; None: the connector's own judgement
    deadline_ms: int | None = None  # Unix time


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[R]):
    """A call that was read and found in order, before anything is sent."""

    call: Call
    connection: str  # the unit of bulkhead and breaker: a host with port, or a database
    effect: EffectClass
    request: R  # the connector's own
    host: str | None = None  # host that the policy has to allow; None where the address comes from the settings


class Refused(Exception):
    """A call that ends before anything is sent: its outcome is certain to have no effect."""

    def __init__(self, reason: Reason, detail: str, retry_after_ms: int | None = None) -> None:
        super().__init__(detail)
        self.outcome = CallOutcome(reason=reason, effect=Effect.NONE, detail=detail, retry_after_ms=retry_after_ms)


class Connector(Protocol[R]):
    """One kind of outside system. `open` and `close` are called once each, in the event loop that the calls run in."""

    @property
    def functions(self) -> frozenset[str]:
        """The functions that it carries out."""
        ...

    async def open(self) -> None:
        """Makes it ready. Reaches out to nobody."""
        ...

    def check(self, call: Call) -> Plan[R]:
        """Reads the call; raises Refused if it is not in order. No I/O."""
        ...

    async def call(self, plan: Plan[R], timeout_s: float) -> CallOutcome:
        """Sends the request once, at most once, and says what came of it within about `timeout_s`.

        Raises Refused if the policy stopped it before anything was sent; raises nothing else but what is a bug.
        """
        ...

    async def close(self) -> None:
        """Lets go of all connections."""
        ...
