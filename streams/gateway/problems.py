"""Refusals: RFC 9457 problem details, for expected faults and for bugs alike.

No text of a problem quotes data of an event.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from schemas.cloudevents import DataFault, InvalidEventError
from schemas.cloudevents_http import UnsupportedEventFormatError
from schemas.codec import UndecodableRecord
from schemas.jsontext import UnfitDataError
from schemas.reasons import MEANINGS, Reason
from schemas.steps import told
from streams.ground.errors import UnavailableError, UsageError
from streams.ground.publish import RefusedRecordError
from streams.language.faults import DefinitionError, Fault
from streams.readmodel.database import is_away, is_gone, reason_of

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger()


class ProblemError(Exception):
    """A request is refused. `kind` is stable, for machines; `members` go into the problem beside the standard ones.

    No detail quotes data of an event, and each is written as the details of all problems are.
    """

    def __init__(
        self, status: int, kind: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = told(detail)
        self.headers = dict(headers or {})
        self.members = members

    def response(self) -> web.Response:
        """The refusal as HTTP has it."""
        problem = {
            "type": f"urn:exlify:problem:{self.kind}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        try:
            body = orjson.dumps(problem | self.members)
        except TypeError:  # a lone surrogate
            body = json.dumps(problem | self.members).encode()
        return web.Response(status=self.status, body=body, content_type=CONTENT_TYPE, headers=self.headers)


def refused(reason: Reason, detail: str, **members: Any) -> ProblemError:
    """The refusal of a reason that all layers share, with the status that the table of reasons gives it."""
    return ProblemError(MEANINGS[reason].status, reason.value.lower().replace("_", "-"), detail, **members)


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns everything that a handler raises into a problem."""
    try:
        return await handler(request)
    except Exception as error:  # noqa: BLE001  # the edge: a bug must not show its inside to callers
        return problem_of(error, request).response()


def problem_of(error: Exception, request: web.Request) -> ProblemError:
    """The problem that an exception is told as; a bug is logged with its trace and told without it."""
    match error:
        case ProblemError():
            return error
        case UnsupportedEventFormatError():
            return ProblemError(415, "media-type", str(error), faults=data_faults(error.faults))
        case InvalidEventError():
            # What is not JSON is no request (400); what is JSON and no valid event cannot be processed (422).
            readable = all(fault.place not in ("body", "request") for fault in error.faults)
            return ProblemError(422 if readable else 400, "event-invalid", str(error), faults=data_faults(error.faults))
        case DefinitionError():
            detail = f"{len(error.faults)} faults; nothing was deployed"
            return ProblemError(422, "definition-invalid", detail, faults=definition_faults(error.faults))
        case UnfitDataError():
            return ProblemError(422, "data-unfit", f"Data cannot be taken: {error}.")
        case UndecodableRecord():
            detail = f"What is kept of it cannot be read: {error.reason}. Is the schema registry the one that wrote it?"
            return ProblemError(500, "unreadable", detail)
        case UsageError():
            return ProblemError(400, "request-invalid", str(error))
        case UnavailableError() | RefusedRecordError():
            return _unavailable(str(error))
        case SQLAlchemyError() if is_gone(error) or is_away(error):
            log.warning("read model away", reason=reason_of(error))
            return _unavailable("The read model does not answer, or is being made anew. Try again.")
        case web.HTTPException():
            return _of_http(error)
    if request.transport is None:  # nobody is there any more; what it was does not matter
        return ProblemError(400, "gone", "The connection is closed.")
    log.exception("request failed", method=request.method, route=route_of(request), exc_info=error)
    return ProblemError(500, "internal", "A fault of ours; it is in the gateway's log.")


def definition_faults(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """Faults of a definition as members of an answer."""
    names = ("line", "column", "severity", "code", "message", "remedy")
    return [{name: getattr(fault, name) for name in names} for fault in faults]


def data_faults(faults: Iterable[DataFault]) -> list[dict[str, str]]:
    """Faults of what was sent as members of a problem."""
    return [fault._asdict() for fault in faults]


def route_of(request: web.Request) -> str:
    """The route's pattern: the path itself may carry ids."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"


def _unavailable(detail: str) -> ProblemError:
    return ProblemError(503, "unavailable", detail, headers={"Retry-After": str(RETRY_AFTER_S)})


def _of_http(error: web.HTTPException) -> ProblemError:
    """What aiohttp itself refuses: unknown paths, wrong methods, bodies that are too large."""
    kinds = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return ProblemError(error.status, kinds.get(error.status, "http"), error.reason, headers=headers)
