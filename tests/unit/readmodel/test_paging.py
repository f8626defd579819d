"""Whoever turns the pages of a list sees each row that was there once, whatever arrives or changes meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import DECISION, HISTORY_ENTRY, HUMAN_TASK, INCIDENT
from schemas.samples import sample
from streams.ground.settings import Settings
from streams.processors.view.reader import Reader
from streams.readmodel.database import open_database
from streams.readmodel.paging import Page
from streams.readmodel.projection import METADATA, Received
from streams.readmodel.settings import ViewSettings
from streams.readmodel.writer import Writer
from tests.support.contents import ROWS
from tests.support.postgresql import Server
from tests.support.told import id_of

CODEC = Codec.offline()


class List(NamedTuple):
    """A list of the reader: the message that its rows are made of, its time and version, and how it is asked."""

    message: str
    id: str
    at: str
    version: str | None
    ask: Callable[..., Page]


LISTS = {
    "instances": List(HISTORY_ENTRY, "instance_id", "at_ms", "seq", Reader.instances),
    "instances of workflows": List(
        HISTORY_ENTRY,
        "instance_id",
        "at_ms",
        "seq",
        lambda reader, _, **page: reader.newest_of(["even", "odd"], **page),
    ),
    "tasks": List(HUMAN_TASK, "task_id", "created_at_ms", "version", Reader.tasks),
    "incidents": List(INCIDENT, "incident_id", "opened_at_ms", "seq", Reader.incidents),
    "decisions": List(DECISION, "decision_id", "at_ms", None, Reader.all_decisions),
}
TIMES = st.integers(0, 3)  # so that many rows have the same


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def writer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    ours = Settings(data_dir=Path(tmp_path_factory.mktemp("view")))
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        METADATA.drop_all(create_engine(server.url))
        ours = ours.with_(ViewSettings(url=server.url))
    engine = open_database(ours, ROWS)
    yield Writer(engine, ROWS)
    METADATA.drop_all(engine)


@pytest.fixture
def reader(writer: Writer) -> Reader:
    return Reader(writer._engine)


@pytest.mark.parametrize("listed", LISTS.values(), ids=LISTS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(TIMES, max_size=12),
    meanwhile=st.lists(st.tuples(TIMES, st.booleans()), max_size=8),
    limit=st.integers(1, 5),
)
def test_pages_show_each_row_once(
    reader: Reader, writer: Writer, listed: List, before: list[int], meanwhile: list[tuple[int, bool]], limit: int
) -> None:
    with reader.engine.begin() as connection:
        for each in ROWS:
            connection.execute(each.table.delete())
    there = dict(enumerate(before))
    writer.write([_row(listed, number, at, 1) for number, at in there.items()])
    seen: list[str] = []
    page = Page([], None)
    while not seen or page.next is not None:
        page = listed.ask(reader, {}, limit=limit, cursor=page.next)
        seen += [row[listed.id] for row in page.rows]
        if not seen:
            break
        if meanwhile:
            at, changes = meanwhile.pop()
            number = len(there) // 2 if changes and there else 1_000 + len(meanwhile)
            if listed.message != HISTORY_ENTRY:  # of which each has a time of its own
                at = there.get(number, at)
            writer.write([_row(listed, number, at, 2)])
    assert len(seen) == len(set(seen))
    assert {id_of(number) for number in there} <= set(seen)


def _row(listed: List, number: int, at: int, version: int) -> Received:
    whole = sample(current()[listed.message]) | {listed.id: id_of(number), listed.at: at}
    if listed.version is not None:
        whole[listed.version] = version
    if listed.message == HISTORY_ENTRY:
        whole |= {"workflow": ("even", "odd")[number % 2], "status": ("waiting", "completed")[version - 1]}
    value = CODEC.encode(listed.message, whole)
    return Received(*CODEC.decode(value), value)
