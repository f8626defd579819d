"""How many workers of a kind `exlify up` runs: one of each, or as many as are asked for, and more where work waits.

Workers of a kind share its partitions. Another one helps where records wait for those that are there, and the machine
has room: calls that wait for a slow system, or cores that nobody uses. It joins, and the partitions are shared anew;
none leaves before the end. Who says how many there may be is believed: then only what waits is looked at.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from streams.ground.errors import UsageError
from streams.runtime.metrics import LAG

LOOK_S = 10.0  # as often as workers tell how much waits for them
LOOKS = 3  # in a row, in which much waits and does not become less
MANY = 500  # records; fewer are soon done
SHRINKS = 0.8  # of what waited: the workers that are there get through
WAITING = f"{next(iter(LAG.describe())).name}{{"
EXAMPLE = "Write --workers 4, or --workers steps=2."

Texts = Callable[[str], str]  # what a worker tells of itself, by its name; raises OSError
Room = Callable[[], bool]


@dataclass
class Kind:
    """The workers of a kind, and what has waited for all of them of late."""

    name: str
    count: int
    most: int
    waited: deque[int] = field(default_factory=lambda: deque(maxlen=LOOKS))

    def falls_behind(self, waits: int) -> bool:
        """Whether another one is wanted, now that so many records wait."""
        self.waited.append(waits)
        stays = len(self.waited) == LOOKS and min(self.waited) >= MANY and waits > self.waited[0] * SHRINKS
        return stays and self.count < self.most

    def joined(self) -> str:
        """There is one more: its name. What has waited before says nothing of it."""
        self.count += 1
        self.waited.clear()
        return names(self.name, self.count)[-1]


@dataclass(frozen=True)
class Wanted:
    """How many workers there are to be."""

    shared: Collection[str]  # kinds of which there can be several
    most: int  # of a kind
    exactly: Mapping[str, int] = field(default_factory=dict)  # by kind, from the beginning to the end
    believed: bool = False  # somebody has said how many, so the machine need not have room

    def first(self, kind: str) -> list[str]:
        """The names of those that begin."""
        return names(kind, self.exactly.get(kind, 1))

    def kinds(self, there: Collection[str]) -> list[Kind]:
        """Those of the kinds that are there of which there can be several."""
        return [
            Kind(each, len(self.first(each)), self.exactly.get(each, self.most))
            for each in self.shared
            if each in there
        ]


def read(given: Iterable[str], shared: Collection[str], partitions: int) -> Wanted:
    """What `--workers` says. Raises UsageError.

    `shared` are the kinds of which there can be several, each member with `partitions` to share.
    """
    most, exactly, believed = min(cores(), partitions), dict[str, int](), False
    for each in given:
        kind, named, count = each.rpartition("=")
        number = _number(count, partitions)
        if not named:
            most, believed = number, True
        elif kind in shared:
            exactly[kind] = number
        else:
            several = ", ".join(sorted(shared))
            raise UsageError(f"--workers: {kind!r} is no kind of worker that there can be several of: {several}.")
    return Wanted(shared, most, exactly, believed)


def _number(text: str, partitions: int) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not number:
        raise UsageError(f"--workers: {text!r} is no number of workers. {EXAMPLE}")
    if number > partitions:
        raise UsageError(f"--workers: {number} cannot share {partitions} partitions (EXLIFY_PARTITIONS). {EXAMPLE}")
    return number


def names(kind: str, count: int) -> list[str]:
    """What so many workers of a kind are called."""
    return [kind if number == 1 else f"{kind}-{number}" for number in range(1, count + 1)]


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_room() -> bool:
    """Whether a core has been free, on average, in the last minute."""
    return os.getloadavg()[0] < cores() - 0.5


def always() -> bool:
    """Whatever the machine does."""
    return True


def waiting(told: str) -> int:
    """How many records wait for a worker, by what it tells of itself."""
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in told.splitlines() if line.startswith(WAITING))


async def grow(
    kinds: Sequence[Kind],
    texts: Texts,
    add: Callable[[str, str], Awaitable[None]],
    say: Callable[[str], None],
    room: Room,
    look_s: float = LOOK_S,
) -> None:
    """Adds workers where they are wanted; `add` starts one of a kind by its name. Ends where no kind can have more."""
    while any(each.count < each.most for each in kinds):
        await asyncio.sleep(look_s)
        for each in kinds:
            waits = await asyncio.to_thread(_waiting_for, each, texts)
            if waits is not None and each.falls_behind(waits) and room():
                name = each.joined()
                say(f"{name} joins: {waits:,} records wait for {each.name} (--workers says how many there may be)")
                await add(each.name, name)
                break  # what the machine has left shows at the next look


def _waiting_for(kind: Kind, texts: Texts) -> int | None:
    """What waits for all workers of a kind; None where one of them does not say."""
    try:
        return sum(waiting(texts(name)) for name in names(kind.name, kind.count))
    except OSError:
        return None
