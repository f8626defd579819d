"""`recovery` of a connection in `connections.yaml`: how calls are tried again whose definition does not say it.

erp:
  url: https://erp.example.com
  recovery: {retries: 5, backoff: exponential, delay: 2s, cap: 1m, jitter: full, within: 1h}
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from schemas.recovery import BACKOFFS, JITTERS, MAX_RETRIES, Policy

if TYPE_CHECKING:
    from streams.ground.site_yaml import Part

_DURATION = re.compile(r"(\d{1,6})(ms|s|m|h|d)")
_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def read_policy(part: Part) -> Policy:
    """What it says; faults with their place."""
    members = part.only("retries", "backoff", "delay", "cap", "jitter", "within")
    given: dict[str, Any] = {}
    if "retries" in members:
        given["retries"] = members["retries"].whole(0, MAX_RETRIES, "retries")
    for name, choices in (("backoff", BACKOFFS), ("jitter", JITTERS)):
        if name in members:
            given[name] = _choice(members[name], choices)
    for name in ("delay", "cap", "within"):
        if name in members:
            given[f"{name}_ms"] = duration_ms(members[name])
    return Policy(**given)


def duration_ms(part: Part) -> int:
    """A length of time; a fault where it is none."""
    found = _DURATION.fullmatch(part.scalar())
    if found is None:
        part.fault(
            "no length of time", "write milliseconds, seconds, minutes, hours or days: 500ms, 30s, 10m, 2h or 1d"
        )
    return int(found[1]) * _MS[found[2]]


def _choice(part: Part, choices: tuple[str, ...]) -> str:
    text = part.scalar()
    if text not in choices:
        part.fault("none of the choices", f"write {' or '.join(choices)}")
    return text
