"""Rows of a real database become events, each once, whoever is stopped; what cannot go on says why, and loses none."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connectors.assembly import standard_hub
from connectors.hub.pipeline import Hub
from schemas.business import EventTypes
from streams.ground.errors import ConfigurationError, ExlifyError, UnavailableError
from streams.ground.site import Site
from streams.processors.call.mappings import Mappings
from streams.rows.declared import Source, read_rows
from streams.rows.position import Position
from streams.rows.reading import Reading
from tests.support.hubs import CALM
from tests.support.row_sources import Kafka

ORDERS = """
orders:
  connection: shop
  statement: SELECT id, customer, total FROM orders WHERE id > :id ORDER BY id LIMIT :limit
  cursor: id
  start: 0
  type: com.example.order.v1
  subject: /customer
  batch: 3
"""
OUTBOX = """
outbox:
  connection: shop
  statement: SELECT id, customer, total FROM orders ORDER BY id LIMIT :limit
  key: id
  done: DELETE FROM orders WHERE id IN (:keys)
  type: com.example.order.v1
  batch: 3
"""
CHANGES = """
changes:
  connection: shop
  statement: SELECT id, changed FROM orders WHERE (changed, id) > (:changed, :id) ORDER BY changed, id LIMIT :limit
  cursor: [changed, id]
  start: {changed: '', id: 0}
  type: com.example.order-changed.v1
  batch: 2
"""


class Shop:
    """A site with a database, and who reads it."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.folder, self.hub, self.kafka = folder, hub, Kafka()
        self.run("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer, total, changed TEXT)")

    def run(self, statement: str, *rows: tuple[Any, ...]) -> None:
        with closing(sqlite3.connect(self.folder / "shop.sqlite")) as database, database:
            database.executemany(statement, rows) if rows else database.execute(statement)

    def count(self) -> int:
        with closing(sqlite3.connect(self.folder / "shop.sqlite")) as database:
            (count,) = database.execute("SELECT count(*) FROM orders").fetchone()
            return int(count)

    def order(self, *numbers: int, changed: str = "2026-01-01") -> None:
        rows = [(number, f"c{number}", number / 2, changed) for number in numbers]
        self.run("INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?)", *rows)

    def reading(self, text: str) -> Reading:
        (self.folder / "rows.yaml").write_text(text)
        site = Site(self.folder)
        (source,) = site.file("rows.yaml", read_rows).value.values()
        mapping = Mappings(self.folder, site).get(source.mapping) if source.mapping else None
        return Reading(
            source=source,
            mapping=mapping,
            hub=self.hub,
            codec=self.kafka.codec,
            types=EventTypes.load(),
            publisher=self.kafka,
            positions=self.kafka,
        )


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with standard_hub({"shop": f"sqlite:///{tmp_path}/shop.sqlite"}, limits=CALM) as hub:
        yield Shop(tmp_path, hub)


async def all_of(reading: Reading) -> None:
    while await reading.look():
        pass


async def test_each_row_is_an_event_and_the_next_look_goes_on_behind_it(shop: Shop) -> None:
    shop.order(1, 2, 3, 4)
    reading = shop.reading(ORDERS)
    await all_of(reading)
    assert shop.kafka.data == [{"id": n, "customer": f"c{n}", "total": n / 2} for n in (1, 2, 3, 4)]
    attributes, _ = shop.kafka.events[0]
    assert (attributes["source"], attributes["subject"]) == ("/rows/orders", "c1")
    shop.order(7)
    await all_of(reading)
    assert [each["id"] for each in shop.kafka.data] == [1, 2, 3, 4, 7]
    assert shop.kafka.positions["orders"] == Position(cursor={"id": 7}, rows=5)


@pytest.mark.parametrize("text", [ORDERS, OUTBOX], ids=["cursor", "outbox"])
@pytest.mark.parametrize("writes", [0, 1, 2, 5])
async def test_who_is_stopped_anywhere_loses_nothing_and_has_the_same_ids(shop: Shop, text: str, writes: int) -> None:
    shop.order(*range(1, 11))
    shop.kafka.away_after = writes
    try:
        await all_of(shop.reading(text))
    except UnavailableError:
        shop.kafka.away_after = 10**9
        await all_of(shop.reading(text))  # another process: it knows what was kept
    assert sorted({each["id"] for each in shop.kafka.data}) == list(range(1, 11))
    assert len(set(shop.kafka.ids)) == 10


async def test_rows_of_an_outbox_go_once_their_events_are_there(shop: Shop) -> None:
    shop.order(1, 2, 3, 4)
    shop.kafka.away_after = 0
    reading = shop.reading(OUTBOX)
    with pytest.raises(UnavailableError):
        await reading.look()
    assert shop.count() == 4
    shop.kafka.away_after = 10**9
    await all_of(reading)
    assert shop.count() == 0
    assert len(shop.kafka.ids) == 4


async def test_an_outbox_that_keeps_its_rows_is_told_of_and_not_published_for_ever(shop: Shop) -> None:
    shop.order(1, 2)
    reading = shop.reading(OUTBOX.replace("DELETE FROM orders WHERE id IN", "DELETE FROM orders WHERE -id IN"))
    await reading.look()
    with pytest.raises(ExlifyError, match="again after `done`"):
        await reading.look()
    assert len(shop.kafka.ids) == 2


async def test_a_cursor_of_two_columns_splits_no_group_and_sees_changes(shop: Shop) -> None:
    shop.order(1, 2, 3, 4, 5)
    reading = shop.reading(CHANGES)
    await all_of(reading)
    shop.order(2, changed="2026-01-02")
    await all_of(reading)
    assert [each["id"] for each in shop.kafka.data] == [1, 2, 3, 4, 5, 2]
    assert len(set(shop.kafka.ids)) == 6


async def test_rows_that_are_large_come_in_smaller_batches(shop: Shop) -> None:
    shop.run("INSERT INTO orders VALUES (?, ?, ?, ?)", *((n, "x" * 600_000, 1, "") for n in range(1, 4)))
    await all_of(shop.reading(ORDERS.replace("  subject: /customer\n", "")))
    assert [each["id"] for each in shop.kafka.data] == [1, 2, 3]


async def test_a_broken_row_is_told_to_people_or_stops_the_source(shop: Shop) -> None:
    (shop.folder / "mappings").mkdir()
    (shop.folder / "mappings" / "order.yaml").write_text("fields: {nr: .id, sum: {from: .total, type: integer}}")
    shop.run("INSERT INTO orders VALUES (1, 'a', 1, ''), (2, 'Jane', 'x', ''), (3, 'c', 3, '')")
    with pytest.raises(ExlifyError, match="name a type under `broken`") as caught:
        await shop.reading(ORDERS + "  mapping: order\n").look()
    assert "Jane" not in str(caught.value)
    assert shop.kafka.events == [] and not shop.kafka.positions
    await all_of(shop.reading(ORDERS + "  mapping: order\n  broken: com.example.order-broken.v1\n"))
    kinds = [attributes["type"] for attributes, _ in shop.kafka.events]
    assert kinds == ["com.example.order.v1", "com.example.order-broken.v1", "com.example.order.v1"]
    assert shop.kafka.data[1]["key"] == {"id": 2}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("ORDER BY id ", "ORDER BY -id ", "order of the cursor"),
        ("id > :id", "id >= :id + 0 * id", "order of the cursor"),
        ("SELECT id,", "SELECT 1 AS one,", "a row has no id"),
        ("SELECT id,", "SELECT 5 AS id,", "the same key"),
        ("FROM orders", "FROM nowhere", "INPUT_INVALID: .*no such table"),
        ("SELECT id, customer, total FROM", "DELETE FROM", "INPUT_INVALID"),
    ],
)
async def test_what_the_statement_gets_wrong_is_said(shop: Shop, old: str, new: str, says: str) -> None:
    shop.order(1, 2)
    shop.kafka.positions["orders"] = Position(cursor={"id": 1 if ">=" in new else 0})
    with pytest.raises(ExlifyError, match=says):
        await all_of(shop.reading(ORDERS.replace(old, new)))
    assert shop.kafka.events == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (" LIMIT :limit", "", ":id, :limit"),
        ("id > :id", "id > 7", ":id, :limit"),
        ("  start: 0\n", "", "no start"),
        ("start: 0", "start: [0]", "not a mapping|no single|neither"),
        ("cursor: id", "cursor: 'id; DROP'", "no name of a column"),
        ("  cursor: id\n  start: 0\n", "", "no cursor and no done"),
        ("batch: 3", "batch: 5000", "from 1 to 1000"),
        ("  connection: shop\n", "", "no connection"),
        ("orders:", "Orders 1:", "no name of a source"),
        ("subject: /customer", "subject: customer", "JSON Pointer"),
    ],
)
def test_a_faulty_declaration_is_refused_with_its_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    (tmp_path / "rows.yaml").write_text(ORDERS.replace(old, new, 1))
    with pytest.raises(ConfigurationError, match=f"rows.yaml:.*({says})"):
        Site(tmp_path).file("rows.yaml", read_rows)


def test_a_declaration_of_an_outbox_names_what_is_done(tmp_path: Path) -> None:
    for old, new, says in (("(:keys)", "(:ids)", ":keys"), ("  key: id\n", "", "no key")):
        (tmp_path / "rows.yaml").write_text(OUTBOX.replace(old, new, 1))
        with pytest.raises(ConfigurationError, match=says):
            Site(tmp_path).file("rows.yaml", read_rows)


def test_sources_of_a_site_are_equal_while_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / "rows.yaml").write_text(ORDERS)
    first, second = (Site(tmp_path).file("rows.yaml", read_rows).value["orders"] for _ in range(2))
    assert isinstance(first, Source) and first == second
