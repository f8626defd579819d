"""For how long a system wants no more calls, from anybody: Retry-After, RateLimit and their forerunners.

RateLimit is draft-ietf-httpapi-ratelimit-headers-10 (`"default";r=0;t=30`). Before it there were RateLimit-Remaining
with RateLimit-Reset, and the same with an X, whose reset is seconds or, with some, a time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from connectors.http.status import MAX_WAIT_MS, retry_after_ms

ASKED_TO_WAIT = (429, 503)
_POLICY = re.compile(r"""("[^"]*"|[A-Za-z*][\w.*:/%-]*)((?:\s*;\s*[a-z*][a-z0-9_.*-]*(?:=[^;,]*)?)*)""")
_SAYING = frozenset(
    ("ratelimit", "ratelimit-remaining", "ratelimit-reset", "x-ratelimit-remaining", "x-ratelimit-reset")
)
_MOST_BYTES = 1_000
_MOST_DIGITS = 12
_IS_A_TIME_S = 1_000_000_000  # as seconds they would be thirty years


def quiet_ms(status: int, headers: Mapping[str, str], now: datetime) -> int | None:
    """Milliseconds from now; None where the answer does not say so. Header names are in lower case."""
    if status not in ASKED_TO_WAIT and _SAYING.isdisjoint(headers):
        return None
    waits = [_of_policies(headers.get("ratelimit", ""))]
    waits += [_used_up(headers, prefix, now) for prefix in ("ratelimit", "x-ratelimit")]
    if status in ASKED_TO_WAIT:
        waits.append(retry_after_ms(headers.get("retry-after"), now))
    return max((wait for wait in waits if wait is not None), default=None)


def _of_policies(value: str) -> int | None:
    """The longest wait of the policies that have nothing left."""
    found = []
    for policy in _POLICY.finditer(value[:_MOST_BYTES]):
        members = dict(each.strip().partition("=")[::2] for each in policy[2].split(";") if each.strip())
        if members.get("r") == "0" and (seconds := _number(members.get("t"))) is not None:
            found.append(_ms(seconds))
    return max(found, default=None)


def _used_up(headers: Mapping[str, str], prefix: str, now: datetime) -> int | None:
    if _number(headers.get(f"{prefix}-remaining")) != 0:
        return None
    reset = _number(headers.get(f"{prefix}-reset"))
    if reset is None:
        return None
    return _ms(max(0, reset - int(now.timestamp())) if reset > _IS_A_TIME_S else reset)


def _ms(seconds: int) -> int:
    return min(seconds * 1_000, MAX_WAIT_MS)


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None
