"""What came of a request: what its answer means, or that there is no whole one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import aiohttp

from connectors.http.client import Progress
from connectors.http.files import FileError
from connectors.http.output import said
from connectors.http.quiet import quiet_ms
from connectors.http.reply import Reply
from connectors.http.request import Request
from connectors.http.status import judge, retry_after_ms
from connectors.hub.contract import Plan
from connectors.hub.outcome import CallOutcome
from schemas.payload import Json
from schemas.reasons import Effect, Reason

MOST_SAID = 32 * 1024  # of an answer that is an error: what is longer is not told


class HalfTakenError(aiohttp.ClientError):
    """The system has answered before it had all of what was sent."""


def is_error(status: int, request: Request) -> bool:
    """Whether an answer with this status is one."""
    return status >= 300 and not (status < 400 and request.accepts_redirect)


def unanswered(plan: Plan[Request], progress: Progress, error: Exception) -> CallOutcome:
    """There is no complete answer."""
    late = isinstance(error, TimeoutError)
    if not progress.connected:
        what = "no connection in time" if late else f"no connection: {_cause(error)}"
        return ended(plan, Reason.UNREACHED, Effect.NONE, what)
    what = "no answer in time" if late else "the connection broke before the answer was complete"
    if isinstance(error, HalfTakenError):
        what = "answered before it had all of the file"
    if plan.effect.effectful:
        return ended(plan, Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN, what, 408 if late else None)
    return ended(plan, Reason.TIMED_OUT if late else Reason.UNREACHED, Effect.NONE, what)


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


def unfiled(plan: Plan[Request], progress: Progress, error: FileError) -> CallOutcome:
    """A file of this site was in the way, which says nothing about the system."""
    reason, effect = error.reason, Effect.NONE
    if progress.status is not None and progress.status < 300:
        effect = plan.effect.when(certain=Effect.DONE)
    elif progress.connected and plan.effect.effectful:
        reason, effect = Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN
    return replace(ended(plan, reason, effect, str(error)), outdated=True)


def too_large(plan: Plan[Request], progress: Progress, what: str) -> CallOutcome:
    """The answer is more than is taken."""
    accepted = progress.status is not None and progress.status < 300
    effect = plan.effect.when(certain=Effect.DONE if accepted else Effect.UNKNOWN)
    return ended(plan, Reason.REPLY_TOO_LARGE, effect, what)


def rejected(plan: Plan[Request], reply: Reply) -> CallOutcome:
    """The answer is an error."""
    waits_ms = retry_after_ms(reply.headers.get("retry-after"), datetime.now(UTC))
    verdict = judge(reply.status, plan.effect, waits_ms is not None)
    return CallOutcome(
        reason=verdict.reason,
        effect=plan.effect.when(certain=Effect.UNKNOWN if verdict.doubtful else Effect.NONE),
        answer=said(plan.request, reply, MOST_SAID),
        status=reply.status,
        retry_after_ms=waits_ms,
        quiet_ms=_quiet_ms(reply),
        detail=f"{named(plan)} answered {reply.status}",
        evidence=_evidence(plan, reply.status),
    )


def accepted(plan: Plan[Request], reply: Reply, output: Json) -> CallOutcome:
    """It is what was asked for."""
    return CallOutcome(
        reason=Reason.OK,
        effect=plan.effect.when(certain=Effect.DONE),
        output=output,
        quiet_ms=_quiet_ms(reply),
        evidence=_evidence(plan, reply.status),
    )


def _quiet_ms(reply: Reply) -> int | None:
    return quiet_ms(reply.status, reply.headers, datetime.now(UTC))


def ended(plan: Plan[Request], reason: Reason, effect: Effect, what: str, status: int | None = None) -> CallOutcome:
    """It has come to this, which `what` tells people."""
    detail = f"{named(plan)}: {what}"
    return CallOutcome(reason=reason, effect=effect, status=status, detail=detail, evidence=_evidence(plan, status))


def named(plan: Plan[Request]) -> str:
    """What the call is called in texts: no path and no query, they may be about a person."""
    return f"{plan.request.method} {plan.request.url.host}:{plan.request.url.port}"


def _evidence(plan: Plan[Request], status: int | None) -> dict[str, str | int]:
    found: dict[str, str | int] = {"method": plan.request.method, "connection": plan.connection}
    return found if status is None else {**found, "status": status}
