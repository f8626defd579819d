"""Why nothing may decide a case alone, which is then for people: a word for machines, a text for the reviewer.

No text repeats a value of the case.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Why(StrEnum):
    """Stable words; definitions and records use them."""

    NO_CERTIFICATE = "NO_CERTIFICATE"  # nothing has proved that it may
    CHANGED = "CHANGED"  # its files are not those that were put into force
    SUSPENDED = "SUSPENDED"  # somebody, or a monitor, took the band away
    MISSING = "MISSING"  # a field that it reads is not there
    UNKNOWN = "UNKNOWN"  # a field holds what it cannot read, such as a code that it does not know
    OUTSIDE = "OUTSIDE"  # a number beyond the range of its training
    NOT_WHOLE = "NOT_WHOLE"  # a fraction of what only comes as a whole
    UNLIKE = "UNLIKE"  # each field is in range, but not together
    NO_SCORE = "NO_SCORE"  # it gave no ordinary number
    OUT_OF_USE = "OUT_OF_USE"  # there is no such model, or its files cannot be used
    NO_ROW = "NO_ROW"  # no row of a decision table holds


class Held(NamedTuple):
    """One reason; `field` is empty where it is not about one."""

    why: Why
    field: str
    text: str

    def as_map(self) -> dict[str, str]:
        """As it travels in results and records."""
        return {"why": self.why.value, "field": self.field, "text": self.text}
