"""Rows of a database become events, by processes that are killed in the middle: every row, and none under two ids."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from schemas.business import EventTypes
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.processors.intake import business_topic
from streams.rows import POSITIONS
from streams.rows.position import known_positions

TYPE = "com.example.crash-rows.v1"
TOPIC = business_topic(EventTypes.load().of(TYPE).topic)
COUNT = 20_000
PATIENCE_S = 300.0  # a bound on hanging, not a measure
ROWS = """
orders:
  connection: shop
  statement: SELECT id, customer FROM orders WHERE id > :id ORDER BY id LIMIT :limit
  cursor: id
  start: 0
  type: com.example.crash-rows.v1
  batch: 50
  every: 100ms
outbox:
  connection: shop
  statement: SELECT id, customer FROM outbox ORDER BY id LIMIT :limit
  key: id
  done: DELETE FROM outbox WHERE id IN (:keys)
  type: com.example.crash-rows.v1
  batch: 50
  every: 100ms
"""


@pytest.mark.crash
@pytest.mark.broker
async def test_rows_are_read_through_kills(kafka: str, tmp_path: Path) -> None:
    settings = Settings(bootstrap=kafka, site_dir=tmp_path, data_dir=tmp_path / "data")
    await provision(settings, [TOPIC, POSITIONS])
    (tmp_path / "rows.yaml").write_text(ROWS)
    (tmp_path / "connections.yaml").write_text(f"shop: sqlite:///{tmp_path}/shop.sqlite\n")
    with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as shop, shop:
        shop.execute("PRAGMA journal_mode = WAL")
        for table in ("orders", "outbox"):
            shop.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, customer TEXT)")
            shop.executemany(f"INSERT INTO {table} VALUES (?, ?)", ((n, f"c{n}") for n in range(1, COUNT + 1)))
    second = _started(kafka, tmp_path)  # stands by, and goes on where the first is killed
    first = _started(kafka, tmp_path)
    try:
        _until(settings, tmp_path, COUNT // 4)
        for process in (first, second):
            process.send_signal(signal.SIGKILL)
            process.wait()
        first = _started(kafka, tmp_path)
        _until(settings, tmp_path, COUNT)
    finally:
        for process in (first, second):
            process.kill()
            process.wait()
    seen = _seen(kafka, settings.partitions)
    for source in ("/rows/orders", "/rows/outbox"):
        ids = {id_ for found, id_ in seen if found == source}
        assert len(ids) == COUNT, f"each row of {source} is an event, under one id"


def _started(kafka: str, site: Path) -> subprocess.Popen[bytes]:
    environ = {
        **os.environ,
        "EXLIFY_BOOTSTRAP": kafka,
        "EXLIFY_REGISTRY_URL": "none",
        "EXLIFY_SITE_DIR": str(site),
        "EXLIFY_DATA_DIR": str(site / "data"),
    }
    with (site / "rows.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "rows", "run"], env=environ, stdout=log, stderr=log
        )


def _until(settings: Settings, site: Path, wanted: int) -> None:
    """Waits until so many rows of both sources have become events."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        position = known_positions(settings).get("orders")
        with closing(sqlite3.connect(site / "shop.sqlite", timeout=30)) as shop:
            (left,) = shop.execute("SELECT count(*) FROM outbox").fetchone()
        if position is not None and position.rows >= wanted and left <= COUNT - wanted:
            return
        time.sleep(0.1)
    raise AssertionError("the rows are not read")


def _seen(kafka: str, partitions: int) -> Counter[tuple[str, str]]:
    """How often each event is on the topic, by source and id."""
    seen: Counter[tuple[str, str]] = Counter()
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "reading rows", "enable.auto.commit": False})
    try:
        for number in range(partitions):
            begin, end = consumer.get_watermark_offsets(TopicPartition(TOPIC.name, number), timeout=10)
            consumer.assign([TopicPartition(TOPIC.name, number, begin)])
            while begin < end:
                for message in consumer.consume(10_000, timeout=10):
                    headers: Any = dict(message.headers() or ())
                    seen[headers["ce_source"].decode(), headers["ce_id"].decode()] += 1
                    begin = (message.offset() or 0) + 1
    finally:
        consumer.close()
    return seen
