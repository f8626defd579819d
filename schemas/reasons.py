"""Why something did not work: the one table of reasons that all layers share, and what each means for what comes next.

The axis that matters most is the certainty of the effect: `none` (the outside world is as it was), `done` (it has
changed), `unknown` (nobody here can tell). What may be done next follows from it and from the reason, never from the
text of an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from schemas import problems


class Code(StrEnum):
    """The canonical codes of google.rpc: the coarse, universal half of an outcome."""

    OK = "OK"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"
    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    ABORTED = "ABORTED"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    UNIMPLEMENTED = "UNIMPLEMENTED"
    INTERNAL = "INTERNAL"
    UNAVAILABLE = "UNAVAILABLE"
    DATA_LOSS = "DATA_LOSS"
    UNAUTHENTICATED = "UNAUTHENTICATED"


class Effect(StrEnum):
    """How sure it is that the outside world has changed."""

    NONE = "none"
    DONE = "done"
    UNKNOWN = "unknown"


class Advice(StrEnum):
    """When calling again makes sense, given that it does no harm."""

    NEVER = "never"
    BACKOFF = "backoff"
    AFTER = "after"  # the time that the remote side asked for
    AFTER_REAUTH = "after_reauth"
    AFTER_FIX = "after_fix"  # somebody has to change a setting, a definition or a right first
    AFTER_APPROVAL = "after_approval"
    RESOLVE_FIRST = "resolve_first"  # find out what happened, unless calling again is harmless


class Blame(StrEnum):
    """Whose fault it is."""

    NOBODY = "nobody"
    CALLER = "caller"
    REMOTE = "remote"
    NETWORK = "network"
    CREDENTIAL = "credential"
    POLICY = "policy"
    PLATFORM = "platform"


class Reach(StrEnum):
    """What else the same reason will hit."""

    ITEM = "item"
    BATCH = "batch"
    CONNECTION = "connection"
    CONNECTOR = "connector"


class Reason(StrEnum):
    """Stable names; once released, a name keeps its meaning for ever."""

    OK = "OK"
    INPUT_INVALID = "INPUT_INVALID"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_DONE = "ALREADY_DONE"
    CONFLICT = "CONFLICT"
    BUSINESS_REJECTED = "BUSINESS_REJECTED"
    AUTH_EXPIRED = "AUTH_EXPIRED"
    CONNECTION_STALE = "CONNECTION_STALE"
    FORBIDDEN = "FORBIDDEN"
    RATE_LIMITED = "RATE_LIMITED"
    UNREACHED = "UNREACHED"
    TIMED_OUT = "TIMED_OUT"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    REMOTE_FAULT = "REMOTE_FAULT"
    CONTRACT_DRIFT = "CONTRACT_DRIFT"
    REPLY_TOO_LARGE = "REPLY_TOO_LARGE"
    POLICY_DENIED = "POLICY_DENIED"
    BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"
    WITHDRAWN = "WITHDRAWN"
    UNSUPPORTED = "UNSUPPORTED"
    MISCONFIGURED = "MISCONFIGURED"
    PLATFORM_FAULT = "PLATFORM_FAULT"
    STEP_FAILED = "STEP_FAILED"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    CANCELLED = "CANCELLED"
    TASK_CLOSED = "TASK_CLOSED"
    TASK_CLAIMED = "TASK_CLAIMED"
    STALE_VERSION = "STALE_VERSION"
    UNKNOWN_OUTCOME = "UNKNOWN_OUTCOME"
    UNKNOWN_ACTION = "UNKNOWN_ACTION"
    DATA_INVALID = "DATA_INVALID"
    UNDO_MISSING = "UNDO_MISSING"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row of the table of reasons."""

    code: Code
    advice: Advice
    blame: Blame
    reach: Reach
    type: str  # URI of the problem, where the remote side gave no status of its own
    status: int  # its HTTP status
    title: str
    trips: bool = False  # counts as a failure of the system behind the connection, so its breaker may open


MEANINGS: Mapping[Reason, Meaning] = MappingProxyType(
    {
        Reason.OK: Meaning(
            Code.OK, Advice.NEVER, Blame.NOBODY, Reach.ITEM, "about:blank", 200, "Done"
        ),
        Reason.INPUT_INVALID: Meaning(
            Code.INVALID_ARGUMENT, Advice.NEVER, Blame.CALLER, Reach.ITEM, problems.VALIDATION, 400,
            "The call is not one that this system can take",
        ),
        Reason.NOT_FOUND: Meaning(
            Code.NOT_FOUND, Advice.NEVER, Blame.CALLER, Reach.ITEM, problems.COMMUNICATION, 404,
            "What the call refers to does not exist",
        ),
        Reason.ALREADY_DONE: Meaning(
            Code.ALREADY_EXISTS, Advice.RESOLVE_FIRST, Blame.CALLER, Reach.ITEM, problems.COMMUNICATION, 409,
            "What the call would make exists already",
        ),
        Reason.CONFLICT: Meaning(
            Code.ABORTED, Advice.BACKOFF, Blame.REMOTE, Reach.ITEM, problems.COMMUNICATION, 409,
            "Another change was in the way",
        ),
        Reason.BUSINESS_REJECTED: Meaning(
            Code.FAILED_PRECONDITION, Advice.NEVER, Blame.CALLER, Reach.ITEM, problems.COMMUNICATION, 422,
            "The system refused for a reason of its business",
        ),
        Reason.AUTH_EXPIRED: Meaning(
            Code.UNAUTHENTICATED, Advice.AFTER_REAUTH, Blame.CREDENTIAL, Reach.CONNECTION, problems.AUTHENTICATION, 401,
            "The credentials were not accepted",
        ),
        Reason.CONNECTION_STALE: Meaning(
            Code.UNAUTHENTICATED, Advice.AFTER_FIX, Blame.CREDENTIAL, Reach.CONNECTION, problems.AUTHENTICATION, 401,
            "The credentials of the connection are not valid any more",
        ),
        Reason.FORBIDDEN: Meaning(
            Code.PERMISSION_DENIED, Advice.AFTER_FIX, Blame.CREDENTIAL, Reach.CONNECTION, problems.AUTHORIZATION, 403,
            "The credentials do not allow this",
        ),
        Reason.RATE_LIMITED: Meaning(
            Code.RESOURCE_EXHAUSTED, Advice.AFTER, Blame.REMOTE, Reach.CONNECTION, problems.COMMUNICATION, 429,
            "The system asks for fewer calls",
        ),
        Reason.UNREACHED: Meaning(
            Code.UNAVAILABLE, Advice.BACKOFF, Blame.NETWORK, Reach.CONNECTION, problems.COMMUNICATION, 503,
            "The system is not available", trips=True,
        ),
        Reason.TIMED_OUT: Meaning(
            Code.DEADLINE_EXCEEDED, Advice.BACKOFF, Blame.NETWORK, Reach.CONNECTION, problems.TIMEOUT, 408,
            "The system did not answer in time", trips=True,
        ),
        Reason.OUTCOME_UNKNOWN: Meaning(
            Code.DEADLINE_EXCEEDED, Advice.RESOLVE_FIRST, Blame.NETWORK, Reach.ITEM, problems.COMMUNICATION, 500,
            "The call was sent, and no answer tells what came of it", trips=True,
        ),
        Reason.REMOTE_FAULT: Meaning(
            Code.INTERNAL, Advice.BACKOFF, Blame.REMOTE, Reach.ITEM, problems.COMMUNICATION, 500,
            "The system failed", trips=True,
        ),
        Reason.CONTRACT_DRIFT: Meaning(
            Code.DATA_LOSS, Advice.AFTER_FIX, Blame.REMOTE, Reach.CONNECTOR, problems.COMMUNICATION, 502,
            "The answer is not what was agreed",
        ),
        Reason.REPLY_TOO_LARGE: Meaning(
            Code.OUT_OF_RANGE, Advice.AFTER_FIX, Blame.REMOTE, Reach.ITEM, problems.COMMUNICATION, 502,
            "The answer is larger than what is taken",
        ),
        Reason.POLICY_DENIED: Meaning(
            Code.PERMISSION_DENIED, Advice.AFTER_APPROVAL, Blame.POLICY, Reach.CONNECTION, problems.AUTHORIZATION, 403,
            "Calls to this address are not allowed here",
        ),
        Reason.BUDGET_EXHAUSTED: Meaning(
            Code.RESOURCE_EXHAUSTED, Advice.AFTER_APPROVAL, Blame.POLICY, Reach.BATCH, problems.RUNTIME, 500,
            "The budget is used up",
        ),
        Reason.WITHDRAWN: Meaning(
            Code.CANCELLED, Advice.NEVER, Blame.NOBODY, Reach.ITEM, problems.RUNTIME, 500,
            "The step was withdrawn before the call was made",
        ),
        Reason.UNSUPPORTED: Meaning(
            Code.UNIMPLEMENTED, Advice.AFTER_FIX, Blame.CALLER, Reach.CONNECTOR, problems.CONFIGURATION, 400,
            "No connector has this function",
        ),
        Reason.MISCONFIGURED: Meaning(
            Code.FAILED_PRECONDITION, Advice.AFTER_FIX, Blame.PLATFORM, Reach.CONNECTION, problems.CONFIGURATION, 400,
            "A setting of the connection is missing or wrong",
        ),
        Reason.PLATFORM_FAULT: Meaning(
            Code.UNKNOWN, Advice.AFTER_FIX, Blame.PLATFORM, Reach.CONNECTOR, problems.RUNTIME, 500,
            "The connector itself failed",
        ),
        Reason.STEP_FAILED: Meaning(
            Code.INTERNAL, Advice.BACKOFF, Blame.CALLER, Reach.ITEM, problems.RUNTIME, 500,
            "The program of the step has failed",
        ),
        Reason.LIMIT_EXCEEDED: Meaning(
            Code.RESOURCE_EXHAUSTED, Advice.AFTER_FIX, Blame.CALLER, Reach.ITEM, problems.RUNTIME, 500,
            "A limit of the engine is reached",
        ),
        Reason.CANCELLED: Meaning(
            Code.CANCELLED, Advice.NEVER, Blame.NOBODY, Reach.ITEM, problems.RUNTIME, 500,
            "Somebody has ended the instance",
        ),
        Reason.TASK_CLOSED: Meaning(
            Code.FAILED_PRECONDITION, Advice.NEVER, Blame.CALLER, Reach.ITEM, problems.RUNTIME, 409,
            "The task is closed",
        ),
        Reason.TASK_CLAIMED: Meaning(
            Code.FAILED_PRECONDITION, Advice.NEVER, Blame.CALLER, Reach.ITEM, problems.RUNTIME, 409,
            "Somebody else works on the task",
        ),
        Reason.STALE_VERSION: Meaning(
            Code.ABORTED, Advice.AFTER_FIX, Blame.CALLER, Reach.ITEM, problems.RUNTIME, 409,
            "The task has changed since it was looked at",
        ),
        Reason.UNKNOWN_OUTCOME: Meaning(
            Code.INVALID_ARGUMENT, Advice.NEVER, Blame.CALLER, Reach.ITEM, problems.VALIDATION, 422,
            "The task does not offer this outcome",
        ),
        Reason.UNKNOWN_ACTION: Meaning(
            Code.UNIMPLEMENTED, Advice.NEVER, Blame.CALLER, Reach.ITEM, problems.VALIDATION, 422,
            "Tasks know no such action",
        ),
        Reason.DATA_INVALID: Meaning(
            Code.INVALID_ARGUMENT, Advice.NEVER, Blame.CALLER, Reach.ITEM, problems.VALIDATION, 422,
            "The form of the task does not take this data",
        ),
        Reason.UNDO_MISSING: Meaning(
            Code.UNIMPLEMENTED, Advice.AFTER_FIX, Blame.CALLER, Reach.ITEM, problems.CONFIGURATION, 400,
            "What was done stands: the definition does not say how it is undone",
        ),
    }
)  # fmt: skip

ADVICE: Mapping[Advice, str] = MappingProxyType(
    {
        Advice.NEVER: "the same call has the same end",
        Advice.BACKOFF: "after a while",
        Advice.AFTER: "after the wait that the system asked for",
        Advice.AFTER_REAUTH: "once there are credentials that are accepted",
        Advice.AFTER_FIX: "once somebody has changed a setting, a definition or a right",
        Advice.AFTER_APPROVAL: "once somebody has allowed it",
        Advice.RESOLVE_FIRST: "once it is known what happened, unless calling again is harmless",
    }
)


def described() -> list[dict[str, str | int | bool]]:
    """The table for people and machines, without what is no error."""
    return [
        {
            "reason": reason.value,
            "title": row.title,
            "type": row.type,
            "status": row.status,
            "code": row.code.value,
            "again": row.advice.value,
            "advice": ADVICE[row.advice],
            "fault": row.blame.value,
            "concerns": row.reach.value,
            "trips": row.trips,
        }
        for reason, row in MEANINGS.items()
        if reason is not Reason.OK
    ]
