"""What `exlify status` makes of what it was told: states, what they are about, and what helps. Asks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from schemas.lifecycle import OPEN
from streams.cli._moments import moment
from streams.runtime.parking import PARKING

MANY_BEHIND = 1_000  # records that a processor has yet to read, and somebody should know


class State(IntEnum):
    """How bad it is; the worst first."""

    DOWN = 0  # work does not get done
    UNKNOWN = 1  # who should say has not said
    WATCH = 2  # work gets done; something wants somebody's eye
    OK = 3


class Finding(NamedTuple):
    """One line of the page."""

    state: State
    part: str
    what: str
    help: str | None = None


def of_process(name: str, causes: Sequence[Mapping[str, Any]] | None, log: str) -> Iterator[Finding]:
    """What a process says of itself: why it is not ready; None where it does not answer."""
    if causes is None:
        yield Finding(State.DOWN, f"process {name}", "does not answer", f"its log: {log}")
        return
    for cause in causes:
        helps = HELP_OF_PARTS.get(cause["part"], f"its log: {log}")
        state = State.WATCH if cause.get("mild") else State.DOWN
        yield Finding(state, f"process {name}", f"{cause['part']}: {cause['reason']}", helps)
    if not causes:
        yield Finding(State.OK, f"process {name}", "ready")


HELP_OF_PARTS = {"kafka": "exlify topics", "read model": "EXLIFY_VIEW_URL says where it is"}


def of_kafka(causes: Sequence[str]) -> Iterator[Finding]:
    """Whether Kafka answers and would take our records."""
    for cause in causes:
        yield Finding(State.DOWN, "kafka", cause, "exlify topics")
    if not causes:
        yield Finding(State.OK, "kafka", "takes records on every topic")


def of_topics(topics: Sequence[Mapping[str, Any]], members: Mapping[str, int]) -> Iterator[Finding]:
    """How far each processor is that a worker hosts, and records that were put aside."""
    behind: dict[str, int] = {}
    for topic in topics:
        for who, count in topic["lag"].items():
            behind[who] = behind.get(who, 0) + count
        for who in topic["shortened"]:
            yield Finding(
                State.DOWN, f"processor {who}", f"has read more of {topic['topic']} than there is", "exlify topics"
            )
        if not topic["complete"]:
            yield Finding(State.UNKNOWN, "kafka", f"partitions of {topic['topic']} do not answer", "exlify topics")
        if topic["topic"] == PARKING.name and topic["records"]:
            yield Finding(
                State.WATCH, "parked", f"{many(topic['records'], 'record')} could not be used", "exlify letters"
            )
    for who, hosts in members.items():
        lag = behind.get(who, 0)
        if not hosts:
            yield Finding(
                State.DOWN, f"processor {who}", f"no worker runs it, {many(lag, 'record')} wait", f"exlify worker {who}"
            )
        else:
            state = State.WATCH if lag >= MANY_BEHIND else State.OK
            yield Finding(
                state,
                f"processor {who}",
                f"{many(lag, 'record')} to read",
                "exlify topics" if lag >= MANY_BEHIND else None,
            )


def of_figures(figures: Mapping[str, Any]) -> Iterator[Finding]:
    """Instances, people's tasks and definitions, as the gateway counts them."""
    instances, tasks, definitions = figures["instances"], figures["tasks"], figures["definitions"]
    if figures["incidents"]:
        told = f"{many(figures['incidents'], 'failed step')} to decide on"
        yield Finding(State.WATCH, "incidents", told, "exlify incidents")
    if figures["faulted_lately"]:
        told = f"{many(figures['faulted_lately'], 'instance')} within a day, {instances['faulted']} in all"
        yield Finding(State.WATCH, "faulted", told, "exlify list --status faulted")
    if tasks["overdue"]:
        told = f"{many(tasks['overdue'], 'task')} of {tasks['open']} that are open"
        yield Finding(State.WATCH, "overdue", told, "exlify tasks list --overdue")
    for broken in definitions["broken"]:
        yield Finding(State.DOWN, "definition", broken, "exlify deploy FILE")
    running = sum(instances.get(name, 0) for name in OPEN)  # an older gateway knows fewer
    for each in figures["oldest"][:1]:
        told = (
            f"{many(running, 'instance')} under way, the oldest since {moment(each['started_at'])} ({each['workflow']})"
        )
        yield Finding(State.OK, "instances", told)
    if not figures["oldest"]:
        yield Finding(State.OK, "instances", "none is under way")
    if not tasks["overdue"]:
        yield Finding(State.OK, "tasks", f"{tasks['open']} open, none overdue")


def unknown(part: str, why: str) -> Finding:
    """Somebody could not be asked."""
    return Finding(State.UNKNOWN, part, why)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """In the order in which somebody should look, each once."""
    return sorted(dict.fromkeys(findings), key=lambda each: each.state)


def many(count: int, what: str) -> str:
    """A number of things: `1 record`, `2 records`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
