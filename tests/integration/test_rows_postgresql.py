"""Rows of a real PostgreSQL become events: with times as a cursor, and with transactions that end in another order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from connectors.assembly import standard_hub
from connectors.hub.pipeline import CallLimits, Hub
from connectors.sql.listening import ListeningError, listen
from schemas.business import EventTypes
from streams.ground.publish import Outgoing
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.processors.call.connections import Addresses
from streams.rows.declared import read_rows
from streams.rows.reading import Reading
from streams.rows.watching import Watching
from tests.support.postgresql import Server
from tests.support.row_sources import Kafka
from tests.support.waiting import PATIENCE_S

psycopg = pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")

SETTLED = "xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
LIMITS = CallLimits(total_timeout_s=10.0, try_timeout_s=5.0)


@pytest.fixture
def url(postgresql: Server) -> str:
    with psycopg.connect(_plain(postgresql.url)) as connection:
        connection.execute("DROP TABLE IF EXISTS row_source")
        connection.execute(
            "CREATE TABLE row_source (id int PRIMARY KEY, payload jsonb, changed timestamptz DEFAULT clock_timestamp())"
        )
    return postgresql.url


async def test_times_are_a_cursor_to_the_microsecond_and_json_is_data(url: str, tmp_path: Path) -> None:
    with psycopg.connect(_plain(url)) as connection:
        for number in range(1, 8):
            connection.execute("INSERT INTO row_source VALUES (%s, '{\"a\": [1]}')", [number])
    source = """
    connection: shop
    statement: SELECT id, payload, changed FROM row_source WHERE (changed, id) > (:changed, :id) ORDER BY changed, id
      LIMIT :limit
    cursor: [changed, id]
    start: {changed: '1970-01-01', id: 0}
    batch: 2
    type: com.example.row.v1
"""
    kafka = Kafka()
    async with standard_hub({"shop": url}, limits=LIMITS) as hub:
        reading = _reading(tmp_path, source, hub, kafka)
        while await reading.look():
            pass
        assert not await reading.look()
    assert [each["id"] for each in kafka.data] == list(range(1, 8))
    assert kafka.data[0]["payload"] == {"a": [1]}


async def test_a_transaction_that_ends_late_is_not_passed_over_by_the_statement_of_the_guide(
    url: str, tmp_path: Path
) -> None:
    source = f"""
    connection: shop
    statement: SELECT id FROM row_source WHERE id > :id AND {SETTLED} ORDER BY id LIMIT :limit
    cursor: id
    start: 0
    type: com.example.row.v1
"""
    kafka = Kafka()
    async with standard_hub({"shop": url}, limits=LIMITS) as hub:
        reading = _reading(tmp_path, source, hub, kafka)
        with psycopg.connect(_plain(url)) as late, psycopg.connect(_plain(url)) as early:
            late.execute("INSERT INTO row_source VALUES (1)")
            early.execute("INSERT INTO row_source VALUES (2)")
            early.commit()
            assert not await reading.look()
            assert kafka.data == []
            late.commit()
            await reading.look()
    assert [each["id"] for each in kafka.data] == [1, 2]


async def test_a_notification_has_a_look_come_at_once(url: str, tmp_path: Path) -> None:
    (tmp_path / "connections.yaml").write_text(f"shop: {url}\n")
    (tmp_path / "rows.yaml").write_text("""
shop:
  connection: shop
  statement: SELECT id FROM row_source WHERE id > :id ORDER BY id LIMIT :limit
  cursor: id
  start: 0
  type: com.example.row.v1
  every: 1h
  listen: Rows
""")
    site, settings = Site(tmp_path), Settings(site_dir=tmp_path)
    kafka = Telling()
    watching = Watching(
        site=site, settings=settings, addresses=Addresses(settings, site), codec=kafka.codec, publisher=kafka
    )
    source = site.file("rows.yaml", read_rows).value["shop"]
    async with standard_hub({"shop": url}, limits=LIMITS) as hub:
        task = asyncio.create_task(watching.watch(source, hub, kafka))
        for number in (1, 2):
            with psycopg.connect(_plain(url)) as connection:
                connection.execute("INSERT INTO row_source VALUES (%s)", [number])
                connection.execute('NOTIFY "Rows"')
            async with asyncio.timeout(PATIENCE_S):  # a bound on hanging; without the notification it is an hour
                await kafka.told.acquire()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [each["id"] for each in kafka.data] == [1, 2]


async def test_what_cannot_be_listened_to_says_why(url: str) -> None:
    for address, says in (
        ("sqlite:///x", "only PostgreSQL"),
        ("", "not a database URL"),
        (url.replace("/postgres", "/nowhere"), "away|ends"),
    ):
        with pytest.raises(ListeningError, match=says):
            await listen(address, "rows", lambda: None)


class Telling(Kafka):
    """Tells when something was published."""

    def __init__(self) -> None:
        super().__init__()
        self.told = asyncio.Semaphore(0)

    async def publish(self, records: Iterable[Outgoing]) -> None:
        await super().publish(records)
        self.told.release()


def _reading(folder: Path, source: str, hub: Hub, kafka: Kafka) -> Reading:
    (folder / "rows.yaml").write_text(f"shop:{source}")
    ready: dict[str, Any] = {"hub": hub, "codec": kafka.codec, "publisher": kafka, "positions": kafka}
    declared = Site(folder).file("rows.yaml", read_rows).value["shop"]
    return Reading(source=declared, mapping=None, types=EventTypes.load(), **ready)


def _plain(url: str) -> str:
    return url.replace("+psycopg", "")
