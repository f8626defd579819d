"""What lies with whom: work that is open, who has it, since when, and what was learned from what they resolved. Pure.

A person does one thing at a time, what costs most to leave first. When they began is not told by anybody, so it is
taken that they began when they had it and had ended what they did before; that is the time that `Speeds` learns from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from models.assigning.choosing import Expected, Load, Person, chosen
from models.assigning.speeds import Speeds


class Work(msgspec.Struct):
    """Something that one person is to do."""

    team: str
    kind: str
    skills: tuple[str, ...] = ()  # that it needs, all of them
    weight: float = 1.0
    came_ms: int = 0
    person: str | None = None
    given_ms: int = 0


class Someone(NamedTuple):
    """A person of the site."""

    teams: frozenset[str]
    skills: frozenset[str] = frozenset()
    capacity: int = 10
    away: tuple[tuple[int, int], ...] = ()  # from, until, in milliseconds

    def present(self, at_ms: int) -> bool:
        """Whether they are there."""
        return not any(begins <= at_ms < ends for begins, ends in self.away)

    def leaves_s(self, at_ms: int) -> float | None:
        """How long until they will be away; None if that is not known."""
        coming = [begins for begins, _ in self.away if begins >= at_ms]
        return (min(coming) - at_ms) / 1_000 if coming else None

    def can(self, work: Work) -> bool:
        """Whether they are of its team and have its skills."""
        return work.team in self.teams and self.skills.issuperset(work.skills)


People = Mapping[str, Someone]
Choose = Callable[[list[Person], Expected, float], str | None]


class Desk(msgspec.Struct):
    """All of it."""

    speeds: Speeds = msgspec.field(default_factory=Speeds)
    open: dict[str, Work] = {}
    has: dict[str, list[str]] = {}  # by person, in the order in which they were given it
    done_ms: dict[str, int] = {}  # when a person last ended something

    def place(
        self, key: str, people: People, now_ms: int, seconds: Callable[[str, str], float], choose: Choose = chosen
    ) -> str | None:
        """Gives open work to whom it is for; None where nobody can take it now. `seconds` are by person and work."""
        work = self.open[key]
        able = [
            Person(name, self._loads(name, now_ms, seconds), each.capacity, True, each.leaves_s(now_ms))
            for name, each in sorted(people.items())
            if each.can(work) and each.present(now_ms)
        ]
        name = choose(able, lambda person: seconds(person, key), work.weight)
        if name is not None:
            self.give(key, name, now_ms)
        return name

    def give(self, key: str, person: str | None, now_ms: int) -> None:
        """Says who has it from now on, whoever said so."""
        work = self.open[key]
        if work.person is not None:
            self.has[work.person].remove(key)
        work.person, work.given_ms = person, now_ms
        if person is not None:
            self.has.setdefault(person, []).append(key)

    def end(self, key: str, person: str | None, now_ms: int) -> float | None:
        """Takes it off the desk; how many seconds the person took, if one did it."""
        work = self.open.pop(key)
        if work.person is not None:
            self.has[work.person].remove(key)
        if person is None:
            return None
        given = work.given_ms if work.person == person else work.came_ms
        began = max(given, self.done_ms.get(person, 0))
        self.done_ms[person] = now_ms
        seconds = max(0, now_ms - began) / 1_000
        self.speeds.note(person, work.kind, seconds)
        return seconds

    def unplaced(self) -> list[str]:
        """What nobody has, what costs most to leave first."""
        waiting = (key for key, work in self.open.items() if work.person is None)
        return sorted(waiting, key=lambda key: (-self.open[key].weight, self.open[key].came_ms, key))

    def left(self, people: People, now_ms: int) -> list[str]:
        """What lies with people who are away, are no more, or are not for it any more."""
        return [
            key
            for name in sorted(self.has)
            for key in self.has[name]
            if name not in people or not people[name].present(now_ms) or not people[name].can(self.open[key])
        ]

    def order(self, person: str) -> list[str]:
        """What a person has, as they will do it."""
        keys = self.has.get(person, ())
        return sorted(keys, key=lambda key: (-self.open[key].weight, self.open[key].given_ms, key))

    def _loads(self, person: str, now_ms: int, seconds: Callable[[str, str], float]) -> list[Load]:
        found: list[Load] = []
        for number, key in enumerate(self.order(person)):
            work = self.open[key]
            left = seconds(person, key)
            if number == 0:
                began = max(work.given_ms, self.done_ms.get(person, 0))
                left = max(left / 10, left - (now_ms - began) / 1_000)
            found.append(Load(work.weight, left, begun=number == 0))
        return found
