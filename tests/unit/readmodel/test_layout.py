"""A database that an earlier or a later version has made: brought up to date, or refused in one line."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Engine, MetaData, String, Table, create_engine, inspect, select

from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import HUMAN_TASK
from schemas.samples import sample
from streams.ground.errors import ConfigurationError
from streams.ground.settings import Settings
from streams.processors import ALL
from streams.processors.human.rows import ROWS, TASKS
from streams.processors.view.processor import View
from streams.readmodel.database import open_database
from streams.readmodel.projection import METADATA, Projection, Received, projections
from streams.readmodel.settings import ViewSettings, read_model_url
from streams.readmodel.writer import Writer
from streams.runtime.processor import Message, NotYet, Record
from tests.support.contexts import context
from tests.support.postgresql import Server

CODEC = Codec.offline()


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    if request.param == "sqlite":
        yield Settings(data_dir=tmp_path)
        return
    server: Server = request.getfixturevalue("postgresql")
    METADATA.drop_all(create_engine(server.url))
    yield Settings(data_dir=tmp_path).with_(ViewSettings(url=server.url))
    METADATA.drop_all(create_engine(server.url))  # others use this server, and no layout but today's


@pytest.fixture
def engine(settings: Settings) -> Engine:
    """A database as it is before any version of ours has opened it."""
    return create_engine(read_model_url(settings))


def like(column: Column[Any]) -> Column[Any]:
    """A column of the same declaration for another table."""
    return Column(
        column.name, column.type, primary_key=column.primary_key, nullable=column.nullable,
        server_default=column.server_default, index=column.index,
    )  # fmt: skip


def with_column(column: Column[Any]) -> tuple[Projection, ...]:
    """The tasks, in a version that has one column more."""
    (tasks,) = ROWS
    table = TASKS.to_metadata(MetaData())
    table.append_column(like(column))
    return (replace(tasks, table=table),)


def task(**changes: Any) -> Received:
    value = CODEC.encode(HUMAN_TASK, sample(current()[HUMAN_TASK]) | changes)
    return Received(*CODEC.decode(value), value)


def columns_of(engine: Engine) -> set[str]:
    return {column["name"] for column in inspect(engine).get_columns(TASKS.name)}


@pytest.mark.parametrize(
    "column",
    [Column("last_action_id", String), Column("last_action_id", String, nullable=False, server_default="untitled")],
    ids=["nullable", "with a default"],
)
def test_missing_column_is_added_to_rows_that_are_there(settings: Settings, column: Column[Any]) -> None:
    engine = open_database(settings, ROWS)
    Writer(engine, ROWS).write([task(task_id="old")])
    newer = with_column(column)
    Writer(open_database(settings, newer), newer).write([task(task_id="new", last_action_id="Review")])
    table = newer[0].table
    with engine.connect() as connection:
        found = {row.task_id: row.last_action_id for row in connection.execute(select(table))}
    assert found == {"old": None if column.nullable else "untitled", "new": "Review"}


def test_missing_index_is_made_with_its_column(settings: Settings) -> None:
    engine = open_database(settings, ROWS)
    open_database(settings, with_column(Column("last_action_id", String, index=True)))
    assert "ix_tasks_last_action_id" in {each["name"] for each in inspect(engine).get_indexes(TASKS.name)}


def test_processes_that_start_together_do_not_fail(settings: Settings) -> None:
    newer = with_column(Column("last_action_id", String, index=True))
    with ThreadPoolExecutor(4) as pool:
        for projections_of_version in (ROWS, newer):
            engines = list(pool.map(lambda _: open_database(settings, projections_of_version), range(4)))  # noqa: B023
    assert "last_action_id" in columns_of(engines[0])


def test_older_version_runs_on_a_newer_layout(settings: Settings) -> None:
    engine = open_database(settings, with_column(Column("last_action_id", String)))
    Writer(open_database(settings, ROWS), ROWS).write([task()])
    assert "last_action_id" in columns_of(engine)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"missing": "team"}, "table tasks has no column team"),
        ({"added": Column("last_action_id", String, nullable=False)}, "table tasks has a column last_action_id"),
        ({"changed": Column("version", String, nullable=False)}, "column version of table tasks is of type VARCHAR"),
        (
            {"changed": Column("business_key", String, nullable=False)},
            "column business_key of table tasks takes no null",
        ),
        ({"changed": Column("task_id", String, nullable=False)}, "the key of table tasks is missing"),
        ({"changed": Column("team", String, primary_key=True)}, "the key of table tasks is task_id, team"),
    ],
)
def test_layout_that_cannot_be_mended_refuses_the_start(
    settings: Settings, engine: Engine, change: dict[str, Any], told: str
) -> None:
    changed = {column.name: column for column in (change.get("changed"), change.get("added")) if column is not None}
    names = [column.name for column in TASKS.columns if column.name != change.get("missing")]
    made = {name: changed.pop(name, TASKS.columns[name]) for name in names} | changed
    Table(TASKS.name, MetaData(), *map(like, made.values())).create(engine)
    with pytest.raises(ConfigurationError, match=told) as refused:
        open_database(settings, ROWS)
    assert "EXLIFY_VIEW_URL" in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_column_lost_while_running_is_told_until_it_is_back(settings: Settings) -> None:
    view = View(context(CODEC, settings))
    await view.open()
    engine = open_database(settings, ROWS)
    received = task()
    message = Message(Record("any", 0, 0, 0, None, received.value, ()), received.name, dict(received.data))
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE tasks RENAME COLUMN workflow TO process")
    for told in ("table tasks: .*workflow", "table tasks has no column workflow"):
        with pytest.raises(NotYet, match=f"takes nothing .{told}"):
            view.handle([message], _NO_STATE)
    engine.dispose()  # a connection that has seen the old column does not look for a new one to rename
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE tasks RENAME COLUMN process TO workflow")
    view.handle([message], _NO_STATE)
    await view.close()
    with engine.connect() as connection:
        assert len(connection.execute(select(TASKS)).all()) == 1


def test_every_table_has_one_owner_and_is_read_by_the_view() -> None:
    view = next(each for each in ALL if each.name == "view")
    for owner in ALL:
        for projection in projections([owner]):
            message = projection.message.removeprefix("exlify.")
            others = [topic for topic in view.reads if topic.written_by]  # the gateway, of things that are the owner's
            topics = [topic for topic in (*owner.writes, *others) if message in topic.messages]
            assert topics and set(topics) <= set(view.reads), f"{projection.table.name}: {message}"


@pytest.mark.parametrize("projection", projections(ALL), ids=lambda each: each.table.name)
def test_every_column_is_filled_from_the_message(projection: Projection) -> None:
    row = projection.reader()(Received(projection.message, sample(current()[projection.message]), b""))
    assert row.keys() == {column.name for column in projection.table.columns}


class _NoState:
    """A processor without a table has no rows."""

    def get(self, key: bytes) -> None:
        return None


_NO_STATE = _NoState()
