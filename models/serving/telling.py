"""What a reviewer reads for a reason: the field, its value, what it is compared with, and which way it moves the score.

    duration in months: 48 (typical approved application: 15), raises the score

Only who has to look at a case is told; what a profile has is put into words once, when the model is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.serving.features import Code, Input

LONGEST = 200  # characters of a value; nobody reads a whole letter in a reason
WHOLE = 10**15  # whole numbers below are written out
ABSENT, UNREAD = "not given", "what cannot be read"


class Telling:
    """Puts the reasons of one model into words."""

    __slots__ = ("_fields",)

    def __init__(self, inputs: Sequence[Input], reference: str, profile: Mapping[str, Any]) -> None:
        """`profile` is what the reasons compare with, `reference` its name with its version."""
        called = reference.partition("/")[0].replace("-", " ").strip() or "usual"
        self._fields: dict[str, tuple[str, Mapping[str, str], str]] = {}
        for each in inputs:
            texts = each.texts if isinstance(each, Code) else {}
            self._fields[each.field] = each.label, texts, f" ({called}: {said(profile.get(each.field), texts)})"

    def text(self, field: str, values: Mapping[str, Any], amount: float) -> str:
        """A reason of a case with these values, which moves the score by an amount."""
        label, texts, usual = self._fields[field]
        moves = "raises" if amount > 0 else "lowers"
        return f"{label}: {said(values.get(field), texts)}{usual}, {moves} the score"


def said(value: Any, texts: Mapping[str, str]) -> str:
    """A value as people read it; a code as what it means."""
    if isinstance(value, str):
        return texts.get(value, value)[:LONGEST]
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and abs(value) < WHOLE:
        return f"{value:,}"
    return f"{value:,.6g}" if isinstance(value, float) else UNREAD
