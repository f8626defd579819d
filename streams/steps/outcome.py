"""What came of an attempt at a step, as a reason and an effect; never more of an error than its type and its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.functions import EffectClass
from schemas.payload import Payload
from schemas.reasons import Effect, Reason
from schemas.recovery import MAX_WAIT_MS
from schemas.steps import told
from streams.steps.declared import Step
from streams.steps.errors import InDoubt, NotDone, Refused, Retryable
from streams.steps.types import WrongDataError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt."""

    reason: Reason
    effect: Effect
    detail: str = ""
    output: Payload | None = None  # only with reason OK
    after_s: float | None = None  # the wait that the step asked for
    retryable: bool = False  # it said itself that nothing has changed, and that another attempt may do


def given(step: Step[..., Any], result: Any) -> Outcome:
    """The function has returned: what was to be done is done, whatever it gives."""
    try:
        output = step.signature.written(result)
    except WrongDataError as error:
        detail = f"{step.name}: the result is not of its type: {error}"
        return Outcome(Reason.CONTRACT_DRIFT, step.effect.when(certain=Effect.DONE), detail)
    return Outcome(Reason.OK, step.effect.when(certain=Effect.DONE), output=output)


def raised(step: Step[..., Any], error: BaseException, effect: EffectClass) -> Outcome:
    """The function has raised."""
    detail = _told(step, error)
    match error:
        case Refused():
            return Outcome(Reason.BUSINESS_REJECTED, Effect.NONE, detail)
        case Retryable():
            after_s = _seconds(error.after)
            reason = Reason.REMOTE_FAULT if after_s is None else Reason.RATE_LIMITED
            return Outcome(reason, Effect.NONE, detail, after_s=after_s, retryable=True)
        case NotDone():
            return Outcome(Reason.NOT_FOUND, Effect.NONE, detail)
        case InDoubt():
            return Outcome(Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN, detail)
        case _:
            return Outcome(Reason.STEP_FAILED, effect.when(certain=Effect.UNKNOWN), detail)


def overdue(step: Step[..., Any], what: str, effect: EffectClass) -> Outcome:
    """The function was given up; what it has done until then nobody knows."""
    reason = Reason.OUTCOME_UNKNOWN if effect.effectful else Reason.TIMED_OUT
    return Outcome(reason, effect.when(certain=Effect.UNKNOWN), f"{step.name}: {what}")


def brought_down(step: Step[..., Any], how: str, effect: EffectClass) -> Outcome:
    """The process of the function has ended."""
    return Outcome(Reason.STEP_FAILED, effect.when(certain=Effect.UNKNOWN), f"{step.name}: {how}")


def _seconds(asked: Any) -> float | None:
    """The wait that a step has asked for; None where it is none that can be waited."""
    if not isinstance(asked, int | float) or not asked >= 0:
        return None
    return min(asked, MAX_WAIT_MS / 1_000)


def _told(step: Step[..., Any], error: BaseException) -> str:
    try:
        text = told(str(error)).strip()
    except Exception:  # noqa: BLE001  # its `__str__` is the user's, too
        text = ""
    ours = isinstance(error, Refused | Retryable | NotDone | InDoubt)
    parts = (step.name, "" if ours else type(error).__name__, text)
    return ": ".join(part for part in parts if part)
