"""`call: http`: requests to systems that speak HTTP, with bodies in JSON, XML, forms or text.

A request goes out once, at most once, per call of the connector. aiohttp on its own sends GET, PUT and DELETE again
when the connection drops before an answer, pooled or not; a middleware turns that error into one that it does not
repeat. Effectful requests get a connection of their own, so that a pooled one that the server has just closed does
not leave them in doubt.
"""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from connectors.codecs import bodies as codecs
from connectors.http import CONTENT, EFFECTS, HTTP, RAW
from connectors.http.request import Request, read
from connectors.http.status import judge, retry_after_ms
from connectors.hub.connections import Connections
from connectors.hub.contract import Asked, Check, Plan
from connectors.hub.outcome import CallOutcome
from connectors.hub.policy import Policy
from schemas.functions import Function
from schemas.reasons import Effect, Reason

MAX_RESPONSE_BYTES = 512 * 1024
CHUNK_BYTES = 64 * 1024
HIDDEN_HEADERS = ("authorization", "proxy-authorization", "cookie", "set-cookie")


class BrokenOffError(aiohttp.ClientError):
    """The connection dropped after the request may have gone out."""


class TooLargeError(Exception):
    """The answer is larger than what is taken."""


@dataclass(slots=True)
class Progress:
    """How far a request has come; filled by aiohttp's tracing."""

    connected: bool = False  # from here on, bytes may have left
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class HttpConnector:
    """The connector for `http`. Redirects are never followed: what the definition names is what is called."""

    def __init__(
        self,
        connections: Connections,
        policy: Policy,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        pool_size: int = 100,
    ) -> None:
        self.operations: Mapping[Function, Check[Request]] = {HTTP: self._http}
        self._connections = connections
        self._policy = policy
        self._max_response_bytes = max_response_bytes
        self._pool_size = pool_size
        self._sessions: dict[tuple[bool, bool], aiohttp.ClientSession] = {}

    async def open(self) -> None:
        """Makes sessions: for reading, which pool connections, and for effects, which do not; two of each.

        Where the site gave the address, it is trusted to the end of the call, whatever the site says by then.
        """
        both = (False, True)
        self._sessions = {(effectful, named): self._session(effectful, named) for effectful in both for named in both}

    async def close(self) -> None:
        """Closes all connections."""
        for session in self._sessions.values():
            await session.close()

    async def call(self, plan: Plan[Request], timeout_s: float) -> CallOutcome:
        """Sends the request once."""
        progress = Progress()
        try:
            async with asyncio.timeout(timeout_s):
                reply = await self._exchange(plan, progress)
        except TooLargeError:
            return _too_large(plan, progress, self._max_response_bytes)
        except ValueError:
            return _outcome(plan, Reason.INPUT_INVALID, Effect.NONE, "cannot be sent: the URI or a header is not valid")
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return _failure(plan, progress, error)
        return _judged(plan, reply)

    def _http(self, asked: Asked) -> Plan[Request]:
        effect = asked.effect(EFFECTS[asked.arguments["method"]])
        request = read(asked, effect, self._connections)
        host = request.url.host or ""
        return Plan(
            call=asked.call,
            connection=f"http:{host}:{request.url.port}",
            effect=effect,
            request=request,
            host=None if request.named else host,
        )

    async def _exchange(self, plan: Plan[Request], progress: Progress) -> Reply:
        request = plan.request
        async with self._sessions[plan.effect.effectful, request.named].request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
            trace_request_ctx=progress,
        ) as response:
            progress.status = response.status
            return Reply(response.status, _joined(response), await self._read(response))

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            body += chunk
            if len(body) > self._max_response_bytes:
                raise TooLargeError
        return bytes(body)

    def _session(self, effectful: bool, named: bool) -> aiohttp.ClientSession:
        resolver = aiohttp.ThreadedResolver() if named else GuardedResolver(self._policy)
        connector = aiohttp.TCPConnector(resolver=resolver, force_close=effectful, limit=self._pool_size)
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            skip_auto_headers=("Content-Type",),
            headers={"User-Agent": "exlify"},
            trace_configs=[_tracing()],
            middlewares=(_at_most_once,),
        )


class GuardedResolver(AbstractResolver):
    """Resolves names, and lets no address through that the policy forbids."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses; raises Refused if one of them is forbidden, OSError if there are none."""
        found = await self._resolver.resolve(host, port, family)
        for each in found:
            self._policy.check_address(host, each["host"])
        return found

    async def close(self) -> None:
        """Nothing to let go of."""
        await self._resolver.close()


async def _at_most_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise  # not connected: aiohttp does not repeat it
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise BrokenOffError(type(error).__name__) from error


def _tracing() -> aiohttp.TraceConfig:
    async def connected(session: aiohttp.ClientSession, context: SimpleNamespace, params: Any) -> None:
        context.trace_request_ctx.connected = True

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(connected)
    tracing.on_connection_reuseconn.append(connected)
    return tracing


def _failure(plan: Plan[Request], progress: Progress, error: Exception) -> CallOutcome:
    """No complete answer."""
    late = isinstance(error, TimeoutError)
    if not progress.connected:
        what = "no connection in time" if late else f"no connection: {_cause(error)}"
        return _outcome(plan, Reason.UNREACHED, Effect.NONE, what)
    what = "no answer in time" if late else "the connection broke before the answer was complete"
    if plan.effect.effectful:
        return _outcome(plan, Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN, what, 408 if late else None)
    return _outcome(plan, Reason.TIMED_OUT if late else Reason.UNREACHED, Effect.NONE, what)


def _cause(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the name could not be resolved"
    if isinstance(error, aiohttp.ClientSSLError):
        return "TLS failed"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return "refused" if isinstance(cause, ConnectionRefusedError) else type(cause).__name__


def _too_large(plan: Plan[Request], progress: Progress, limit: int) -> CallOutcome:
    accepted = progress.status is not None and progress.status < 300
    effect = plan.effect.when(certain=Effect.DONE if accepted else Effect.UNKNOWN)
    return _outcome(plan, Reason.REPLY_TOO_LARGE, effect, f"the answer is larger than {limit} bytes")


def _judged(plan: Plan[Request], reply: Reply) -> CallOutcome:
    if reply.status < 300 or (reply.status < 400 and plan.request.accepts_redirect):
        return _accepted(plan, reply)
    waits_ms = retry_after_ms(reply.headers.get("retry-after"), datetime.now(UTC))
    verdict = judge(reply.status, plan.effect, waits_ms is not None)
    return CallOutcome(
        reason=verdict.reason,
        effect=plan.effect.when(certain=Effect.UNKNOWN if verdict.doubtful else Effect.NONE),
        status=reply.status,
        retry_after_ms=waits_ms,
        detail=f"{_name(plan)} answered {reply.status}",
        evidence=_evidence(plan, reply.status),
    )


def _accepted(plan: Plan[Request], reply: Reply) -> CallOutcome:
    effect = plan.effect.when(certain=Effect.DONE)
    try:
        output = _shaped(plan.request, reply)
    except codecs.CodecError as error:
        return _outcome(plan, Reason.CONTRACT_DRIFT, effect, f"answered {reply.status}, but {error}")
    return CallOutcome(reason=Reason.OK, effect=effect, output=output, evidence=_evidence(plan, reply.status))


def _shaped(request: Request, reply: Reply) -> Any:
    if request.output == RAW:
        return base64.b64encode(reply.body).decode()
    content = codecs.decode(reply.body, reply.headers.get("content-type", ""))
    if request.output == CONTENT:
        return content
    sent = {"method": request.method, "uri": str(request.url), "headers": _shown(request.headers)}
    return {"request": sent, "statusCode": reply.status, "headers": _shown(reply.headers), "content": content}


def _shown(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in HIDDEN_HEADERS}


def _joined(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Header names in lower case; values of a repeated name joined by commas (RFC 9110, 5.3)."""
    names = {name.lower() for name in response.headers}
    return {name: ", ".join(response.headers.getall(name)) for name in sorted(names)}


def _outcome(plan: Plan[Request], reason: Reason, effect: Effect, what: str, status: int | None = None) -> CallOutcome:
    detail = f"{_name(plan)}: {what}"
    return CallOutcome(reason=reason, effect=effect, status=status, detail=detail, evidence=_evidence(plan, status))


def _name(plan: Plan[Request]) -> str:
    """What the call is called in texts: no path and no query, they may be about a person."""
    return f"{plan.request.method} {plan.request.url.host}:{plan.request.url.port}"


def _evidence(plan: Plan[Request], status: int | None) -> dict[str, str | int]:
    found: dict[str, str | int] = {"method": plan.request.method, "connection": plan.connection}
    return found if status is None else {**found, "status": status}
