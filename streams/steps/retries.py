"""How often a step is tried again, as its declaration says it for definitions that do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.recovery import BACKOFFS, JITTERS, MAX_RETRIES, USUAL, Policy
from streams.steps.types import WrongSignatureError


@dataclass(frozen=True)
class Retries:
    """`times` re-attempts at most; pauses and bounds in seconds."""

    times: int = USUAL.retries
    delay: float = USUAL.delay_ms / 1_000
    cap: float = USUAL.cap_ms / 1_000
    backoff: Literal["constant", "linear", "exponential"] = "exponential"
    jitter: Literal["full", "none"] = "full"
    within: float | None = None  # after the first failure: later no re-attempt begins


def policy_of(declared: int | Retries | None) -> Policy | None:
    """Raises WrongSignatureError for what cannot be meant."""
    if declared is None:
        return None
    told = declared if isinstance(declared, Retries) else Retries(times=declared)
    if type(told.times) is not int or not 0 <= told.times <= MAX_RETRIES:
        raise WrongSignatureError(f"retries is a whole number from 0 to {MAX_RETRIES}")
    if told.backoff not in BACKOFFS or told.jitter not in JITTERS:
        raise WrongSignatureError(f"backoff is one of {', '.join(BACKOFFS)}, jitter one of {', '.join(JITTERS)}")
    seconds = (told.delay, told.cap, 0.0 if told.within is None else told.within)
    if not all(isinstance(each, int | float) and 0 <= each < float("inf") for each in seconds):
        raise WrongSignatureError("delay, cap and within are seconds from 0 on")
    return Policy(
        retries=told.times,
        backoff=told.backoff,
        delay_ms=int(told.delay * 1_000),
        cap_ms=int(told.cap * 1_000),
        jitter=told.jitter,
        within_ms=None if told.within is None else int(told.within * 1_000),
    )
