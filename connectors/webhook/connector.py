"""`call: webhook.send`: a POST as `http` sends it, signed at the moment when it leaves.

The receiver is somebody else. So where its name leads is not trusted as that of a system of our own: inside the network
only where the site says so. What it answers is nothing that we read: a delivery is one by its status. With 410 it says
that it is gone; that nothing more is sent to it then is seen to by whoever is told of all calls (`GONE`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from multidict import CIMultiDict

from connectors.codecs import bodies as codecs
from connectors.http import RAW, address
from connectors.http.connector import HttpConnector
from connectors.http.request import Request
from connectors.hub.connections import Connections, folded
from connectors.hub.contract import Asked, Check, Plan, Refused
from connectors.hub.identity import Identity, Webhook
from connectors.hub.outcome import CallOutcome
from connectors.hub.policy import Policy
from connectors.webhook import GONE, SEND
from connectors.webhook.message_id import message_id
from schemas.functions import Function
from schemas.payload import Json
from schemas.reasons import Effect, Reason
from schemas.webhooks import signed_headers

OUTSIDE = Policy(allow_private=False, remedy="write private: true beside the secret if it is meant")


@dataclass(frozen=True, slots=True)
class Sending:
    """A delivery, whole but for the time at which it is signed."""

    id: str
    request: Request
    secrets: tuple[bytes, ...] = field(repr=False)

    def signed(self, now_s: int) -> Request:
        """The request of this moment, with a signature for each secret."""
        body = self.request.body or b""
        each = [signed_headers(secret, self.id, now_s, body) for secret in self.secrets]
        headers = self.request.headers.copy()
        headers.update(each[0] | {"webhook-signature": " ".join(one["webhook-signature"] for one in each)})
        return replace(self.request, headers=headers)


class WebhookConnector:
    """The connector for webhooks to others."""

    def __init__(self, connections: Connections, policy: Policy) -> None:
        """`policy` has nothing to judge: the site gives all endpoints."""
        self.operations: Mapping[Function, Check[Sending]] = {SEND: self._send}
        self._connections = connections
        self._http = HttpConnector(connections, OUTSIDE)

    async def open(self) -> None:
        """Makes the sessions; reaches out to nobody."""
        await self._http.open()

    async def close(self) -> None:
        """Closes all connections."""
        await self._http.close()

    async def call(self, plan: Plan[Sending], timeout_s: float) -> CallOutcome:
        """Signs and sends it, once."""
        sending = plan.request
        request = sending.signed(int(time.time()))
        sent = Plan(call=plan.call, connection=plan.connection, effect=plan.effect, request=request)
        outcome = await self._http.call(sent, timeout_s)
        if outcome.status == GONE:
            return replace(outcome, reason=Reason.MISCONFIGURED, detail=_gone(plan.system))
        if outcome.effect is not Effect.DONE:
            return outcome
        # Taken, whatever the answer says beside.
        status = outcome.evidence.get("status")
        output: Json = {"id": sending.id} if status is None else {"id": sending.id, "status": status}
        return replace(outcome, reason=Reason.OK, output=output, detail="")

    def _send(self, asked: Asked) -> Plan[Sending]:
        name = folded(asked.arguments["connection"])
        url = self._connections.url(name)
        identity = self._connections.identity(name)
        way = identity.credentials
        if not isinstance(way, Webhook):
            remedy = "write authentication: {webhook: {secret: '${env:NAME}'}} in connections.yaml"
            raise Refused(Reason.MISCONFIGURED, f"connection {name} has no secret to sign with; {remedy}")
        sending = Sending(message_id(asked.call.key), _request(asked, name, url, identity, way.private), way.secrets)
        origin = str(sending.request.url.origin())
        return Plan(
            call=asked.call,
            connection=f"webhook:{name}",
            system=name,
            address=origin,
            effect=asked.effect(),
            request=sending,
        )


def _request(asked: Asked, name: str, url: str, identity: Identity, private: bool) -> Request:
    try:
        at = address.parse(url)
        start = address.origin(at)
    except address.AddressError as error:
        raise Refused(Reason.MISCONFIGURED, f"connection {name}: its address {error}; correct it") from None
    try:
        body = codecs.encode(asked.arguments["body"], codecs.JSON)
    except codecs.CodecError as error:
        raise asked.operation.fault("body", f"cannot be sent: {error}", "write it so") from None
    trusted = private or _is_literal(start.host or "")
    headers = CIMultiDict({"Content-Type": codecs.JSON})
    target = address.url(start, at.path, at.query)
    own = Identity(tls=identity.tls) if identity.tls else Identity()
    return Request("POST", target, headers, body, RAW, False, named=name if trusted else "", base=at, identity=own)


def _is_literal(host: str) -> bool:
    """Whether the site has written an address down, not a name that may lead anywhere."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _gone(name: str) -> str:
    return (
        f"connection {name}: the endpoint is gone (410); agree on another address with who has it, then say exlify"
        f" systems resume {name}, or take the calls out"
    )
