"""What values weigh: roughly the characters of their JSON, known before it is written.

Results of expressions share structure, so sixty tasks that each make `[.x, .x]` hold a value that is small in memory
and whose text would fill every disk; and a text that is doubled is no small thing in memory either. What is shared
counts as often as it would be written. So a value is weighed where it may have grown, before anything is made of it.

Weighing costs as much as the value is large, so it is left out where nothing can have grown much: a run knows what
came in (`bound`: nothing that it holds weighs more), and a task knows how often its expressions can write down what
they read (`growth`). Only when the product could be too much is there anything to weigh, and what was weighed is
remembered.
"""

from __future__ import annotations

from schemas.payload import Json

PER_BYTE = 6  # what a byte of a record or a row can weigh at most: numbers of one byte, control characters
_SCALAR = 6  # what a number, true, false or null weighs; its text may be three times as long
_REMEMBERED = 16  # times the limit of a value: what is remembered beyond that is forgotten, so that it can be freed


class Scale:
    """Weighs the values of one engine step; made when there is the first one to weigh."""

    __slots__ = ("_forget_at", "_known", "_total")

    def __init__(self, value_bytes: int) -> None:
        self._forget_at = _REMEMBERED * value_bytes
        self._known: dict[int, tuple[Json, int]] = {}  # the value too: an id is one's own only while one lives
        self._total = 0

    def weigh(self, value: Json) -> int:
        """What a value weighs. Each container is looked into once."""
        kind = type(value)
        if kind is str:
            return len(value) + 2
        if kind is not dict and kind is not list:
            return _SCALAR
        known = self._known.get(id(value))
        if known is not None:
            return known[1]
        own = 2 + len(value)
        if kind is dict:
            own += sum(map(len, value)) + 3 * len(value)
            value_list = value.values()
        else:
            value_list = value
        within = 0
        for each in value_list:
            kind = type(each)
            if kind is str:
                own += len(each) + 2
            elif kind is dict or kind is list:
                within += self.weigh(each)
            else:
                own += _SCALAR
        self._remember(value, own, own + within)
        return own + within

    def _remember(self, value: Json, own: int, weight: int) -> None:
        self._total += own
        if self._total > self._forget_at:
            self._known.clear()
            self._total = own
        self._known[id(value)] = value, weight
