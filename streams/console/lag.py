"""How far processors are in a topic, from what Kafka says of its partitions; asks nobody."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from streams.ground.kafka import Place

Offsets = Mapping[Place, int]  # a partition that does not answer is not there


def described(
    name: str,
    partitions: int,
    first: Offsets,
    last: Offsets,
    positions: Mapping[str, Offsets],
    readers: Collection[str],
) -> dict[str, Any]:
    """The records of a topic, and how many of them each processor has yet to read.

    A partition without a committed position counts with its whole length, in the lag of those that read the topic by
    their declaration (`readers`) or by what they have committed. A position behind the end is no lag: the topic has
    lost records or was made anew, and `shortened` names who has read more than there is.
    """
    places = [(name, number) for number in range(partitions)]
    known = [place for place in places if place in first and place in last]
    reading = [*readers, *(who for who in positions if who not in readers and any(p in positions[who] for p in places))]
    lag, shortened = {}, []
    for who in reading:
        committed = positions.get(who, {})
        left = [last[place] - max(committed.get(place, first[place]), first[place]) for place in known]
        lag[who] = sum(max(0, each) for each in left)
        if any(committed.get(place, 0) > last[place] for place in known):
            shortened.append(who)
    return {
        "topic": name,
        "partitions": partitions,
        "records": sum(last[place] - first[place] for place in known),
        "lag": lag,
        "shortened": shortened,
        "complete": len(known) == len(places),
    }


def lag_line(topic: Mapping[str, Any]) -> str:
    """The lag for people; `!` behind those whose topic is shorter than what they have read."""
    each = (f"{who} {count}{'!' if who in topic['shortened'] else ''}" for who, count in topic["lag"].items())
    line = ", ".join(each) or "-"
    return line if topic["complete"] else f"{line} (incomplete)"
