"""`schedule.on` where one event alone does not start an instance, or not by its attributes alone.

Events belong together that say the same of the values that `correlate` names, all of them where it names none. The set
is complete when `all` have come, or when `until` holds; who keeps what has come of it is `correlate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from schemas.ids import correlation_key
from schemas.payload import Json
from streams.language.constructs.listen import DATA, RAW, Consumed, Until, read_consumed
from streams.language.durations import DurationError, milliseconds
from streams.language.events import EventFilter, plain
from streams.language.expressions import NO_VARIABLES, Constant
from streams.language.nodes import Node

WITHIN_MS = 7 * 86_400_000  # unless the definition says otherwise
MOST_WITHIN_MS = 90 * 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTrigger:
    """Which events start an instance; see `graph.Trigger`."""

    strategy: str
    filters: tuple[EventFilter, ...]  # of what is wanted, and behind them of what ends the set
    wanted: int
    until: tuple[Until, ...]
    read: str
    within_ms: int = WITHIN_MS  # an event that stays without the others for so long is forgotten

    @property
    def gathers(self) -> bool:
        """Whether several events make one start."""
        return self.strategy == "all" or bool(self.until)

    @property
    def types(self) -> tuple[str, ...]:
        """The types of the events, none where every event is meant."""
        return tuple(dict.fromkeys(each.type for each in self.filters if each.type))

    def fits(self, attributes: Mapping[str, str], data: Json) -> bool:
        """Whether an event is one of those that are wanted."""
        return any(_values(each, attributes, data) is not None for each in self.filters[: self.wanted])

    def keys(self, workflow: str, attributes: Mapping[str, str], data: Json) -> dict[str, list[int]]:
        """The sets to which an event belongs, each with the numbers of the filters that let it through."""
        found: dict[str, list[int]] = {}
        for number, each in enumerate(self.filters):
            values = _values(each, attributes, data)
            if values is not None:
                identities = [one.identity for one in self.filters]
                said = sorted((name, plain(value)) for name, value in values.items())
                about = [self.strategy, self.wanted, identities, said]
                found.setdefault(correlation_key("start", [("of", [workflow, *about])]), []).append(number)
        return found

    def complete(self, came: Sequence[Sequence[int]], values: Sequence[Json]) -> list[int] | None:
        """The places of those that make a whole set, of what has come: by event the numbers of its filters, and what
        is read of it. None while something is missing."""
        if not self.until:
            firsts = [next((at for at, filters in enumerate(came) if n in filters), None) for n in range(self.wanted)]
            return None if None in firsts else [at for at in dict.fromkeys(firsts) if at is not None]
        wanted = [at for at, filters in enumerate(came) if any(n < self.wanted for n in filters)]
        if not wanted or not self._is_over(came, [values[at] for at in wanted]):
            return None
        return wanted

    def _is_over(self, came: Sequence[Sequence[int]], wanted: list[Json]) -> bool:
        until = self.until[0]
        if until.condition is not None:
            return bool(until.condition.evaluate(wanted, NO_VARIABLES))
        ending = [any(number in filters for filters in came) for number in range(self.wanted, len(self.filters))]
        return all(ending) if until.every else any(ending)


def _values(one: EventFilter, attributes: Mapping[str, str], data: Json) -> dict[str, Json] | None:
    """What relates an event to others; None for one that is not meant."""
    values = one.read(attributes, data)
    if values is None:
        return None
    for each in one.values:
        if each.expected is not None and each.expected.evaluate(None, NO_VARIABLES) != values.pop(each.name):
            return None
    return values


def as_read(read: str, envelope: Mapping[str, Json]) -> Json:
    """What of an event becomes input."""
    if read == DATA:
        return envelope.get("data")
    return orjson.dumps(envelope.get("data")).decode() if read == RAW else dict(envelope)


def is_plain(on: Json) -> bool:
    """Whether single events are meant, told by attributes; what is faulty is."""
    if not isinstance(on, dict) or on.keys() & {"all", "until"} or on.get("any") == []:
        return False
    listed = on.get("any") if isinstance(on.get("any"), list) else [on.get("one")]
    return not any(
        isinstance(each, dict)
        and ("correlate" in each or (isinstance(each.get("with"), dict) and each["with"].keys() & {"data", "id"}))
        for each in listed or ()
    )


def read_trigger(node: Node, read: str, within: Node | None) -> EventTrigger:
    """What is not plain; every fault is noted."""
    consumed: Consumed = read_consumed(node, frozenset())
    for each in consumed.filters:
        if any(value.expected is not None and not isinstance(value.expected, Constant) for value in each.values):
            node.fault("correlate", "nothing is known yet that an expression in `expect` could read", "leave it out")
    unsaid = {each.unsaid for each in consumed.filters}
    if len(unsaid) > 1 and frozenset() in unsaid:
        node.fault("correlate", "some of these events are related to others, and some to nothing", "relate all of them")
    for until in consumed.until:
        if until.condition is not None and until.condition.variables:
            node.child("until").fault("variable", "nothing but the list of what has come is known here", "read `.`")
        if isinstance(until.condition, Constant) and not until.condition.value:
            node.child("until").fault("value", "`until: false` never starts anything", "write a condition on the list")
    within_ms = WITHIN_MS if within is None else _within(within)
    return EventTrigger(
        strategy=consumed.strategy, filters=consumed.filters, wanted=consumed.wanted, until=consumed.until, read=read,
        within_ms=within_ms,
    )  # fmt: skip


def _within(node: Node) -> int:
    try:
        length = milliseconds(node.value)
    except DurationError as error:
        node.fault("duration", f"`within`: {error}", "write within: {hours: 2}")
        return WITHIN_MS
    if not 0 < length <= MOST_WITHIN_MS:
        node.fault("value", "`within` is 90 days at most", "write within: {days: 7}")
    return length
