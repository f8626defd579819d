"""`call: http`: requests to systems that speak HTTP, with bodies in JSON, XML, forms or text.

A request goes out once, at most once, per call of the connector. Its body, and that of the answer, may be a file of
this site (`files`). The time of a try covers all of it: the request, the answer to its last byte, and reading what it
says. A large answer is read in a thread, so that nothing else waits for it; one that is not read in time ends the
call, whose effect is done all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import aiohttp

from connectors.codecs.scalars import CodecError
from connectors.http import EFFECTS, HTTP, OPENAPI, PAGES, pages
from connectors.http.admission import NONE, Admission, Admissions
from connectors.http.client import PROGRESS, Client, Progress
from connectors.http.files import LATE, NO_FILES, FileError, Incoming, Outgoing, Transfer, threads
from connectors.http.operation import read as read_operation
from connectors.http.outcomes import (
    MOST_SAID,
    HalfTakenError,
    accepted,
    ended,
    is_error,
    named,
    rejected,
    too_large,
    unanswered,
    unfiled,
)
from connectors.http.output import shaped
from connectors.http.reply import Reply, without_body
from connectors.http.reply import read as read_reply
from connectors.http.request import Request
from connectors.http.request import read as read_request
from connectors.http.unpacking import TooLargeError
from connectors.hub.connections import Connections, folded
from connectors.hub.connections import named as names_of
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
NO_CONTENT = 204
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
        self._files: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Makes sessions and the threads that read large answers; reaches out to nobody."""
        self._client = Client(self._policy, self._pool_size)
        self._admissions = Admissions(self._client)
        self._readers = ThreadPoolExecutor(READERS, "bodies")
        self._files = threads()

    async def close(self) -> None:
        """Closes all connections."""
        if self._client is not None and self._readers is not None:
            if self._admissions is not None:
                await self._admissions.close()
            await self._client.close()
            await asyncio.to_thread(self._readers.shutdown, cancel_futures=True)
        if self._files is not None:
            self._files.shutdown(wait=False)  # a folder may hang; what is to be tidied up there is

    async def call(self, plan: Plan[Request], timeout_s: float) -> CallOutcome:
        """Sends the request once."""
        progress, files = Progress(), self._transfer(plan)
        try:
            return await self._made(plan, progress, files, timeout_s)
        except TooLargeError:
            save = plan.request.save
            most = self._max_response_bytes if save is None else save.most
            return too_large(plan, progress, f"the answer is larger than {most} bytes")
        except FileError as error:
            return unfiled(plan, progress, error)
        except CodecError as error:
            return _misread(plan, progress.status, error)
        finally:
            files.end()

    async def _made(self, plan: Plan[Request], progress: Progress, files: Transfer, timeout_s: float) -> CallOutcome:
        try:
            async with asyncio.timeout(timeout_s):
                await files.begin()
                reply = await self._answer(plan, progress, files)
                if is_error(reply.status, plan.request):
                    return rejected(plan, reply)
                return accepted(plan, reply, await self._shaped(plan.request, reply))
        except CodecError:
            raise
        except aiohttp.ClientSSLError as error:  # some are a ValueError, too
            return unanswered(plan, progress, error)
        except ValueError:
            if progress.complete:
                return ended(plan, Reason.CONTRACT_DRIFT, plan.effect.when(certain=Effect.DONE), UNREADABLE)
            return ended(plan, Reason.INPUT_INVALID, Effect.NONE, "cannot be sent: the URI or a header is not valid")
        except TimeoutError as error:
            if progress.complete:
                return too_large(plan, progress, "the answer takes too long to read")
            if files.waits:
                raise FileError(Reason.TIMED_OUT, LATE) from None
            return unanswered(plan, progress, error)
        except (aiohttp.ClientError, OSError) as error:
            if files.error is not None:
                raise files.error from None
            outdated = progress.kept and progress.status is None
            if outdated:
                self._distrust(plan)
            return replace(unanswered(plan, progress, error), outdated=outdated)

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
            keeps=request.save is not None,
            host=None if request.named else host,
        )

    def _pages(self, asked: Asked, effect: EffectClass, given: Mapping[str, Json]) -> pages.Pages:
        """How the list is divided, as the call says it over its connection. Raises ArgumentError."""
        if effect.effectful:
            raise HTTP.fault(PAGES.name, "belong to a call that only reads", "write method: get, or effect: read")
        if not pages.is_plain(asked.arguments):
            raise HTTP.fault(PAGES.name, "stand beside another output", "leave output and redirect out")
        usual = next((self._connections.pages(name) for name in names_of(asked.arguments)), {})
        return pages.read({**usual, **given})

    def _transfer(self, plan: Plan[Request]) -> Transfer:
        """The files that the bodies of the call are."""
        save, send = plan.request.save, plan.request.send
        if save is None and send is None:
            return NO_FILES
        assert self._files is not None, "open() comes first"
        incoming = None if save is None else Incoming(save, plan.call.key)
        return Transfer(self._files, incoming, None if send is None else Outgoing(send))

    async def _answer(self, plan: Plan[Request], progress: Progress, files: Transfer) -> Reply:
        """The answer; where a kept token is not taken, that to the same request with a new one. Raises Refused."""
        identity = plan.request.identity
        if identity is NOBODY:
            return await self._exchange(plan, progress, files)
        assert self._admissions is not None, "open() comes first"
        origin = str(plan.request.url.origin())
        admission = await self._admissions.admission(origin, identity)
        reply = await self._exchange(plan, progress, files, admission)
        if reply.status != 401 or not admission.token:
            return reply
        progress.begin()  # the first request was refused, so nothing has happened yet
        admission = await self._admissions.admission(origin, identity, refused=admission.token)
        reply = await self._exchange(plan, progress, files, admission)
        if reply.status == 401:
            raise Refused(Reason.CONNECTION_STALE, f"{named(plan)} does not take a new token; correct authentication")
        return reply

    async def _exchange(
        self, plan: Plan[Request], progress: Progress, files: Transfer, admission: Admission = NONE
    ) -> Reply:
        assert self._client is not None, "open() comes first"
        request = plan.request
        keep = plan.effect.repeatable  # what cannot be made again gets a connection that was not used before
        session = self._client.session(request.url.origin(), keep=keep, named=bool(request.named))
        PROGRESS.set(progress)
        async with session.request(
            request.method,
            request.url,
            headers=admission.added_to(request.headers),
            data=files.payload(request.body),
            allow_redirects=False,
            ssl=admission.tls,
            middlewares=admission.middlewares,
        ) as response:
            progress.status = response.status
            reply = await self._read(response, request, files)
            progress.complete = True
            return reply

    async def _read(self, response: aiohttp.ClientResponse, request: Request, files: Transfer) -> Reply:
        """The answer; of an error no more than what is told of it, as its status says enough."""
        if is_error(response.status, request):
            try:
                return await read_reply(response, min(MOST_SAID, self._max_response_bytes))
            except TooLargeError:
                return without_body(response)
        if response.status < 300:
            if files.half_sent:
                raise HalfTakenError
            if files.incoming is not None and response.status != NO_CONTENT:
                return without_body(response, await files.save(response))
        return await read_reply(response, self._max_response_bytes)

    def _distrust(self, plan: Plan[Request]) -> None:
        assert self._client is not None
        self._client.distrust(plan.request.url.origin())

    async def _shaped(self, request: Request, reply: Reply) -> Json:
        body = reply.content(self._max_response_bytes)
        if len(body) <= INLINE_BYTES:
            return shaped(request, reply, body)
        return await asyncio.get_running_loop().run_in_executor(self._readers, shaped, request, reply, body)


def _misread(plan: Plan[Request], status: int | None, error: CodecError) -> CallOutcome:
    effect = plan.effect.when(certain=Effect.DONE)
    return ended(plan, Reason.CONTRACT_DRIFT, effect, f"answered {status}, but {error}")
