"""`call: amqp.publish` and `amqp.queue`: a connection is a server with one of its virtual hosts.

Each call has a connection of its own. The server is asked something harmless first, so what fails until the message is
sent has no effect; after that only what the server says of it is certain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from aiormq import exceptions

from connectors.amqp import PUBLISH, QUEUE
from connectors.amqp.address import Server, server_of
from connectors.amqp.failures import FAILURES, before, refusal
from connectors.amqp.lines import Line, Lines
from connectors.amqp.message import Message, short, written
from connectors.hub.connections import Connections, folded
from connectors.hub.contract import Asked, Check, Plan, Refused
from connectors.hub.outcome import CallOutcome
from connectors.hub.policy import Policy
from connectors.hub.sessions import Sessions
from schemas.functions import EffectClass, Function
from schemas.payload import Json
from schemas.reasons import Effect, Reason


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of which server: a message is published, or a queue is looked at."""

    server: Server
    what: Message | str


@dataclass(slots=True)
class Progress:
    """Whether the server may have the message."""

    sent: bool = False


class AmqpConnector:
    """The connector for queues of others."""

    def __init__(self, connections: Connections, policy: Policy) -> None:
        """`policy` has nothing to judge: the site gives all servers."""
        self.operations: Mapping[Function, Check[Request]] = {PUBLISH: self._publish, QUEUE: self._queue}
        self._connections = connections
        self._lines = Lines()
        self._sessions = Sessions(self._lines.connected)

    async def open(self) -> None:
        """Nothing to make ready; servers are connected to when they are first used."""

    async def close(self) -> None:
        """Ends all connections."""
        self._sessions.close()
        await self._lines.ended()

    async def call(self, plan: Plan[Request], timeout_s: float) -> CallOutcome:
        """Does it once."""
        if timeout_s <= 0:
            return _ended(plan, Reason.TIMED_OUT, "no time is left")
        progress = Progress()
        try:
            async with asyncio.timeout(timeout_s), self._sessions.lent(plan.request.server) as line:
                output = await _done(line, plan.request.what, progress)
        except TimeoutError:
            if progress.sent:
                return _ended(plan, Reason.OUTCOME_UNKNOWN, "the server has not confirmed it in time", Effect.UNKNOWN)
            return _ended(plan, Reason.TIMED_OUT, "the server does not answer in time")
        except Refused as refused:
            return _ended(plan, refused.outcome.reason, refused.outcome.detail)
        except FAILURES as error:
            return _explained(plan, error, progress)
        effect = plan.effect.when(certain=Effect.DONE)
        return CallOutcome(reason=Reason.OK, effect=effect, output=output, evidence=_evidence(plan))

    def _publish(self, asked: Asked) -> Plan[Request]:
        usual = EffectClass.KEYED if "event" in asked.arguments else EffectClass.BLIND
        return self._plan(asked, written(asked), asked.effect(usual))

    def _queue(self, asked: Asked) -> Plan[Request]:
        return self._plan(asked, short(asked, "queue"), asked.effect())

    def _plan(self, asked: Asked, what: Message | str, effect: EffectClass) -> Plan[Request]:
        name = folded(str(asked.arguments["connection"]))
        url = self._connections.url(name)
        server = server_of(name, url, self._connections.identity(name).tls)
        return Plan(
            call=asked.call,
            connection=f"amqp:{name}",
            system=name,
            address=url,
            effect=effect,
            request=Request(server, what),
        )


async def _done(line: Line, what: Message | str, progress: Progress) -> Json:
    if isinstance(what, str):
        declared = await line.channel.queue_declare(what, passive=True)
        line.well = True
        return {"messages": declared.message_count or 0, "consumers": declared.consumer_count or 0}
    if line.kept:
        await line.channel.basic_qos()  # a connection that has died in silence is told before anything is sent
    progress.sent = True
    await line.channel.basic_publish(
        what.content, exchange=what.exchange, routing_key=what.key, properties=what.properties, mandatory=True
    )
    line.well = True
    return {"id": what.id}


def _explained(plan: Plan[Request], error: Exception, progress: Progress) -> CallOutcome:
    said = refusal(error)
    if said is not None:
        return _ended(plan, *said)
    if not progress.sent:
        return _ended(plan, *before(error))
    if isinstance(error, exceptions.DeliveryError):
        what = "the server refuses the message for some queue, and another may have it"
        return _ended(plan, Reason.OUTCOME_UNKNOWN, what, Effect.UNKNOWN)
    return _ended(plan, Reason.OUTCOME_UNKNOWN, "the connection broke before it was confirmed", Effect.UNKNOWN)


def _ended(plan: Plan[Request], reason: Reason, what: str, effect: Effect = Effect.NONE) -> CallOutcome:
    detail = f"{plan.call.function} on {plan.connection}: {what}"
    return CallOutcome(reason=reason, effect=effect, detail=detail, evidence=_evidence(plan))


def _evidence(plan: Plan[Request]) -> dict[str, str | int]:
    return {"function": plan.call.function, "connection": plan.connection}
