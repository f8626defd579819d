"""What went wrong on the way to a server or on it: a reason, and words without names of queues or users."""

from __future__ import annotations

import aiormq
from aiormq import exceptions

from schemas.reasons import Reason

FAILURES = (aiormq.AMQPError, OSError, RuntimeError)  # the last of the client, about a connection that has ended
_REFUSALS: tuple[tuple[type[Exception], Reason, str], ...] = (
    (exceptions.PublishError, Reason.NOT_FOUND, "no queue takes the message; nothing is bound for this key"),
    (exceptions.ChannelNotFoundEntity, Reason.NOT_FOUND, "the exchange or the queue is not there"),
    (exceptions.ChannelAccessRefused, Reason.FORBIDDEN, "the user may not do that there"),
    (exceptions.ChannelPreconditionFailed, Reason.INPUT_INVALID, "the server does not take it as it is"),
    (exceptions.ChannelLockedResource, Reason.CONFLICT, "another connection holds the queue for itself"),
)
_CONNECTING: tuple[tuple[type[Exception], Reason, str], ...] = (
    (exceptions.ProbableAuthenticationError, Reason.AUTH_EXPIRED, "the server does not let us in"),
    (exceptions.AuthenticationError, Reason.MISCONFIGURED, "the server knows none of our ways to say who we are"),
    (exceptions.IncompatibleProtocolError, Reason.UNREACHED, "what answers there speaks no AMQP 0-9-1"),
    (aiormq.AMQPError, Reason.UNREACHED, "the server is not reached"),
    (OSError, Reason.UNREACHED, "the server is not reached"),
    (RuntimeError, Reason.UNREACHED, "the connection broke"),
)


def refusal(error: BaseException) -> tuple[Reason, str] | None:
    """What the server has said of a request that it has not carried out; None where it has said nothing."""
    return next(((reason, what) for kind, reason, what in _REFUSALS if isinstance(error, kind)), None)


def before(error: BaseException) -> tuple[Reason, str]:
    """What one of FAILURES means while nothing was asked yet."""
    # The client has no better word where its opening of the virtual host is answered with an end.
    if isinstance(error, exceptions.InvalidFrameError) and "Connection.Close" in str(error):
        return Reason.MISCONFIGURED, "the server has no such virtual host, or not for this user"
    return next((reason, what) for kind, reason, what in (*_REFUSALS, *_CONNECTING) if isinstance(error, kind))
