"""Instances that wait for people, many of them: what they cost, and how soon their workers are back after a restart."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas import ids
from schemas.business import EventTypes
from schemas.cloudevents import CloudEvent
from schemas.codec import Codec
from schemas.messages import HUMAN_ACTION
from streams import catalogue
from streams.definitions import outcome_topic
from streams.ground.kafka import client_config
from streams.ground.settings import Settings
from streams.processors.human import ACTIONS, TASKS
from streams.processors.human.rules import COMPLETE
from tests.bench.load import PAYLOAD, SOURCE
from tests.bench.stack import Stack, stack
from tests.support.data import payload

COUNT = 20_000
ANSWERED = 500  # of them, after all the restarts
WORKFLOW = "parked"
WORKERS = {name: hosted for name, hosted in catalogue.workers().items() if name != "view"}
PATIENCE_S = 180.0
KIBIBYTE = 1_024


def measure(count: int = COUNT) -> dict[str, float]:
    """Seconds to ready after three kinds of restart, memory and disk for each parked instance.

    `parked.ready_s_killed`: all workers killed with -9, with their local stores; the group waits for the session of the
    dead (10 s). `ready_s_stopped`: in order. `ready_s_rebuilt`: in order, but the local stores are gone.
    `parked.answered`: how many of them came to their outcome afterwards.
    """
    with stack(WORKERS) as running:
        empty = _resident_bytes(running)
        figures = {"parked.count": float(count), "parked.park_s": _seconds(lambda: _park(running.settings, count))}
        full = _resident_bytes(running)
        figures["parked.ready_s_killed"] = _seconds(lambda: _start_again(running))
        restarted = _resident_bytes(running)
        running.stop()
        figures |= _disk(running, count)
        figures["parked.ready_s_stopped"] = _seconds(running.start)
        running.stop()
        shutil.rmtree(running.settings.data_dir / "state")
        figures["parked.ready_s_rebuilt"] = _seconds(running.start)
        figures["parked.answered"] = float(_answer(running.settings, ANSWERED))
    for name in WORKERS:
        figures[f"parked.memory_bytes_each.{name}"] = round((restarted[name] - empty[name]) / count, 1)
        figures[f"parked.memory_mib.{name}"] = round(restarted[name] / KIBIBYTE**2, 1)
        figures[f"parked.memory_mib_when_parked.{name}"] = round(full[name] / KIBIBYTE**2, 1)
    return figures


def _start_again(running: Stack) -> None:
    running.kill()
    running.start()


def event_ids(count: int) -> Iterator[str]:
    """Ids of the events that started the instances."""
    return (f"parked-{number}" for number in range(count))


def _park(settings: Settings, count: int) -> None:
    """Starts the instances and returns once each has its open task, and the engine is at rest."""
    print(f"  parking {count} instances ...", file=sys.stderr, flush=True)
    codec, types = Codec.offline(), EventTypes.load()
    buffered = {"enable.idempotence": True, "queue.buffering.max.messages": 1_000_000}
    producer = Producer(client_config(settings) | buffered)
    for event_id in event_ids(count):
        attributes = {"specversion": "1.0", "id": event_id, "source": SOURCE, "type": f"bench.{WORKFLOW}.v1"}
        event = types.encode_event(codec, CloudEvent(attributes, PAYLOAD))
        producer.produce(event.topic, event.value, event.key, headers=list(event.headers))
    producer.flush()
    _read_until(settings, TASKS.name, count)


def _answer(settings: Settings, count: int) -> int:
    """Completes the first tasks and returns how many outcomes came."""
    codec, producer = Codec.offline(), Producer(client_config(settings))
    for event_id in event_ids(count):
        instance_id = ids.instance_id(WORKFLOW, SOURCE, event_id)
        task_id = ids.step_id(instance_id, "/do/0/ask", 0, 0)
        action = {
            "action_id": f"answer-{task_id}", "task_id": task_id, "instance_id": instance_id, "action": COMPLETE,
            "outcome": "done", "data": payload({}), "actor": "bench", "at_ms": 0,
        }  # fmt: skip
        partition = ids.partition_of(instance_id, settings.partitions)
        producer.produce(ACTIONS.name, codec.encode(HUMAN_ACTION, action), instance_id.encode(), partition)
    producer.flush()
    return len(_read_until(settings, outcome_topic(WORKFLOW).name, count))


def _read_until(settings: Settings, topic: str, count: int) -> set[bytes]:
    """Reads a topic from its beginning until it has shown so many keys; raises TimeoutError when nothing comes."""
    consumer = Consumer(client_config(settings) | {"group.id": "bench-parked", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(settings.partitions)])
    keys: set[bytes] = set()
    last = time.monotonic()
    while len(keys) < count:
        records = consumer.consume(5_000, timeout=0.2)
        keys.update(record.key() or b"" for record in records)
        if records:
            last = time.monotonic()
        elif time.monotonic() - last > PATIENCE_S:
            raise TimeoutError(f"{topic}: {len(keys)} of {count} in {PATIENCE_S:.0f} s")
    consumer.close()
    return keys


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return round(time.monotonic() - began, 2)


def _resident_bytes(running: Stack) -> dict[str, int]:
    return {name: process.memory_info().rss for name, process in running.processes.items()}


def _disk(running: Stack, count: int) -> dict[str, float]:
    """Size of the local stores, by processor."""
    folders = {each: running.settings.data_dir.glob(f"state/*/*/{each}") for each in ("orchestrate", "human")}
    return {f"parked.store_bytes_each.{each}": round(_size(found) / count, 1) for each, found in folders.items()}


def _size(folders: Iterable[Path]) -> int:
    return sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    print(orjson.dumps(measure(), option=orjson.OPT_INDENT_2).decode())
