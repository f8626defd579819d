"""What came of a call: one shape for every connector. The reasons are those of all layers (`schemas.reasons`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas import problems, steps
from schemas.reasons import MEANINGS, Code, Effect, Meaning, Reason

# Where the remote side gave a status, the type of the problem says which kind of status it is.
_TYPES_BY_STATUS = {401: problems.AUTHENTICATION, 403: problems.AUTHORIZATION, 408: problems.TIMEOUT}


@dataclass(slots=True, kw_only=True)
class CallOutcome:
    """What came of one call. Not changed once the hub has given it.

    `detail` is one line for people; it and `evidence` hold no personal data: no body, no parameter, no path, no query.
    """

    reason: Reason
    effect: Effect
    output: Any = None  # JSON value; only with reason OK
    answer: Any = field(default=None, repr=False)  # JSON value: what the remote side said with its error, for `catch`
    status: int | None = None  # status that the remote side answered with, or 408 where it did not answer in time
    retry_after_ms: int | None = None  # wait demanded by the remote side
    quiet_ms: int | None = None  # for how long the remote side wants no calls of anybody
    detail: str = ""
    evidence: Mapping[str, str | int] = field(default_factory=dict)
    outdated: bool = False  # a connection kept from earlier calls broke: it says nothing about the system
    system: str = ""  # that was asked, by the name that the site gave it

    @property
    def ok(self) -> bool:
        """Whether the call did what it was made for."""
        return self.reason is Reason.OK

    @property
    def meaning(self) -> Meaning:
        """The row of the table: code, advice, fault, scope."""
        return MEANINGS[self.reason]

    @property
    def code(self) -> Code:
        """The google.rpc code."""
        return self.meaning.code


def to_problem(outcome: CallOutcome, pointer: str) -> steps.Problem:
    """The outcome as a problem of the task at `pointer`.

    A status of the remote side is kept and makes it a communication error (401, 403 and 408 have types of their own);
    without one, type and status are those of the reason.
    """
    remote = outcome.status
    return steps.problem(
        outcome.reason,
        outcome.detail,
        pointer,
        effect=outcome.effect,
        kind=None if remote is None else _TYPES_BY_STATUS.get(remote, problems.COMMUNICATION),
        status=remote,
    )
