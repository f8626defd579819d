"""`call: mail.send`: a connection for each mail, and all of its recipients or none.

Until the text is sent nothing has happened, whatever fails. A server that answers has taken the mail or has not; one
that falls silent while it has the text leaves a doubt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiosmtplib

from connectors.hub.connections import Connections, folded
from connectors.hub.contract import Asked, Check, Plan, Refused
from connectors.hub.loopback import is_here
from connectors.hub.outcome import CallOutcome
from connectors.hub.policy import Policy
from connectors.hub.servers import split
from connectors.mail import SEND
from connectors.mail.message import Mail, written
from schemas.functions import Function
from schemas.reasons import Effect, Reason

DEFAULT_PORTS = {"smtp": 25, "smtps": 465}
TRANSIENT = range(400, 500)
NOT_ALLOWED = (530, 534, 535, 538)


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail goes in, and as whom."""

    host: str
    port: int
    tls: bool
    user: str | None = field(repr=False)
    password: str = field(repr=False)

    @property
    def upgrade(self) -> bool | None:
        """Whether TLS has to begin (a password never goes in clear, but to this machine), or may (None)."""
        return True if self.user is not None and not self.tls and not is_here(self.host) else None


@dataclass(frozen=True, slots=True)
class Sending:
    """A mail for a server."""

    server: Server
    mail: Mail


class MailConnector:
    """The connector for mail."""

    def __init__(self, connections: Connections, policy: Policy) -> None:
        """`policy` has nothing to judge: the site gives all servers."""
        self.operations: Mapping[Function, Check[Sending]] = {SEND: self._send}
        self._connections = connections

    async def open(self) -> None:
        """Nothing to make ready."""

    async def close(self) -> None:
        """Nothing to let go of."""

    async def call(self, plan: Plan[Sending], timeout_s: float) -> CallOutcome:
        """Sends the mail, once."""
        if timeout_s <= 0:
            return _failed(plan, Reason.TIMED_OUT, Effect.NONE, "no time is left")
        server = plan.request.server
        client = aiosmtplib.SMTP(
            hostname=server.host, port=server.port, use_tls=server.tls, start_tls=server.upgrade, timeout=timeout_s
        )
        begun = False  # whether the server may have the text
        try:
            async with asyncio.timeout(timeout_s):
                await client.connect(username=server.user, password=server.password)
                await _address(client, plan.request.mail)
                begun = True
                await client.data(plan.request.mail.content)
        except (TimeoutError, OSError, aiosmtplib.SMTPException) as error:
            return _explained(plan, error, begun)
        finally:
            client.close()
        output = {"messageId": plan.request.mail.message_id}
        return CallOutcome(reason=Reason.OK, effect=Effect.DONE, output=output, evidence=_evidence(plan))

    def _send(self, asked: Asked) -> Plan[Sending]:
        name = folded(asked.arguments["connection"])
        url = self._connections.url(name)
        sending = Sending(_server(name, url), written(asked))
        return Plan(
            call=asked.call,
            connection=f"mail:{name}",
            system=name,
            address=url,
            effect=asked.effect(),
            request=sending,
        )


async def _address(client: aiosmtplib.SMTP, mail: Mail) -> None:
    await client.mail(mail.sender)
    for each in mail.recipients:
        await client.rcpt(each)


def _server(name: str, url: str) -> Server:
    detail = f"connection {name} is no mail server; write smtps://USER:PASSWORD@HOST or smtp://HOST"
    parts = split(url, DEFAULT_PORTS)
    if parts is None:
        raise Refused(Reason.MISCONFIGURED, detail)
    return Server(parts.host, parts.port, parts.scheme == "smtps", parts.user, parts.password or "")


def _explained(plan: Plan[Sending], error: Exception, begun: bool) -> CallOutcome:
    """What an error means; what the server says of it may quote somebody, so its code alone is told."""
    code = getattr(error, "code", None)
    if isinstance(code, int) and not isinstance(error, aiosmtplib.SMTPServerDisconnected):
        return _refused(plan, error, code)
    if begun:
        return _failed(plan, Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN, "the server fell silent while it had the mail")
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        return _failed(plan, Reason.MISCONFIGURED, Effect.NONE, "the server offers no TLS, or no login that is known")
    if isinstance(error, TimeoutError):
        return _failed(plan, Reason.TIMED_OUT, Effect.NONE, "no answer in time")
    return _failed(plan, Reason.UNREACHED, Effect.NONE, f"the server is not reached ({type(error).__name__})")


def _refused(plan: Plan[Sending], error: Exception, code: int) -> CallOutcome:
    what = f"the server refuses it ({code})"
    if isinstance(error, aiosmtplib.SMTPAuthenticationError) or code in NOT_ALLOWED:
        return _failed(plan, Reason.AUTH_EXPIRED, Effect.NONE, f"the server does not let us in ({code})")
    if code in TRANSIENT:
        return _failed(plan, Reason.REMOTE_FAULT, Effect.NONE, f"{what} for now")
    if isinstance(error, aiosmtplib.SMTPRecipientRefused):
        what = f"the server refuses a recipient ({code}), so nobody got it"
    return _failed(plan, Reason.BUSINESS_REJECTED, Effect.NONE, what)


def _failed(plan: Plan[Sending], reason: Reason, effect: Effect, what: str) -> CallOutcome:
    detail = f"{plan.call.function} on {plan.connection}: {what}"
    return CallOutcome(reason=reason, effect=effect, detail=detail, evidence=_evidence(plan))


def _evidence(plan: Plan[Sending]) -> dict[str, str | int]:
    return {"function": plan.call.function, "connection": plan.connection}
