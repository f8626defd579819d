"""`call: http`: requests to systems that speak HTTP, with bodies in JSON, XML, forms or text.

A request goes out once, at most once, per call of the connector. The time of a try covers all of it: the request, the
answer to its last byte, and reading what it says. A large answer is read in a thread, so that nothing else waits for
it; one that is not read in time ends the call, whose effect is done all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import aiohttp

from connectors.codecs.scalars import CodecError
from connectors.http import EFFECTS, HTTP, OPENAPI, PAGES, pages
from connectors.http.admission import NONE, Admission, Admissions
from connectors.http.client import PROGRESS, Client, Progress
from connectors.http.operation import read as read_operation
from connectors.http.output import said, shaped
from connectors.http.quiet import quiet_ms
from connectors.http.reply import Reply, TooLargeError, without_body
from connectors.http.reply import read as read_reply
from connectors.http.request import Request
from connectors.http.request import read as read_request
from connectors.http.status import judge, retry_after_ms
from connectors.hub.connections import Connections, folded, named
from connectors.hub.contract import Asked, Check, Plan, Refused
from connectors.hub.identity import NOBODY
from connectors.hub.outcome import CallOutcome
from connectors.hub.policy import Policy
from schemas.functions import EffectClass, Function
from schemas.payload import Json
from schemas.reasons import Effect, Reason

MAX_RESPONSE_BYTES = 512 * 1024
INLINE_BYTES = 32 * 1024  # read at once, within milliseconds; a thread would cost more
READERS = 2
MOST_SAID = 32 * 1024  # of an answer that is an error: what is longer is not told
UNREADABLE = "the call was made, but its answer cannot be read"


class HttpConnector:
    """The connector for `http`. Redirects are never followed: what the definition names is what is called."""

    def __init__(
        self,
        connections: Connections,
        policy: Policy,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        pool_size: int = 100,
    ) -> None:
        self.operations: Mapping[Function, Check[Request]] = {HTTP: self._http, OPENAPI: self._openapi}
        self._connections = connections
        self._policy = policy
        self._max_response_bytes = max_response_bytes
        self._pool_size = pool_size
        self._client: Client | None = None
        self._admissions: Admissions | None = None
        self._readers: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Makes sessions and the threads that read large answers; reaches out to nobody."""
        self._client = Client(self._policy, self._pool_size)
        self._admissions = Admissions(self._client)
        self._readers = ThreadPoolExecutor(READERS, "bodies")

    async def close(self) -> None:
        """Closes all connections."""
        if self._client is not None and self._readers is not None:
            if self._admissions is not None:
                await self._admissions.close()
            await self._client.close()
            await asyncio.to_thread(self._readers.shutdown, cancel_futures=True)

    async def call(self, plan: Plan[Request], timeout_s: float) -> CallOutcome:
        """Sends the request once."""
        progress = Progress()
        try:
            async with asyncio.timeout(timeout_s):
                reply = await self._answer(plan, progress)
                if _is_error(reply.status, plan.request):
                    return _rejected(plan, reply)
                return await self._accepted(plan, reply)
        except TooLargeError:
            return _too_large(plan, progress, f"the answer is larger than {self._max_response_bytes} bytes")
        except aiohttp.ClientSSLError as error:  # some are a ValueError, too
            return _failure(plan, progress, error)
        except ValueError:
            if progress.complete:
                return _outcome(plan, Reason.CONTRACT_DRIFT, plan.effect.when(certain=Effect.DONE), UNREADABLE)
            return _outcome(plan, Reason.INPUT_INVALID, Effect.NONE, "cannot be sent: the URI or a header is not valid")
        except TimeoutError as error:
            if progress.complete:
                return _too_large(plan, progress, "the answer takes too long to read")
            return _failure(plan, progress, error)
        except (aiohttp.ClientError, OSError) as error:
            outdated = progress.kept and progress.status is None
            if outdated:
                self._distrust(plan)
            return replace(_failure(plan, progress, error), outdated=outdated)

    def _openapi(self, asked: Asked) -> Plan[Request]:
        return self._http(read_operation(asked, self._connections))

    def _http(self, asked: Asked) -> Plan[Request]:
        effect = asked.effect(EFFECTS[asked.arguments["method"]])
        given = asked.arguments.get(PAGES.name)
        paged = None if given is None else self._pages(asked, effect, given)
        if paged is not None:
            asked = Asked(asked.operation, asked.call, pages.asking(paged, asked.arguments))
        request = read_request(asked, effect, self._connections)
        if paged is not None:
            request = replace(request, pages=paged)
        host = request.url.host or ""
        if request.tokens_at:
            self._policy.check_host(request.tokens_at)
        system = folded(request.named)
        return Plan(
            call=asked.call,
            connection=f"http:{system}" if system else f"http:{host}:{request.url.port}",
            system=system,
            address=str(request.url.origin()),
            effect=effect,
            request=request,
            host=None if request.named else host,
        )

    def _pages(self, asked: Asked, effect: EffectClass, given: Mapping[str, Json]) -> pages.Pages:
        """How the list is divided, as the call says it over its connection. Raises ArgumentError."""
        if effect.effectful:
            raise HTTP.fault(PAGES.name, "belong to a call that only reads", "write method: get, or effect: read")
        if not pages.is_plain(asked.arguments):
            raise HTTP.fault(PAGES.name, "stand beside another output", "leave output and redirect out")
        usual = next((self._connections.pages(name) for name in named(asked.arguments)), {})
        return pages.read({**usual, **given})

    async def _answer(self, plan: Plan[Request], progress: Progress) -> Reply:
        """The answer; where a kept token is not taken, that to the same request with a new one. Raises Refused."""
        identity = plan.request.identity
        if identity is NOBODY:
            return await self._exchange(plan, progress)
        assert self._admissions is not None, "open() comes first"
        origin = str(plan.request.url.origin())
        admission = await self._admissions.admission(origin, identity)
        reply = await self._exchange(plan, progress, admission)
        if reply.status != 401 or not admission.token:
            return reply
        progress.begin()  # the first request was refused, so nothing has happened yet
        admission = await self._admissions.admission(origin, identity, refused=admission.token)
        reply = await self._exchange(plan, progress, admission)
        if reply.status == 401:
            raise Refused(Reason.CONNECTION_STALE, f"{_name(plan)} does not take a new token; correct authentication")
        return reply

    async def _exchange(self, plan: Plan[Request], progress: Progress, admission: Admission = NONE) -> Reply:
        assert self._client is not None, "open() comes first"
        request = plan.request
        keep = plan.effect.repeatable  # what cannot be made again gets a connection that was not used before
        session = self._client.session(request.url.origin(), keep=keep, named=bool(request.named))
        PROGRESS.set(progress)
        async with session.request(
            request.method,
            request.url,
            headers=admission.added_to(request.headers),
            data=request.body,
            allow_redirects=False,
            ssl=admission.tls,
            middlewares=admission.middlewares,
        ) as response:
            progress.status = response.status
            reply = await self._read(response, request)
            progress.complete = True
            return reply

    async def _read(self, response: aiohttp.ClientResponse, request: Request) -> Reply:
        """The answer; of an error no more than what is told of it, as its status says enough."""
        if not _is_error(response.status, request):
            return await read_reply(response, self._max_response_bytes)
        try:
            return await read_reply(response, min(MOST_SAID, self._max_response_bytes))
        except TooLargeError:
            return without_body(response)

    def _distrust(self, plan: Plan[Request]) -> None:
        assert self._client is not None
        self._client.distrust(plan.request.url.origin())

    async def _accepted(self, plan: Plan[Request], reply: Reply) -> CallOutcome:
        effect = plan.effect.when(certain=Effect.DONE)
        try:
            output = await self._shaped(plan.request, reply)
        except CodecError as error:
            return _outcome(plan, Reason.CONTRACT_DRIFT, effect, f"answered {reply.status}, but {error}")
        evidence = _evidence(plan, reply.status)
        return CallOutcome(reason=Reason.OK, effect=effect, output=output, quiet_ms=_quiet_ms(reply), evidence=evidence)

    async def _shaped(self, request: Request, reply: Reply) -> Json:
        body = reply.content(self._max_response_bytes)
        if len(body) <= INLINE_BYTES:
            return shaped(request, reply, body)
        return await asyncio.get_running_loop().run_in_executor(self._readers, shaped, request, reply, body)


def _is_error(status: int, request: Request) -> bool:
    return status >= 300 and not (status < 400 and request.accepts_redirect)


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
    if isinstance(cause, ConnectionRefusedError):
        return "refused"
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    return (cause.strerror if isinstance(cause, OSError) else None) or "the connection failed"


def _too_large(plan: Plan[Request], progress: Progress, what: str) -> CallOutcome:
    accepted = progress.status is not None and progress.status < 300
    effect = plan.effect.when(certain=Effect.DONE if accepted else Effect.UNKNOWN)
    return _outcome(plan, Reason.REPLY_TOO_LARGE, effect, what)


def _rejected(plan: Plan[Request], reply: Reply) -> CallOutcome:
    waits_ms = retry_after_ms(reply.headers.get("retry-after"), datetime.now(UTC))
    verdict = judge(reply.status, plan.effect, waits_ms is not None)
    return CallOutcome(
        reason=verdict.reason,
        effect=plan.effect.when(certain=Effect.UNKNOWN if verdict.doubtful else Effect.NONE),
        answer=said(plan.request, reply, MOST_SAID),
        status=reply.status,
        retry_after_ms=waits_ms,
        quiet_ms=_quiet_ms(reply),
        detail=f"{_name(plan)} answered {reply.status}",
        evidence=_evidence(plan, reply.status),
    )


def _quiet_ms(reply: Reply) -> int | None:
    return quiet_ms(reply.status, reply.headers, datetime.now(UTC))


def _outcome(plan: Plan[Request], reason: Reason, effect: Effect, what: str, status: int | None = None) -> CallOutcome:
    detail = f"{_name(plan)}: {what}"
    return CallOutcome(reason=reason, effect=effect, status=status, detail=detail, evidence=_evidence(plan, status))


def _name(plan: Plan[Request]) -> str:
    """What the call is called in texts: no path and no query, they may be about a person."""
    return f"{plan.request.method} {plan.request.url.host}:{plan.request.url.port}"


def _evidence(plan: Plan[Request], status: int | None) -> dict[str, str | int]:
    found: dict[str, str | int] = {"method": plan.request.method, "connection": plan.connection}
    return found if status is None else {**found, "status": status}
