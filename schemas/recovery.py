"""How a failed step is tried again: what a definition declares, and a command carries to who does it.

`retries` are re-attempts: with 3 there are at most 4 requests. The pause before each is `delay_ms`, or that many times
the number of the re-attempt (linear), or twice as much each time (exponential), at most `cap_ms`; of it a random share
is taken (`jitter` full), or all of it and something between two times more. What the remote side asks for is waited
for in any case.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

import msgspec

BACKOFFS = ("constant", "linear", "exponential")
JITTERS = ("full", "none")
MAX_RETRIES = 1_000
MAX_WAIT_MS = 30 * 86_400_000  # a longer pause is as good as this one
HOUR_MS = 3_600_000


class Policy(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The declaration of one step."""

    retries: int = 2
    backoff: str = "exponential"
    delay_ms: int = 200
    cap_ms: int = HOUR_MS
    jitter: str = "full"
    more_ms: tuple[int, int] | None = None  # instead of a share: all of the pause, and a time between these two more
    within_ms: int | None = None  # after the first failure: later no re-attempt begins
    only: Mapping[str, str | int] | None = None  # members that the error has to have; None: any error
    when: str | None = None  # jq on the error, which is also `$error`: only where that is true
    unless: str | None = None  # and where this is not

    def pause_ms(self, step: str, retry: int, asked_ms: int | None) -> int:
        """Before a re-attempt (the first is 1): the same whenever it is asked, and another for every step."""
        grown: int = {"constant": 1, "linear": retry, "exponential": 2 ** min(retry - 1, 40)}[self.backoff]
        most = min(self.delay_ms * grown, self.cap_ms, MAX_WAIT_MS)
        share = jitter(step, retry)
        if self.more_ms is not None:
            low, high = self.more_ms
            pause = most + low + int((high - low) * share)
        else:
            pause = int(most * share) if self.jitter == "full" else most
        return min(max(pause, asked_ms or 0), MAX_WAIT_MS)


USUAL = Policy(cap_ms=5_000)  # of a step that declares nothing


def jitter(step: str, retry: int) -> float:
    """A number in [0, 1) that is random across steps and re-attempts, and the same whenever it is asked."""
    return int.from_bytes(sha256(f"{step}#{retry}".encode()).digest()[:8]) / 2**64


class Stated(NamedTuple):
    """How steps are tried again whose definition does not say it, and who says so."""

    policy: Policy | None = None
    by: str = "usual"


NOBODY = Stated()


def described(policy: Policy) -> dict[str, str | int | None]:
    """For machines, with all that is left out in a declaration."""
    names = ("retries", "backoff", "delay_ms", "cap_ms", "jitter", "within_ms")
    return {name: getattr(policy, name) for name in names}


def words(policy: Policy) -> str:
    """For people, in one line."""
    if not policy.retries:
        return "never tried again"
    within = "" if policy.within_ms is None else f", within {policy.within_ms / 1_000:g} s"
    pauses = f"{policy.backoff} pauses of {policy.delay_ms / 1_000:g} to {policy.cap_ms / 1_000:g} s"
    return f"{policy.retries} times more, {pauses}, jitter {policy.jitter}{within}"


def encode(policy: Policy) -> bytes:
    """The policy as a command carries it."""
    return msgspec.json.encode(policy)


def decode(raw: bytes | None) -> Policy:
    """The policy of a command; the usual one where it carries none, or none that can be read."""
    if raw is None:
        return USUAL
    try:
        return msgspec.json.decode(raw, type=Policy)
    except msgspec.MsgspecError:
        return USUAL
