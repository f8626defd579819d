"""Who of a group gets which partition numbers: even shares, and as few moves as even shares allow.

A number stands for the partitions of that number of all topics of a processor, because they share one partition of its
table; they are never split between two members. Faust's own way moves nothing while nobody has more than the ceiling,
so the fifth worker on 16 partitions would get none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Shares = Mapping[str, Sequence[int]]


def shares(members: Mapping[str, Iterable[int]], numbers: int) -> Shares:
    """The numbers below `numbers` of each member; the largest and the smallest share differ by one at most.

    `members` says what each had before, however wrong: two may claim a number, and a claim may be beyond the last.
    Equal for equal arguments, in whatever order they come.
    """
    kept = _undisputed(members, numbers)
    each, over = divmod(numbers, len(kept))
    largest_first = sorted(kept, key=lambda member: (-len(kept[member]), member))
    room = {member: each + (place < over) for place, member in enumerate(largest_first)}
    found = {member: held[: room[member]] for member, held in kept.items()}
    free = iter(sorted(set(range(numbers)).difference(*found.values())))
    for member in largest_first:
        found[member].extend(next(free) for _ in range(room[member] - len(found[member])))
    return {member: sorted(held) for member, held in found.items()}


def _undisputed(members: Mapping[str, Iterable[int]], numbers: int) -> dict[str, list[int]]:
    """What each may keep; of two that claim a number, the one that has fewer gets it."""
    claims = {member: sorted({number for number in held if 0 <= number < numbers}) for member, held in members.items()}
    taken: set[int] = set()
    kept = {}
    for member in sorted(claims, key=lambda member: (len(claims[member]), member)):
        kept[member] = [number for number in claims[member] if number not in taken]
        taken.update(kept[member])
    return kept
