"""A support desk that is made up: people whose true speeds nobody sees, tickets that are held-back texts, and time.

What is assumed, and stands here before any router was tried on it:

- A ticket takes exp(base of its intent + person + person at the group + person at the intent + noise) seconds. All are
  normal: base around ten minutes with 0.5, person 0.3, person at the group 0.4, person at the intent 0.3, noise 0.5.
- Each person has two or three of the five groups, and can do a ticket whose group the model has taken for one of them.
  Where the model was wrong, and they lack the true group, it takes them twice as long.
- What the model is not sure of is sorted by others first, after five minutes, into the right group, without an intent.
- A quarter of the people are new: they come after two fifths of the time, and nothing is known of them.
- Everybody is away for an eighth of the time, in pieces of some hours; it is known an hour before. What they had not
  begun goes to others then.
- Tickets come at random, at such a rate that people of usual speed would be busy for the share `load` of their time.
- A second of delay costs 4 where money may be at risk, 2 where a text asks for haste, else 1. People do what costs most
  first, then what they had first, and end what they have begun.

All that is drawn follows from the seed, and is the same for each router: also how long a ticket takes each person.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from models.assigning.choosing import Expected, Person
from models.assigning.desk import Choose, Desk, Someone, Work
from models.assigning.speeds import SEPARATOR

GROUPS = ("cards", "payments", "accounts", "security", "general")
TEAM = "support"
BASE_S, BASE, PERSON, AT_GROUP, AT_INTENT, NOISE = 600.0, 0.5, 0.3, 0.4, 0.3, 0.5
WRONG_PLACE = 2.0
SORTED_MS = 300_000
NEW, COME_AT = 0.25, 0.4
AWAY, PIECE_MS, KNOWN_MS = 0.125, 4 * 3_600_000, 3_600_000
CAPACITY = 8
LAST = 10**9  # of what happens at one moment


class Ticket(NamedTuple):
    """A text, what it is truly about, and what the model took it for: None where it was not sure."""

    intent: str
    group: str
    said: str | None
    said_group: str | None
    weight: float

    @property
    def kind(self) -> str:
        """What is known of it."""
        if self.said is None or self.said_group is None:
            return self.group  # somebody has sorted it
        return f"{self.said_group}{SEPARATOR}{self.said}"


class World:
    """What is true, and drawn from a seed."""

    def __init__(self, seed: int, tickets: Sequence[Ticket], *, people: int = 24, load: float = 0.8) -> None:
        self._seed = seed
        self._expected: dict[tuple[str, int], float] = {}
        drawn = random.Random(f"world/{seed}")
        names = [f"p{number:02d}" for number in range(people)]
        self.tickets = [drawn.choice(tickets) for _ in tickets]
        known = people - round(NEW * people)
        usual = BASE_S * math.exp((BASE**2 + PERSON**2 + AT_GROUP**2 + AT_INTENT**2 + NOISE**2) / 2)
        rate = load * people * (1 - NEW * COME_AT) * (1 - AWAY) / usual
        moment, self.times = 0.0, []
        for _ in self.tickets:
            moment += drawn.expovariate(rate)
            self.times.append(round(moment * 1_000))
        self.end_ms = self.times[-1]
        self.people = {
            name: Someone(
                frozenset({TEAM}),
                frozenset(drawn.sample(GROUPS, drawn.choice((2, 3)))),
                CAPACITY,
                self._away(drawn, number >= known),
            )
            for number, name in enumerate(names)
        }

    def _away(self, drawn: random.Random, new: bool) -> tuple[tuple[int, int], ...]:
        start = round(COME_AT * self.end_ms) if new else 0
        found = [(0, start)] if new else []
        moment = start
        while moment < self.end_ms:
            moment += round(drawn.expovariate(AWAY / PIECE_MS / (1 - AWAY)))
            length = round(PIECE_MS * drawn.uniform(0.5, 1.5))
            found.append((moment, moment + length))
            moment += length
        return tuple(found)

    def expected(self, person: str, ticket: Ticket) -> float:
        """How many seconds a ticket truly takes a person in the mean: what no router sees, but the oracle."""
        size = (
            BASE * self._normal("base", ticket.intent)
            + PERSON * self._normal("person", person)
            + AT_GROUP * self._normal("group", person, ticket.group)
            + AT_INTENT * self._normal("intent", person, ticket.intent)
        )
        lacks = ticket.said is not None and ticket.group not in self.people[person].skills
        return BASE_S * math.exp(size + NOISE**2 / 2) * (WRONG_PLACE if lacks else 1.0)

    def known(self, person: str, number: int) -> float:
        """The same, of a ticket by its number."""
        if (person, number) not in self._expected:
            self._expected[person, number] = self.expected(person, self.tickets[number])
        return self._expected[person, number]

    def takes_ms(self, person: str, number: int) -> int:
        """How long a ticket takes a person."""
        noise = NOISE * self._normal("noise", person, str(number)) - NOISE**2 / 2
        return round(1_000 * self.known(person, number) * math.exp(noise))

    def _normal(self, *of: str) -> float:
        return random.Random(f"{self._seed}/{'/'.join(of)}").gauss(0, 1)


class Result(NamedTuple):
    """What a router came to, over the second half of the tickets, when it may know something."""

    hours: float  # from a ticket's coming to its end, in the mean
    late: float  # what nine of ten are below
    cost: float  # mean of weight x hours
    newcomers: float  # share of the tickets that the new ones did


Seconds = Callable[[Desk, str, int], float]  # what a router takes a ticket (by number) to take a person


def run(world: World, seconds: Seconds, choose: Choose) -> Result:
    """Lets all tickets come, and all be done."""
    return _Run(world, seconds, choose).all()


class _Run:
    """A desk under way."""

    def __init__(self, world: World, seconds: Seconds, choose: Choose) -> None:
        self._world, self._seconds, self._choose = world, seconds, choose
        self._desk, self._now = Desk(), 0
        self._doing: dict[str, str] = {}
        self._ended: dict[int, tuple[int, str]] = {}
        self._events: list[tuple[int, int, str, str]] = []
        for number, at_ms in enumerate(world.times):
            sorted_ms = 0 if world.tickets[number].said is not None else SORTED_MS
            self._at(at_ms + sorted_ms, number, "comes", str(number))
        for name, each in world.people.items():
            for begins, ends in each.away:
                self._at(begins, -2, "leaves", name)
                self._at(ends, -1, "is back", name)

    def all(self) -> Result:
        """Until nothing is left to happen."""
        happens = {"comes": self._comes, "ends": self._ends, "leaves": self._leaves, "is back": self._is_back}
        while self._events:
            self._now, _, what, of = heapq.heappop(self._events)
            happens[what](of)
        return _result(self._world, self._ended)

    def _at(self, at_ms: int, order: int, what: str, of: str) -> None:
        heapq.heappush(self._events, (at_ms, order, what, of))

    def _comes(self, key: str) -> None:
        ticket = self._world.tickets[int(key)]
        group = ticket.kind.split(SEPARATOR)[0]
        self._desk.open[key] = Work(TEAM, ticket.kind, (group,), ticket.weight, self._now)
        self._place(key)

    def _ends(self, person: str) -> None:
        key = self._doing.pop(person)
        self._ended[int(key)] = (self._now - self._world.times[int(key)], person)
        self._desk.end(key, person, self._now)
        self._is_back(person)

    def _leaves(self, person: str) -> None:
        for key in [each for each in self._desk.has.get(person, ()) if self._doing.get(person) != each]:
            self._desk.give(key, None, self._now)
            self._place(key)

    def _is_back(self, person: str) -> None:
        for waiting in self._desk.unplaced():
            self._place(waiting)
        self._begin(person)

    def _place(self, key: str) -> None:
        known = {name: each._replace(away=_told(each, self._now)) for name, each in self._world.people.items()}
        seconds = self._seconds
        name = self._desk.place(
            key, known, self._now, lambda person, work: seconds(self._desk, person, int(work)), self._choose
        )
        if name is not None:
            self._begin(name)

    def _begin(self, name: str) -> None:
        order = self._desk.order(name)
        if name not in self._doing and order and self._world.people[name].present(self._now):
            self._doing[name] = order[0]
            self._at(self._now + self._world.takes_ms(name, int(order[0])), LAST, "ends", name)


def _told(person: Someone, now_ms: int) -> tuple[tuple[int, int], ...]:
    """Absences that are known: those that have begun, and those of the next hour."""
    return tuple(each for each in person.away if each[0] <= now_ms + KNOWN_MS and each[1] > now_ms)


def _result(world: World, ended: dict[int, tuple[int, str]]) -> Result:
    later = range(len(world.times) // 2, len(world.times))
    hours = sorted(ended[number][0] / 3_600_000 for number in later)
    costs = [world.tickets[number].weight * ended[number][0] / 3_600_000 for number in later]
    new = {name for name, each in world.people.items() if each.away[:1] and each.away[0][0] == 0}
    by_new = sum(ended[number][1] in new for number in later) / len(later)
    return Result(sum(hours) / len(hours), hours[len(hours) * 9 // 10], sum(costs) / len(costs), by_new)


class RoundRobin:
    """Each in turn."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, people: list[Person], expected: Expected, weight: float) -> str | None:
        names = [each.name for each in people if len(each.has) < each.capacity]
        if not names:
            return None
        self._last = min((name for name in names if name > self._last), default=min(names))
        return self._last


def least_loaded(people: list[Person], expected: Expected, weight: float) -> str | None:
    """Whoever has the fewest."""
    able = [(len(each.has), each.name) for each in people if len(each.has) < each.capacity]
    return min(able)[1] if able else None
