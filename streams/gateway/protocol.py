"""HTTP itself: what is no request is refused as a problem too, a client that leaves is no news, and one that never says
what it wants is not waited for.

aiohttp answers what its parser refuses by itself, in plain text and with a stack trace in the log, before any handler
of ours sees it.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from streams.gateway.problems import ProblemError

CONTINUE = "100-continue"
HEAD_S = 30.0  # in which a new connection has to say what it wants
IDLE_S = 75.0  # the same for the next request on it

log = structlog.get_logger()


class Runner(web.AppRunner):
    """Runs an application behind this protocol."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()

        async def answered(request: web.BaseRequest) -> web.StreamResponse:
            # aiohttp would answer this before any middleware, and quote it.
            if request.headers.get("Expect", CONTINUE).lower() != CONTINUE:
                return ProblemError(417, "expect", f"Of Expect, only {CONTINUE} is understood.").response()
            return await made.request_handler(request)

        return _Server(
            answered,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            **made._kwargs,
        )


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Protocol(self, loop=self._loop, keepalive_timeout=IDLE_S, **self._kwargs)


class _Protocol(RequestHandler):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """aiohttp waits for the first head without end."""
        super().connection_made(transport)
        self._loop.call_later(HEAD_S, self._cut_off)

    def _cut_off(self) -> None:
        if self._request_count == 0:
            self.force_close()

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Not what the client sent, nor that it left: it has its answer, or does not want one."""
        if not isinstance(kw.get("exc_info"), (web.RequestPayloadError, ConnectionError)):
            super().log_exception(*args, **kw)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what no handler has answered."""
        if isinstance(exc, HttpProcessingError):
            problem = ProblemError(400, "http", "The request is not HTTP that can be read; send HTTP/1.1.")
        else:
            log.error("request failed", exc_info=exc)
            problem = ProblemError(status, "internal", HTTPStatus(status).phrase)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun")
        response = problem.response()
        response.force_close()
        return response
