"""Publishes events and waits for their outcomes, with a set number in flight."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

from confluent_kafka import Consumer, Producer, TopicPartition

from schemas import ids
from schemas.business import EventTypes
from schemas.cloudevents import CloudEvent
from schemas.codec import Codec
from streams.definitions import outcome_topic
from streams.ground.kafka import client_config
from streams.ground.settings import Settings

PAYLOAD = {"text": "x" * 960, "amount": 1_250, "currency": "EUR"}  # 1 KB as JSON
PATIENCE_S = 60.0
SOURCE = "bench"


@dataclass(frozen=True)
class Figures:
    """What a run gave: workflows per second, and milliseconds from publish to outcome."""

    count: int
    seconds: float
    latencies_ms: Sequence[float]

    @property
    def rate(self) -> float:
        """Workflows per second."""
        return self.count / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """Latency that this share of workflows stayed below."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


class Load:
    """One workflow's publisher and subscriber."""

    def __init__(self, settings: Settings, workflow: str) -> None:
        self._workflow = workflow
        self._codec = Codec.offline()
        self._types = EventTypes.load()
        self._producer = Producer(
            client_config(settings)
            | {"linger.ms": 0, "enable.idempotence": True, "queue.buffering.max.messages": 1_000_000}
        )
        self._consumer = Consumer(
            client_config(settings) | {"group.id": "bench", "enable.auto.commit": False, "fetch.wait.max.ms": 500}
        )
        topic = outcome_topic(workflow).name
        ends = [
            TopicPartition(topic, n, self._consumer.get_watermark_offsets(TopicPartition(topic, n))[1])
            for n in range(settings.partitions)
        ]
        self._consumer.assign(ends)
        self._sent: dict[bytes, float] = {}
        self._number = time.time_ns()
        self._latencies_ms: list[float] = []

    def publish(self) -> str:
        """Publishes one event; gives the id of the instance that it starts."""
        self._number += 1
        event_id = str(self._number)
        attributes = {"specversion": "1.0", "id": event_id, "source": SOURCE, "type": f"bench.{self._workflow}.v1"}
        encoded = self._types.encode_event(self._codec, CloudEvent(attributes, PAYLOAD))
        instance_id = ids.instance_id(self._workflow, SOURCE, event_id)
        self._sent[instance_id.encode()] = time.perf_counter()
        self._producer.produce(encoded.topic, encoded.value, encoded.key, headers=list(encoded.headers))
        self._producer.poll(0)
        return instance_id

    def _collect(self, timeout_s: float) -> int:
        first = self._consumer.poll(timeout_s)
        if first is None:
            return 0
        now = time.perf_counter()
        count = 0
        for record in [first, *self._consumer.consume(5_000, timeout=0)]:
            sent = self._sent.pop(record.key() or b"", None)
            if sent is not None:
                self._latencies_ms.append((now - sent) * 1_000)
                count += 1
        return count

    def keep(self, in_flight: int, ended: Event) -> int:
        """Keeps so many workflows under way until it is to end; gives how many it has begun."""
        published = done = 0
        while not ended.is_set():
            while published - done < in_flight:
                self.publish()
                published += 1
            done += self._collect(0.2)
        return published

    def pace(self, per_s: float, seconds: float, look: Callable[[float, int], None]) -> Figures:
        """Begins so many a second for so long, and waits for the last. Has somebody look every moment, who is told the
        time since the start and how many are under way. Raises TimeoutError if outcomes stay away."""
        self._latencies_ms = []
        self._sent.clear()
        started, published = time.perf_counter(), 0
        while (now := time.perf_counter() - started) < seconds:
            while published < now * per_s:
                self.publish()
                published += 1
            self._collect(0.02)
            look(now, len(self._sent))
        self.drain()
        return Figures(published, time.perf_counter() - started, self._latencies_ms)

    def drain(self) -> None:
        """Returns once nothing is under way any more. Raises TimeoutError if outcomes stay away."""
        last = time.perf_counter()
        while self._sent:
            if self._collect(0.2):
                last = time.perf_counter()
            elif time.perf_counter() - last > PATIENCE_S:
                raise TimeoutError(f"{len(self._sent)} outcomes have not arrived in {PATIENCE_S:.0f} s")

    def run(self, count: int, in_flight: int) -> Figures:
        """Runs `count` workflows, never more than `in_flight` at once. Raises TimeoutError if outcomes stay away."""
        self._latencies_ms = []
        self._sent.clear()  # what was published before is not of this run
        started = last = time.perf_counter()
        published = done = 0
        while done < count:
            while published < count and published - done < in_flight:
                self.publish()
                published += 1
            arrived = self._collect(0.2)
            done += arrived
            if arrived:
                last = time.perf_counter()
            elif time.perf_counter() - last > PATIENCE_S:
                raise TimeoutError(f"{count - done} of {count} outcomes have not arrived in {PATIENCE_S:.0f} s")
        return Figures(count, time.perf_counter() - started, self._latencies_ms)
