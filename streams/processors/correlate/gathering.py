"""Events that start an instance together: what has come of a set, and what makes it whole.

A row for each set. It goes on as long as an event of it waits for the others, or is known so that it counts once; what
has waited in vain for as long as the definition says is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog

from schemas.ids import instance_id
from schemas.payload import Payload
from streams.ground.topic import MAX_WRITTEN_BYTES
from streams.language.expressions import ExpressionError
from streams.language.graph import Graph
from streams.language.triggers import as_read
from streams.processors.correlate.rows import Came, Gathering, Known

MAX_EVENTS = 1_000  # of a set
MAX_BYTES = MAX_WRITTEN_BYTES - 65_536  # of all events that wait in a set
KNOWN = 1_000  # events that are known when they come again

log = structlog.get_logger()


@dataclass
class Gathered:
    """What a batch makes of the sets: starts of instances, and events that cannot be kept."""

    starts: list[tuple[Graph, dict[str, Any]]] = field(default_factory=list)
    fates: list[str] = field(default_factory=list)


def gather(found: Gathering, graph: Graph, data: Mapping[str, Any], at_ms: int, work: Gathered) -> str | None:
    """Takes an event; why it is refused, or None."""
    assert graph.trigger is not None
    if any(each.event_key == data["event_key"] for each in found.known):
        work.fates.append("again")
        return None
    raw, until_ms = data["event"].raw, at_ms + graph.trigger.within_ms
    if len(found.came) >= MAX_EVENTS:
        return f"{MAX_EVENTS} events wait for the one that makes a start of them"
    if sum(len(each.event) for each in found.came) + len(raw) > MAX_BYTES:
        return f"the events that are to start an instance together are larger than {MAX_BYTES} bytes"
    found.known = [*found.known[1 - KNOWN :], Known(data["event_key"], until_ms)]
    found.came = [*found.came, Came(data["event_key"], data["filters"], raw, data["time_ms"], until_ms)]
    work.fates.append("kept")
    while (taken := _complete(found.came, graph)) is not None:
        events = [found.came[at] for at in taken]
        gone = {*taken} if not graph.trigger.until else {*range(len(found.came))}
        found.came = [each for at, each in enumerate(found.came) if at not in gone]
        work.starts.append((graph, _start(graph, events, data)))
    if graph.trigger.until and not any(n < graph.trigger.wanted for each in found.came for n in each.filters):
        found.came = []  # what ends a set that nothing is in
    return None


def forget(found: Gathering, now_ms: int) -> int:
    """Lets go of what has waited for too long; how many that were."""
    left = [each for each in found.came if each.until_ms > now_ms]
    lost = len(found.came) - len(left)
    found.came, found.known = left, [each for each in found.known if each.until_ms > now_ms]
    return lost


def _complete(came: Sequence[Came], graph: Graph) -> list[int] | None:
    assert graph.trigger is not None
    values = [as_read(graph.trigger.read, orjson.loads(each.event)) for each in came]
    try:
        return graph.trigger.complete([each.filters for each in came], values)
    except ExpressionError as error:
        log.warning("`until` fails, so nothing starts", workflow=graph.name, reason=str(error)[:200])
        return None


def _start(graph: Graph, events: Sequence[Came], last: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the StartInstance; the event that came last names the instance."""
    assert graph.trigger is not None
    told = [orjson.loads(each.event) for each in events]
    named = orjson.loads(last["event"].raw)
    return {
        "instance_id": instance_id(graph.name, named["source"], named["id"]),
        "workflow": graph.name,
        "version": graph.version,
        "digest": graph.digest,
        "source": named["source"],
        "event_id": named["id"],
        "event_type": named["type"],
        "business_key": next((each["subject"] for each in told if "subject" in each), None),
        "time_ms": last["time_ms"],
        "event_keys": [each.event_key for each in events],
        "data": Payload.inside(orjson.dumps([as_read(graph.trigger.read, each) for each in told])),
    }
