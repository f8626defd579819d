"""`call: asyncapi`: a message as a document has it, sent by the connector of the protocol of its connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from connectors import amqp, http, kafka
from connectors.amqp.connector import AmqpConnector
from connectors.asyncapi import ASYNCAPI
from connectors.asyncapi.document import AMQP, HTTP, KAFKA, TEXT, AsyncOperation
from connectors.http import openapi
from connectors.http.address import NAMED
from connectors.http.connector import HttpConnector
from connectors.hub.connections import Connections
from connectors.hub.contract import AnyConnector, Asked, Check, Plan, Refused
from connectors.hub.outcome import CallOutcome
from connectors.hub.policy import Policy
from connectors.kafka.connector import KafkaConnector
from schemas.functions import Function
from schemas.payload import Json
from schemas.reasons import Reason

_SCHEMES = {"kafka": KAFKA, "kafkas": KAFKA, "amqp": AMQP, "amqps": AMQP, "http": HTTP, "https": HTTP}
_FUNCTIONS = {KAFKA: kafka.PUBLISH, AMQP: amqp.PUBLISH, HTTP: http.HTTP}


@dataclass(frozen=True, slots=True)
class Request:
    """What the connector of a protocol sends."""

    protocol: str
    request: Any


class AsyncApiConnector:
    """The connector for systems that take messages, by their documents."""

    def __init__(self, connections: Connections, policy: Policy) -> None:
        """`policy` has nothing to judge: the site gives all systems."""
        self.operations: Mapping[Function, Check[Request]] = {ASYNCAPI: self._publish}
        self._connections = connections
        self._by_protocol: Mapping[str, AnyConnector] = {
            KAFKA: KafkaConnector(connections, policy),
            AMQP: AmqpConnector(connections, policy),
            HTTP: HttpConnector(connections, policy),
        }

    async def open(self) -> None:
        """Makes ready what sends; reaches out to nobody."""
        for each in self._by_protocol.values():
            await each.open()

    async def close(self) -> None:
        """Ends all connections."""
        for each in self._by_protocol.values():
            await each.close()

    async def call(self, plan: Plan[Request], timeout_s: float) -> CallOutcome:
        """Sends it once."""
        sender = self._by_protocol[plan.request.protocol]
        return await sender.call(replace(plan, request=plan.request.request), timeout_s)

    def _publish(self, asked: Asked) -> Plan[Request]:
        name = openapi.connection(str(asked.arguments["document"]["endpoint"]))
        if name is None:
            raise ASYNCAPI.fault("document.endpoint", "is no connection", "write endpoint: connection://NAME")
        protocol = _SCHEMES.get(self._connections.url(name).partition(":")[0].lower())
        if protocol is None:
            what = f"connection {name} is none that takes messages; its address begins with kafkas://, amqps:// or https://"
            raise Refused(Reason.MISCONFIGURED, what)
        operation = _operation(asked, name, self._connections)
        if operation.protocols is not None and protocol not in operation.protocols:
            what = f"connection {name} speaks {protocol}, and no server of its document for {operation.id} does"
            raise Refused(Reason.MISCONFIGURED, what)
        function = _FUNCTIONS[protocol]
        checks = self._by_protocol[protocol].operations
        plan = checks[function](Asked(function, asked.call, _arguments(asked, name, operation, protocol)))
        return replace(plan, request=Request(protocol, plan.request))


def _operation(asked: Asked, name: str, connections: Connections) -> AsyncOperation:
    given = {each: asked.arguments[each] for each in ("operation", "channel") if each in asked.arguments}
    if len(given) != 1:
        raise ASYNCAPI.fault("operation", "or channel is needed, and one of them only")
    ((member, wanted),) = given.items()
    api = {id_: each for id_, each in connections.api(name).items() if isinstance(each, AsyncOperation)}
    if not api:
        what = f"connection {name} has no document; add asyncapi: '${{file:PATH}}' to it in connections.yaml"
        raise Refused(Reason.MISCONFIGURED, what)
    operation = api.get(str(wanted))
    if operation is None:
        close = get_close_matches(str(wanted), api, n=1)
        remedy = f"did you mean {close[0]}?" if close else "see its document"
        raise ASYNCAPI.fault(member, "is none of the document of the connection", remedy)
    if operation.named_by != member:
        raise ASYNCAPI.fault(member, "is not how its document names it", f"write {operation.named_by}: {operation.id}")
    if operation.refusal:
        raise Refused(Reason.UNSUPPORTED, f"{operation.refusal} (document of connection {name})")
    return operation


def _arguments(asked: Asked, name: str, operation: AsyncOperation, protocol: str) -> dict[str, Json]:
    """What the function of the protocol is given."""
    message = asked.arguments["message"]
    assert isinstance(message, dict)
    value, headers = message["payload"], dict(message.get("headers") or {})
    if (operation.content == TEXT) != isinstance(value, str):
        wanted = "a text" if operation.content == TEXT else "JSON, and no text,"
        raise ASYNCAPI.fault("message.payload", f"is not {wanted} as the document has it")
    if operation.held is not None and (wrong := operation.held(value)) is not None:
        raise ASYNCAPI.fault("message.payload", f"is not what the document has: {wrong}", "see its document")
    if protocol == KAFKA:
        return {"connection": name, "topic": operation.topic, "value": value, "headers": headers}
    if protocol == AMQP:
        routed: dict[str, Json] = {"exchange": operation.exchange} if operation.exchange else {}
        return {"connection": name, "key": operation.key, "value": value, "headers": headers, **routed}
    path = operation.address if operation.address.startswith("/") else f"/{operation.address}"
    return {
        "method": operation.method,
        "endpoint": f"{NAMED}://{name}{path}",
        "headers": {**headers, "Content-Type": operation.media_type},
        "body": value,
    }
