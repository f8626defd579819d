"""Whether a failed step is tried again, and when. Pure; `processor.py` makes it durable.

It depends on what the error means (`schemas.reasons`) and on what another try could do, never on a text: an effect that
may have happened is not begun a second time unless that is harmless, and what only a change of setting, definition or
right can mend is not tried at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from schemas import problems, recovery
from schemas.payload import UnreadablePayloadError
from schemas.reasons import MEANINGS, Advice, Effect, Reason
from schemas.steps import Problem, id_of
from streams.language.expressions import Condition, ExpressionError, ProgramError, expression
from streams.runtime.letters import HARMLESS, POINTLESS

_WORTH_IT = frozenset({Advice.BACKOFF, Advice.AFTER})


def due_ms(letter: Mapping[str, Any], policy: recovery.Policy, now_ms: int, first_ms: int) -> int | None:
    """When the command of a letter is tried again; None where it is given up.

    `first_ms` is when it failed for the first time.
    """
    retry = letter["retry"] + 1
    if retry > policy.retries or not _helps(letter) or not _is_meant(policy, letter["error"]):
        return None
    if not _is_wanted(policy, letter):
        return None
    at_ms = now_ms + policy.pause_ms(id_of(letter), retry, letter["wait_ms"])
    if policy.within_ms is not None and at_ms > first_ms + policy.within_ms:
        return None
    if letter["deadline_ms"] is not None and at_ms >= letter["deadline_ms"]:
        return None
    return at_ms


def _helps(letter: Mapping[str, Any]) -> bool:
    error = letter["error"]
    reason = error["reason"]
    meaning = MEANINGS.get(reason)
    again = letter["again"]
    if meaning is None or again == POINTLESS or (error["effect"] != Effect.NONE and again != HARMLESS):
        return False
    return meaning.advice in _WORTH_IT or reason == Reason.OUTCOME_UNKNOWN


def _is_wanted(policy: recovery.Policy, letter: Mapping[str, Any]) -> bool:
    """Whether the conditions of the definition are for another try; one that fails is not."""
    if policy.when is None and policy.unless is None:
        return True
    error = dict(letter["error"])
    try:
        if letter["answer"] is not None:
            error["body"] = letter["answer"].value()
        wanted = policy.when is None or _condition(policy.when).evaluate(error, {"error": error})
        return bool(wanted) and (
            policy.unless is None or not _condition(policy.unless).evaluate(error, {"error": error})
        )
    except (ExpressionError, ProgramError, UnreadablePayloadError):
        return False


@lru_cache(maxsize=256)
def _condition(text: str) -> Condition:
    return Condition(expression(text))


def _is_meant(policy: recovery.Policy, error: Problem) -> bool:
    """Whether the error is one for which the definition wants the step tried again."""
    wanted = dict(policy.only or {})
    kind = wanted.pop("type", None)
    if kind is not None and problems.canonical(str(kind)) != problems.canonical(str(error["type"])):
        return False
    return all(error.get(name) == value for name, value in wanted.items())
