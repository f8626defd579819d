"""The journey from publish to outcome: rate, latency, CPU by process; with a bare hop through the same broker beside
it."""

from __future__ import annotations

import sys
import time
from statistics import median

from confluent_kafka import Consumer, Producer, TopicPartition

from streams.ground.kafka import client_config
from streams.ground.settings import Settings
from streams.processors.intake import typed_topics
from tests.bench.load import Figures, Load
from tests.bench.stack import Stack, stack
from tests.bench.visible import Visible

WARM_UP = 4_000
SUSTAINED_COUNT = 30_000
SUSTAINED_IN_FLIGHT = 1_000
BURST = 10_000
LATENCY_COUNT = {1: 500, 32: 5_000}

BUSINESS = typed_topics()[0].name


def measure() -> dict[str, float]:
    """Figures of both workflows and of the baseline."""
    with stack() as running:
        figures = {"baseline.hop_p50_ms": bare_hop_ms(running.settings)}
        for workflow, key in (("three-step", "three_step"), ("one-task", "one_task")):
            print(f"  {workflow} ...", file=sys.stderr, flush=True)
            figures |= {f"{key}.{name}": value for name, value in _workflow(running, workflow).items()}
        hops = 9  # business topic, inbox, three commands, three results, outcome
        figures["three_step.p50_to_bare_hops"] = round(
            figures["three_step.p50_ms_1"] / (hops * figures["baseline.hop_p50_ms"]), 2
        )
        return figures


def _workflow(running: Stack, workflow: str) -> dict[str, float]:
    load = Load(running.settings, workflow)
    load.run(WARM_UP, 200)
    figures: dict[str, float] = {}
    for in_flight, count in LATENCY_COUNT.items():
        run = load.run(count, in_flight)
        figures |= {f"p{p}_ms_{in_flight}": round(run.percentile_ms(p), 2) for p in (50, 95, 99)}
        figures[f"per_s_{in_flight}"] = round(run.rate, 1)
    visible = Visible(running.settings)
    figures |= visible.one_by_one(load)
    seen = visible.completed()
    burst = load.run(BURST, BURST)
    figures |= {"burst_per_s": round(burst.rate, 1), "burst_p99_ms": round(burst.percentile_ms(99), 1)}
    figures["visible.behind_burst_ms"] = visible.behind_ms(seen + BURST)
    return figures | _sustained(running, load)


def _sustained(running: Stack, load: Load) -> dict[str, float]:
    before = running.cpu_seconds()
    run: Figures = load.run(SUSTAINED_COUNT, SUSTAINED_IN_FLIGHT)
    used = {name: cpu - before[name] for name, cpu in running.cpu_seconds().items()}
    per_workflow = {f"cpu_ms.{name}": round(cpu * 1_000 / run.count, 3) for name, cpu in used.items()}
    return {
        "sustained_per_s": round(run.rate, 1),
        "sustained_p50_ms": round(run.percentile_ms(50), 1),
        "sustained_p99_ms": round(run.percentile_ms(99), 1),
        "per_cpu_s": round(run.count / sum(used.values()), 1),
    } | per_workflow


def bare_hop_ms(settings: Settings, count: int = 500) -> float:
    """Median of one record's way from a producer to a consumer, 1 KB, one at a time."""
    partition = TopicPartition(BUSINESS, 0)
    consumer = Consumer(client_config(settings) | {"group.id": "bench-hop", "fetch.wait.max.ms": 500})
    end = consumer.get_watermark_offsets(partition)[1]
    consumer.assign([TopicPartition(partition.topic, partition.partition, end)])
    producer = Producer(client_config(settings) | {"linger.ms": 0, "enable.idempotence": True})
    taken_ms = []
    for _ in range(count):
        started = time.perf_counter()
        producer.produce(BUSINESS, b"x" * 1_000, partition=0)
        producer.poll(0)
        if consumer.poll(10.0) is None:
            raise TimeoutError("the broker does not hand over a record")
        taken_ms.append((time.perf_counter() - started) * 1_000)
    producer.flush()
    consumer.close()
    return round(median(taken_ms[count // 5 :]), 3)
