"""Instances that wait for events, timers and people, many of them: what they cost, and what happens when all wake."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas import ids, messages
from schemas.business import EncodedEvent, EventTypes
from schemas.cloudevents import CloudEvent
from schemas.codec import Codec
from streams import catalogue
from streams.definitions import outcome_topic
from streams.ground.kafka import client_config
from streams.ground.settings import Settings
from streams.ground.topic import DAY_MS
from streams.processors.human import ACTIONS, TASKS
from streams.processors.human.rules import COMPLETE
from streams.processors.orchestrate import CORRELATION, HISTORY, INBOX
from tests.bench.load import PAYLOAD, SOURCE
from tests.bench.stack import Stack, stack
from tests.support.data import payload

COUNT = 100_000
LISTENS, TIMERS = 0.5, 0.3  # of all; the others wait for people
AT_ONCE = 0.05  # of all: further timers, that are due in the same second
PER_SECOND = 250  # timers that are surely asleep after so long, on a slow machine too
ANSWERED = 200  # people's tasks, after all the restarts
SETTLE_S, WINDOW_S = 60.0, 20.0  # of doing nothing
WORKERS = {name: hosted for name, hosted in catalogue.workers().items() if name != "view"}
PROCESSORS = ("orchestrate", "correlate", "human")
PATIENCE_S = 180.0
KIBIBYTE = 1_024


def measure(count: int = COUNT, *, rests: bool = True) -> dict[str, float]:
    """Seconds to ready after three kinds of restart, memory and disk for each parked instance, and how they wake.

    `parked.ready_s_killed`: all workers killed with -9, with their local stores; the group waits for the session of the
    dead (10 s). `ready_s_stopped`: in order. `ready_s_rebuilt`: in order, but the local stores are gone.
    `parked.idle_cpu_pct`: of one core, for everything together, while nothing happens. `parked.heard`: events, one for
    each that listens, all at once; `heard_per_s` on their way to the inbox. `parked.late_s_most`: the latest of many
    timers that are due in the same second. `parked.answered`: how many tasks of people came to their outcome.
    Each wakes once and by what was meant for it, or this raises AssertionError.
    """
    listens, timers = int(count * LISTENS), int(count * TIMERS)
    kinds = {"listens": listens, "timers": timers, "people": count - listens - timers}
    with stack(WORKERS) as running:
        empty = _resident_bytes(running)
        figures = {"parked.count": float(count), "parked.park_s": _seconds(lambda: _park(running.settings, kinds))}
        full = _resident_bytes(running)
        if rests:
            figures |= _idle(running)
        figures["parked.ready_s_killed"] = _seconds(lambda: _start_again(running))
        restarted = _resident_bytes(running)
        running.stop()
        figures |= _disk(running, count)
        figures["parked.ready_s_stopped"] = _seconds(running.start)
        running.stop()
        shutil.rmtree(running.settings.data_dir / "state")
        figures["parked.ready_s_rebuilt"] = _seconds(running.start)
        figures["parked.answered"] = float(_answer(running.settings, min(ANSWERED, kinds["people"])))
        figures |= _ring(running.settings, int(count * AT_ONCE))
        figures |= _tell(running.settings, listens)
    for name in WORKERS:
        figures[f"parked.memory_bytes_each.{name}"] = round((restarted[name] - empty[name]) / count, 1)
        figures[f"parked.memory_mib.{name}"] = round(restarted[name] / KIBIBYTE**2, 1)
        figures[f"parked.memory_mib_when_parked.{name}"] = round(full[name] / KIBIBYTE**2, 1)
    return figures


def _start_again(running: Stack) -> None:
    running.kill()
    running.start()


def _idle(running: Stack) -> dict[str, float]:
    _say(f"{SETTLE_S + WINDOW_S:.0f} s of doing nothing")
    time.sleep(SETTLE_S)
    before = running.cpu_seconds()
    time.sleep(WINDOW_S)
    used = {name: 100 * (cpu - before[name]) / WINDOW_S for name, cpu in running.cpu_seconds().items()}
    told = {f"parked.idle_cpu_pct.{name}": round(each, 2) for name, each in used.items()}
    return {"parked.idle_cpu_pct": round(sum(used.values()), 2), **told}


def _park(settings: Settings, kinds: Mapping[str, int]) -> None:
    """Starts the instances and returns once each waits for what it is to wait for."""
    _say("parking " + ", ".join(f"{count} {kind}" for kind, count in kinds.items()))
    due_ms = int(time.time() * 1_000) + 30 * DAY_MS
    parts: dict[str, Callable[[int], Any]] = {
        "listens": lambda number: {**PAYLOAD, "number": number},
        "timers": lambda number: {**PAYLOAD, "due": due_ms},
        "people": lambda number: PAYLOAD,
    }
    for kind, count in kinds.items():
        _start(settings, kind, count, "parked", parts[kind])
    _read_until(settings, TASKS.name, kinds["people"])
    _read_until(settings, CORRELATION.name, kinds["listens"])
    _read_until(settings, HISTORY.name, sum(kinds.values()))


def _start(settings: Settings, kind: str, count: int, wave: str, data: Callable[[int], Any]) -> None:
    events = ((f"{wave}-{number}", f"bench.parked-{kind}.v1", data(number)) for number in range(count))
    _publish(settings, _encoded(events))


def _encoded(events: Iterable[tuple[str, str, Any]]) -> list[EncodedEvent]:
    """Beforehand, for the producers of a burst have machines of their own."""
    codec, types = Codec.offline(), EventTypes.load()
    attributes = {"specversion": "1.0", "source": SOURCE}
    return [
        types.encode_event(codec, CloudEvent({**attributes, "id": event_id, "type": kind}, data))
        for event_id, kind, data in events
    ]


def _publish(settings: Settings, events: Iterable[EncodedEvent]) -> None:
    buffered = {"enable.idempotence": True, "queue.buffering.max.messages": 1_000_000}
    producer = Producer(client_config(settings) | buffered)
    for event in events:
        producer.produce(event.topic, event.value, event.key, headers=list(event.headers))
    producer.flush()


def _instances(kind: str, count: int, wave: str = "parked") -> Iterator[str]:
    return (ids.instance_id(f"parked-{kind}", SOURCE, f"{wave}-{number}") for number in range(count))


def _answer(settings: Settings, count: int) -> int:
    """Completes the first tasks and returns how many outcomes came."""
    codec, producer = Codec.offline(), Producer(client_config(settings))
    for instance_id in _instances("people", count):
        task_id = ids.step_id(instance_id, "/do/0/ask", 0, 0)
        action = {
            "action_id": f"answer-{task_id}", "task_id": task_id, "instance_id": instance_id, "action": COMPLETE,
            "outcome": "done", "data": payload({}), "actor": "bench", "at_ms": 0,
        }  # fmt: skip
        partition = ids.partition_of(instance_id, settings.partitions)
        producer.produce(ACTIONS.name, codec.encode(messages.HUMAN_ACTION, action), instance_id.encode(), partition)
    producer.flush()
    return len(_read_until(settings, outcome_topic("parked-people").name, count))


def _ring(settings: Settings, count: int) -> dict[str, float]:
    """How late the latest of many timers is that are due in the same second."""
    lead_s = 6 + count / PER_SECOND
    _say(f"{count} timers due in the same second, in {lead_s:.0f} s")
    due_ms = int((time.time() + lead_s) * 1_000)
    _start(settings, "timers", count, "ring", lambda number: {"due": due_ms + number % 1_000})
    ended = _outcomes(settings, "parked-timers", set(_instances("timers", count, "ring")))
    begun_ms = max(each["started_at_ms"] for each in ended)
    assert begun_ms < due_ms, f"the last timer was set {begun_ms - due_ms} ms after its time"
    late_ms = [each["ended_at_ms"] - due_ms for each in ended]
    assert min(late_ms) >= 0, "a timer was early"
    return {"parked.due_at_once": float(count), "parked.late_s_most": max(late_ms) / 1_000}


def _tell(settings: Settings, count: int) -> dict[str, float]:
    """An event for each that listens, as fast as they can be published, and how soon they are on the inbox."""
    _say(f"{count} events for {count} that listen")
    ends = _ends(settings, INBOX.name)
    events = _encoded((f"told-{number}", "bench.heard.v1", {"number": number}) for number in range(count))
    began = time.time()
    _publish(settings, events)
    published_s = time.time() - began
    ended = _outcomes(settings, "parked-listens", set(_instances("listens", count)))
    right = {instance: number for number, instance in enumerate(_instances("listens", count))}
    for each in ended:
        heard = each["output"].value()
        assert heard == [{"number": right[each["instance_id"]]}], f"{each['instance_id']} has heard {heard}"
    codec = Codec.offline()
    given = [
        record.timestamp()[1]
        for record in _records(settings, INBOX.name, ends)
        if codec.decode(record.value() or b"")[0] == messages.EVENT_RECEIVED
    ]
    seconds = max(given) / 1_000 - began
    return {
        "parked.heard": float(len(given)), "parked.heard_s": round(seconds, 2),
        "parked.heard_per_s": round(len(given) / seconds, 1), "parked.publish_s": round(published_s, 2),
    }  # fmt: skip


def _outcomes(settings: Settings, workflow: str, wanted: set[str]) -> list[dict[str, Any]]:
    """The outcomes of these instances, each of which has ended well and once."""
    topic, codec = outcome_topic(workflow).name, Codec.offline()
    _read_until(settings, topic, len(wanted), {each.encode() for each in wanted})
    found = [codec.decode(record.value() or b"")[1] for record in _records(settings, topic, {})]
    found = [each for each in found if each["instance_id"] in wanted]
    told = Counter(each["instance_id"] for each in found)
    assert {each["status"] for each in found} == {"completed"}
    assert told.keys() == wanted and max(told.values()) == 1, f"told more than once: {told.most_common(1)}"
    return found


def _read_until(settings: Settings, topic: str, count: int, wanted: set[bytes] | None = None) -> set[bytes]:
    """Reads a topic from its beginning until it has shown so many keys; raises TimeoutError when nothing comes."""
    consumer = _consumer(settings, topic, {})
    keys: set[bytes] = set()
    last = time.monotonic()
    while len(keys) < count:
        records = consumer.consume(5_000, timeout=0.2)
        came = {record.key() or b"" for record in records}
        keys |= came if wanted is None else came & wanted
        if records:
            last = time.monotonic()
        elif time.monotonic() - last > PATIENCE_S:
            raise TimeoutError(f"{topic}: {len(keys)} of {count} in {PATIENCE_S:.0f} s")
    consumer.close()
    return keys


def _records(settings: Settings, topic: str, starts: Mapping[int, int]) -> Iterator[Any]:
    """What a topic holds now, from an offset of each partition on, or from its beginning."""
    consumer = _consumer(settings, topic, starts)
    ends = _ends(settings, topic)
    left = {number for number, end in ends.items() if end > starts.get(number, 0)}
    while left:
        for record in consumer.consume(5_000, timeout=0.2):
            number, offset = record.partition() or 0, record.offset() or 0
            if offset < ends[number]:
                yield record
            if offset + 1 >= ends[number]:
                left.discard(number)
    consumer.close()


def _consumer(settings: Settings, topic: str, starts: Mapping[int, int]) -> Consumer:
    consumer = Consumer(client_config(settings) | {"group.id": "bench-parked", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, number, starts.get(number, 0)) for number in range(settings.partitions)])
    return consumer


def _ends(settings: Settings, topic: str) -> dict[int, int]:
    consumer = Consumer(client_config(settings) | {"group.id": "bench-parked"})
    ends = {
        number: consumer.get_watermark_offsets(TopicPartition(topic, number))[1]
        for number in range(settings.partitions)
    }
    consumer.close()
    return ends


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return round(time.monotonic() - began, 2)


def _resident_bytes(running: Stack) -> dict[str, int]:
    return {name: process.memory_info().rss for name, process in running.processes.items()}


def _disk(running: Stack, count: int) -> dict[str, float]:
    """Size of the local stores, by processor."""
    folders = {each: running.settings.data_dir.glob(f"state/*/*/{each}") for each in PROCESSORS}
    return {f"parked.store_bytes_each.{each}": round(_size(found) / count, 1) for each, found in folders.items()}


def _size(folders: Iterable[Path]) -> int:
    return sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())


def _say(what: str) -> None:
    print(f"  {what} ...", file=sys.stderr, flush=True)


def main() -> None:
    """`make parked`."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.parked", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help=f"instances ({COUNT})")
    print(orjson.dumps(measure(parser.parse_args().count), option=orjson.OPT_INDENT_2).decode())


if __name__ == "__main__":
    main()
