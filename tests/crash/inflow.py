"""Processes that make events of what comes in from outside, and what they have written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from streams.ground.topic import Topic


def started(what: str, kafka: str, site: Path) -> subprocess.Popen[bytes]:
    """`exlify WHAT run` in a process of its own."""
    environ = {
        **os.environ,
        "EXLIFY_BOOTSTRAP": kafka,
        "EXLIFY_REGISTRY_URL": "none",
        "EXLIFY_SITE_DIR": str(site),
        "EXLIFY_DATA_DIR": str(site / "data"),
    }
    with (site / f"{what}.log").open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", "streams.cli", what, "run"], env=environ, stdout=log, stderr=log)


def seen(kafka: str, topic: Topic, partitions: int) -> Counter[tuple[str, str]]:
    """How often each event is on a topic, by source and id."""
    found: Counter[tuple[str, str]] = Counter()
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "reading it", "enable.auto.commit": False})
    try:
        for number in range(partitions):
            begin, end = consumer.get_watermark_offsets(TopicPartition(topic.name, number), timeout=10)
            consumer.assign([TopicPartition(topic.name, number, begin)])
            while begin < end:
                for message in consumer.consume(10_000, timeout=10):
                    headers: Any = dict(message.headers() or ())
                    found[headers["ce_source"].decode(), headers["ce_id"].decode()] += 1
                    begin = (message.offset() or 0) + 1
    finally:
        consumer.close()
    return found
