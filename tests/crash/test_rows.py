"""Rows of a database become events, by processes that are killed in the middle: every row, and none under two ids."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from schemas.business import EventTypes
from streams.definitions import DEFINITIONS
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.processors.intake import business_topic
from streams.rows import POSITIONS
from streams.rows.position import known_positions
from tests.crash.inflow import seen, started

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
    await provision(settings, [TOPIC, DEFINITIONS, POSITIONS])
    (tmp_path / "rows.yaml").write_text(ROWS)
    (tmp_path / "connections.yaml").write_text(f"shop: sqlite:///{tmp_path}/shop.sqlite\n")
    with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as shop, shop:
        shop.execute("PRAGMA journal_mode = WAL")
        for table in ("orders", "outbox"):
            shop.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, customer TEXT)")
            shop.executemany(f"INSERT INTO {table} VALUES (?, ?)", ((n, f"c{n}") for n in range(1, COUNT + 1)))
    second = started("rows", kafka, tmp_path)  # stands by, and goes on where the first is killed
    first = started("rows", kafka, tmp_path)
    try:
        _until(settings, tmp_path, COUNT // 4)
        for process in (first, second):
            process.send_signal(signal.SIGKILL)
            process.wait()
        first = started("rows", kafka, tmp_path)
        _until(settings, tmp_path, COUNT)
    finally:
        for process in (first, second):
            process.kill()
            process.wait()
    every = seen(kafka, TOPIC, settings.partitions)
    for source in ("/rows/orders", "/rows/outbox"):
        ids = {id_ for found, id_ in every if found == source}
        assert len(ids) == COUNT, f"each row of {source} is an event, under one id"


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
