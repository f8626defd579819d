"""Which person gets a piece of work: the one with whom it costs least, for itself and for what it makes wait.

People do what costs most to leave first, and what is equal in the order in which it came. So a case of weight w that
takes a person d seconds waits for what they do now and for all of theirs that costs as much, and what costs less waits
for it:

    cost = w * (work before it + d) + d * (weights of what is behind it)

Nobody gets more than their capacity, or anything while they are away; somebody who is to be away soon, before it could
be done, comes after all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple


class Load(NamedTuple):
    """A piece of work that a person has."""

    weight: float  # what a second of delay costs
    seconds: float  # that it is expected to take still
    begun: bool = False


class Person(NamedTuple):
    """Somebody who might do it."""

    name: str
    has: Sequence[Load]
    capacity: int
    present: bool = True
    leaves_s: float | None = None  # when they will be away


Expected = Callable[[str], float]  # seconds that somebody is expected to take


def chosen(people: Iterable[Person], expected: Expected, weight: float) -> str | None:
    """Who gets it; None where nobody can. The same for the same, whatever the order of people."""
    able = [each for each in people if each.present and len(each.has) < each.capacity]
    costs = [(*cost(each, expected(each.name), weight), len(each.has), each.name) for each in able]
    return min(costs)[-1] if costs else None


def cost(person: Person, seconds: float, weight: float) -> tuple[bool, float]:
    """Whether they would be away before it is done, and what it costs with them."""
    before = sum(each.seconds for each in person.has if each.begun or each.weight >= weight)
    behind = sum(each.weight for each in person.has if not (each.begun or each.weight >= weight))
    late = person.leaves_s is not None and before + seconds > person.leaves_s
    return late, weight * (before + seconds) + seconds * behind
