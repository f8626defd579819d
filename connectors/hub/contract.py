"""The contract of every connector: what it is given, what it promises.

A connector is one kind of system (HTTP, SQL) with any number of connections. It knows how to make a plan of a call,
send it and classify what comes back. What calls have in common (arguments by their declaration, deadline, policy,
breaker) is the hub's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from connectors.hub.outcome import CallOutcome
from connectors.hub.waiting import Waited
from schemas.functions import EffectClass, Function
from schemas.payload import Json
from schemas.reasons import Effect, Reason

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubCall:
    """What a step asks of the hub."""

    function: str  # http, sql.query, sql.execute ...
    arguments: Mapping[str, Any]  # evaluated JSON object
    key: str  # idempotency key: the step id
    effect: EffectClass | None = None  # as the definition says, for an operation that declares none
    deadline_ms: int | None = None  # Unix time
    waited: Waited | None = None  # outside of the hub so far; None: it can only wait inside


@dataclass(slots=True)
class Asked:
    """What a call asks of one operation: its arguments, as the declaration of the operation has read them."""

    operation: Function
    call: HubCall
    arguments: Mapping[str, Json]

    def effect(self, usual: EffectClass = EffectClass.BLIND) -> EffectClass:
        """The class of effect: as declared once for all calls, else as the definition says, else the `usual` one.

        `usual` is what the connector makes of these arguments.
        """
        return self.operation.effect or self.call.effect or usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[R]):
    """A call that was read and found in order, before anything is sent."""

    call: HubCall
    connection: str  # the unit of bulkhead, rate and breaker: a host with port, or what the site gave a name
    system: str = ""  # that name, if it has one: its limits are the site's
    address: str = field(default="", repr=False)  # what the unit stands for now; another one is another system
    effect: EffectClass
    request: R  # the connector's own
    keeps: bool = False  # something of it stays at this site, also where nothing changes outside
    host: str | None = None  # host that the policy has to allow; None where the address comes from the settings


class Refused(Exception):
    """A call that ends before anything is sent: its outcome is certain to have no effect."""

    def __init__(self, reason: Reason, detail: str, retry_after_ms: int | None = None) -> None:
        super().__init__(detail)
        self.outcome = CallOutcome(reason=reason, effect=Effect.NONE, detail=detail, retry_after_ms=retry_after_ms)


Check = Callable[[Asked], Plan[R]]


class Connector(Protocol[R]):
    """One kind of outside system. `open` and `close` are called once each, in the event loop that the calls run in."""

    @property
    def operations(self) -> Mapping[Function, Check[R]]:
        """What makes a plan of a call, for every operation that it declares.

        It raises Refused, or ArgumentError, if the call is not in order. No I/O.
        """
        ...

    async def open(self) -> None:
        """Makes it ready. Reaches out to nobody."""
        ...

    async def call(self, plan: Plan[R], timeout_s: float) -> CallOutcome:
        """Sends the request once, at most once, and says what came of it within about `timeout_s`.

        With no time left (`timeout_s` of 0) nothing is sent: an effect that nobody waits for is not begun.

        Raises Refused if the policy stopped it before anything was sent; raises nothing else but what is a bug.
        """
        ...

    async def close(self) -> None:
        """Lets go of all connections."""
        ...


AnyConnector = Connector[Any]
