"""What the topics of the read model hold after many instances: their history, tasks, decisions and incidents.

Of each ten instances one waits for people, one has been decided by them, one has faulted and one has an open incident;
the others have completed. Every instance is told by its number alone, so two calls give the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from confluent_kafka import Producer

from schemas.catalogue import current
from schemas.codec import Codec
from schemas.ids import partition_of
from schemas.messages import DECISION, HISTORY_ENTRY, HUMAN_TASK, INCIDENT, START_INSTANCE, STEP_RESULT
from schemas.payload import Payload
from schemas.samples import sample
from streams.ground.kafka import client_config
from streams.ground.settings import Settings
from streams.ground.topic import Topic
from streams.processors.decide import DECISIONS
from streams.processors.human import TASKS
from streams.processors.orchestrate import HISTORY, INCIDENTS
from tests.support.data import payload

AT_ONCE = 100  # instances whose records take turns
START_MS = 1_790_000_000_000
STEP = "/do/1/review"
WAITS, DECIDED, FAULTED, INCIDENT_OPEN = range(4)  # last digit of the number
TEXT = "x" * 900

_CODEC = Codec.offline()
_SAMPLES = {name: sample(current()[name]) for name in (HISTORY_ENTRY, HUMAN_TASK, DECISION, INCIDENT, START_INSTANCE)}
_RESULT = _CODEC.encode(STEP_RESULT, sample(current()[STEP_RESULT]) | {"output": payload({"text": TEXT})})
_PROBLEM = payload({"title": "No such thing", "status": 404, "reason": "NOT_FOUND", "instance": STEP})


class Told(NamedTuple):
    """One record of a topic."""

    topic: Topic
    key: bytes
    instance_id: str
    name: str
    value: bytes


def id_of(number: int) -> str:
    """The instance of this number."""
    return sha256(b"%d" % number).hexdigest()[:32]


def told(count: int) -> Iterator[Told]:
    """Every record of so many instances, in an order in which a site could have written them."""
    for first in range(0, count, AT_ONCE):
        stories = [list(_story(number)) for number in range(first, min(first + AT_ONCE, count))]
        for turn in range(max(map(len, stories))):
            yield from (story[turn] for story in stories if turn < len(story))


def publish(settings: Settings, count: int) -> int:
    """Writes them to their topics, which exist; how many records they are."""
    producer = Producer(client_config(settings) | {"queue.buffering.max.messages": 1_000_000, "linger.ms": 20})
    records = 0
    for records, each in enumerate(told(count), 1):
        partition = partition_of(each.instance_id, settings.partitions)
        producer.produce(each.topic.name, each.value, each.key, partition)
        if not records % 10_000:
            producer.flush()
    producer.flush()
    return records


def _story(number: int) -> Iterator[Told]:
    kind = number % 10
    data = {"number": number, "customer": {"id": f"C-{number}", "city": f"City {number % 50}"}, "text": TEXT}
    start = _SAMPLES[START_INSTANCE] | _about(number) | {"data": payload(data)}
    yield _entry(number, 0, "running", _CODEC.encode(START_INSTANCE, start))
    yield _entry(number, 1, "waiting", _RESULT)
    if kind in (WAITS, DECIDED):
        yield _task(number, 1)
    if kind == INCIDENT_OPEN:
        yield _incident(number)
        yield _entry(number, 2, "incident", _RESULT)
        return
    if kind == WAITS:
        return
    yield _decision(number)
    if kind == DECIDED:
        yield _task(number, 2)
    if kind == FAULTED:
        yield _entry(number, 2, "faulted", _RESULT, "workflow.faulted", _PROBLEM)
    else:
        yield _entry(number, 2, "completed", _RESULT, "workflow.completed", payload({"number": number, "text": TEXT}))


def _about(number: int) -> dict[str, Any]:
    return {
        "instance_id": id_of(number),
        "workflow": f"flow-{number % 5}",
        "version": f"1.{number % 3}.0",
        "business_key": f"A-{number}",
    }


def _entry(
    number: int, seq: int, status: str, cause: bytes, phase: str = "task.completed", data: Payload | None = None
) -> Told:
    moved = {"pointer": STEP, "iteration": 0, "attempt": 0, "phase": phase, "data": data or payload({"text": TEXT})}
    more = {"seq": seq, "at_ms": _at(number) + seq, "status": status, "cause": cause, "transitions": [moved]}
    return _told(HISTORY, HISTORY_ENTRY, number, id_of(number), more)


def _task(number: int, version: int) -> Told:
    task_id = f"{id_of(number)}{STEP}/0/0"
    more = {
        "task_id": task_id,
        "pointer": STEP,
        "team": f"team-{number % 3}",
        "status": "open" if version == 1 else "completed",
        "version": version,
        "created_at_ms": _at(number),
        "updated_at_ms": _at(number) + version,
        "due_ms": _at(number) + 86_400_000,
    }
    return _told(TASKS, HUMAN_TASK, number, task_id, more)


def _decision(number: int) -> Told:
    more = {"decision_id": f"{id_of(number)}/do/0/decide/0/0", "at_ms": _at(number), "route": "approve"}
    return _told(DECISIONS, DECISION, number, id_of(number), more)


def _incident(number: int) -> Told:
    reason = "UNREACHED" if number % 20 < 10 else "NOT_FOUND"
    more = {
        "incident_id": f"{id_of(number)}/1",
        "pointer": STEP,
        "seq": 2,
        "status": "open",
        "reason": reason,
        "opened_at_ms": _at(number),
    }
    return _told(INCIDENTS, INCIDENT, number, id_of(number), more)


def _told(topic: Topic, name: str, number: int, key: str, more: dict[str, Any]) -> Told:
    known = _SAMPLES[name]
    fields = known | {field: value for field, value in (_about(number) | more).items() if field in known}
    return Told(topic, key.encode(), id_of(number), name, _CODEC.encode(name, fields))


def _at(number: int) -> int:
    return START_MS + 10 * number
