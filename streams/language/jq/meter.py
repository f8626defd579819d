"""The meter: how much work one evaluation may do, counted in steps and sizes and never in seconds.

A limit that looked at the clock would make a replay differ from the first run. So every loop, every call of a
function and every value that is made is paid for with steps, and the size of each value made is bounded; what is left
over is the same on every machine. The figures are a compass: a step stands for about a microsecond of CPU on a
machine of 2026.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# some tenths of a second: an expression that needs more would hold up everybody else on its partition
MAX_STEPS = 250_000
# of one value: its nodes, and one more for every 64 characters; a document of 1 MiB has at most 525,000 nodes
MAX_WEIGHT = 600_000
MAX_TEXT = 4 * 1024 * 1024  # characters of one string
MAX_DEPTH = 64  # levels of lists and objects in each other
SMALL = 1_000  # characters or elements of what may be read and made without paying


class LimitError(Exception):
    """An evaluation went over a limit. Not a `JqError`, so that no `try`, `?` or `//` inside the expression can
    swallow it."""


class HeavyError(Exception):
    """An expression that runs unmetered has met data that is too large for that. It starts again, metered."""


class Meter:
    """What one evaluation has left.

    Results of jq share structure with their inputs, so a few steps can make a value whose written form is
    astronomically large. The weight of each container is therefore known when it is made: the sum over its children,
    each weighed once and remembered.
    """

    __slots__ = ("_known", "left", "made_patterns")

    def __init__(self) -> None:
        self.left = 0
        self.made_patterns: set[str] = set()  # not written down in the expression: each may have to be compiled
        # id -> (value, kept alive so that the id stays its own; weight; depth)
        self._known: dict[int, tuple[Any, int, int]] = {}

    def reset(self) -> None:
        """A full tank; what was weighed before is forgotten."""
        self.left = MAX_STEPS
        self._known.clear()
        self.made_patterns.clear()

    def spend(self, steps: int) -> None:
        """Pays for work about to be done; raises `LimitError` when nothing is left."""
        self.left -= steps
        if self.left < 0:
            raise LimitError(f"needs more than {MAX_STEPS:,} steps")

    def weigh(self, value: Any, level: int = 0) -> int:
        """The weight of any value; raises `LimitError` if it is too heavy or too deep. Costs a step for eight unseen
        nodes."""
        if type(value) is list or type(value) is dict:
            return self._measure(value, level)[0]
        return 1 + (len(value) >> 6) if type(value) is str else 1

    def _measure(self, container: list[Any] | dict[str, Any], level: int) -> tuple[int, int]:
        known = self._known.get(id(container))
        if known is not None:
            return known[1], known[2]
        if level > MAX_DEPTH:
            raise LimitError(f"makes or reads a value of more than {MAX_DEPTH} levels")
        weight, depth = 1 + len(container), 0
        self.spend(1 + (weight >> 3))
        if type(container) is dict:
            weight += sum(map(len, container)) >> 6
            children: Iterable[Any] = container.values()
        else:
            children = container
        for child in children:
            kind = type(child)
            if kind is str:
                weight += len(child) >> 6
            elif kind is list or kind is dict:
                inner_weight, inner_depth = self._measure(child, level + 1)
                weight += inner_weight
                if inner_depth > depth:
                    depth = inner_depth
        if weight > MAX_WEIGHT:
            raise LimitError(f"makes or reads a value of more than {MAX_WEIGHT:,} nodes")
        if depth >= MAX_DEPTH:
            raise LimitError(f"makes or reads a value of more than {MAX_DEPTH} levels")
        self._known[id(container)] = (container, weight, depth + 1)
        return weight, depth + 1

    def read(self, value: Any) -> None:
        """Pays for an operation that walks through the whole value."""
        self.spend(1 + (self.weigh(value) >> 2))

    def touch(self, value: Any) -> None:
        """Pays for an operation that looks at each element, or at each character, and not inside."""
        self.spend(1 + (len(value) >> 2) if type(value) in (list, dict, str) else 1)

    def made(self, value: Any) -> None:
        """Pays for a value that has just been made. What is inside is paid for when something reads it."""
        if type(value) is list or type(value) is dict:
            if len(value) > MAX_WEIGHT:
                raise LimitError(f"makes or reads a value of more than {MAX_WEIGHT:,} nodes")
            self.spend(1 + (len(value) >> 3))
        elif type(value) is str:
            self.text(len(value))
            self.spend(1)
        else:
            self.spend(1)

    def text(self, length: int) -> None:
        """Pays for a string of so many characters."""
        if length > MAX_TEXT:
            raise LimitError(f"makes a text of more than {MAX_TEXT:,} characters")
        self.spend(length >> 7)


# One evaluation at a time: the evaluator holds a lock.
METER = Meter()
