"""What an HTTP status says: the reason, and whether the request may have had its effect all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from schemas.functions import EffectClass
from schemas.reasons import Reason

MAX_WAIT_MS = 30 * 86_400_000  # a longer wait is as good as this one
MAX_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Verdict:
    """`doubtful`: for an effectful request, the status does not rule out that the effect has happened."""

    reason: Reason
    doubtful: bool = False


_VERDICTS: Mapping[int, Verdict] = {
    302: Verdict(Reason.CONTRACT_DRIFT, doubtful=True),  # often the answer to a form that was taken
    303: Verdict(Reason.CONTRACT_DRIFT, doubtful=True),
    401: Verdict(Reason.AUTH_EXPIRED),
    402: Verdict(Reason.BUSINESS_REJECTED),
    403: Verdict(Reason.FORBIDDEN),
    404: Verdict(Reason.NOT_FOUND),
    407: Verdict(Reason.AUTH_EXPIRED),
    408: Verdict(Reason.TIMED_OUT),  # the server gave up waiting for the request
    409: Verdict(Reason.CONFLICT),
    410: Verdict(Reason.NOT_FOUND),
    412: Verdict(Reason.CONFLICT),
    423: Verdict(Reason.CONFLICT),
    425: Verdict(Reason.CONFLICT),
    429: Verdict(Reason.RATE_LIMITED),
    501: Verdict(Reason.INPUT_INVALID),
    502: Verdict(Reason.REMOTE_FAULT, doubtful=True),
    503: Verdict(Reason.UNREACHED),
    504: Verdict(Reason.REMOTE_FAULT, doubtful=True),
    505: Verdict(Reason.INPUT_INVALID),
}
_BY_CLASS: Mapping[int, Verdict] = {
    3: Verdict(Reason.CONTRACT_DRIFT),
    4: Verdict(Reason.INPUT_INVALID),
    5: Verdict(Reason.REMOTE_FAULT, doubtful=True),
}
_GATEWAY_LOST_THE_ANSWER = (502, 504)
_FIRST_ONE_STILL_RUNS = 409  # what services with idempotency keys answer while a request with the same key is under way


def judge(status: int, effect: EffectClass, asked_to_wait: bool) -> Verdict:
    """The verdict on a status from 300 up. `asked_to_wait`: the answer carries Retry-After."""
    if status == 503 and asked_to_wait:
        return Verdict(Reason.RATE_LIMITED)
    if effect.effectful and status in _GATEWAY_LOST_THE_ANSWER:
        return Verdict(Reason.OUTCOME_UNKNOWN, doubtful=True)
    if effect is EffectClass.KEYED and status == _FIRST_ONE_STILL_RUNS:
        return Verdict(Reason.CONFLICT, doubtful=True)
    return _VERDICTS.get(status) or _BY_CLASS.get(status // 100) or Verdict(Reason.CONTRACT_DRIFT, doubtful=True)


def retry_after_ms(value: str | None, now: datetime) -> int | None:
    """The wait that a Retry-After header demands, seconds or a date; None where it says nothing that can be read."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(int(value[:MAX_DIGITS]) * 1000, MAX_WAIT_MS)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0, round((at - now).total_seconds() * 1000)), MAX_WAIT_MS)
