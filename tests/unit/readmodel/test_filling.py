"""What is lost, emptied or made by an earlier version is filled from the topics; what is there stays meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect

from schemas.catalogue import current as messages
from schemas.codec import Codec
from schemas.messages import DECISION, HISTORY_ENTRY, HUMAN_TASK
from schemas.samples import sample
from streams.ground.errors import UnavailableError
from streams.ground.settings import Settings
from streams.processors.orchestrate import HISTORY
from streams.processors.view import processor as view_module
from streams.processors.view.processor import View
from streams.readmodel import filling
from streams.readmodel.database import open_database
from streams.readmodel.projection import METADATA, Projection, Received
from streams.readmodel.settings import ViewSettings, read_model_url
from streams.runtime.noting import Noting
from streams.runtime.processor import Message, Record, StateView
from streams.runtime.reader import Partition
from streams.runtime.threads import Aside
from tests.support.contents import ROWS, as_first_made, content
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.postgresql import Server
from tests.support.waiting import PATIENCE_S

CODEC = Codec.offline()
PLACE = Partition(HISTORY.name, 0)
INSTANCES = 40


class NoState:
    """A processor without a table has no rows."""

    def get(self, key: bytes) -> None:
        return None


STATE: StateView = NoState()


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    if request.param == "sqlite":
        yield Settings(data_dir=tmp_path)
        return
    server: Server = request.getfixturevalue("postgresql")
    METADATA.drop_all(create_engine(server.url))
    yield Settings(data_dir=tmp_path).with_(ViewSettings(url=server.url))
    METADATA.drop_all(create_engine(server.url))


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[View]:
    view = View(context(CODEC, settings))
    await view.open()
    yield view
    await view.close()


def told() -> list[Message]:
    """What the topics hold: some instances, half of which faulted, their tasks and decisions."""
    problem = payload({"title": "No such thing", "status": 404})
    moved = {"pointer": "", "iteration": 0, "attempt": 0, "phase": "workflow.faulted", "data": problem}
    found: list[tuple[str, dict[str, Any]]] = []
    for number in range(INSTANCES):
        about = {"instance_id": f"{number:032x}", "workflow": "w", "business_key": f"A-{number}"}
        for seq, status in enumerate(("running", "waiting", "faulted" if number % 2 else "completed")):
            transitions = [moved] if status == "faulted" else []
            entry = {"seq": seq, "at_ms": 1_000 * number + seq, "status": status, "transitions": transitions}
            found.append((HISTORY_ENTRY, about | entry))
        found.append((HUMAN_TASK, about | {"task_id": f"{number:032x}/do/0/ask/0/0", "due_ms": 5, "status": "open"}))
        found.append((DECISION, about | {"decision_id": f"d-{number}"}))
    return [framed(name, changes) for name, changes in found]


def framed(name: str, changes: dict[str, Any]) -> Message:
    whole = sample(messages()[name])
    value = CODEC.encode(name, whole | {field: each for field, each in changes.items() if field in whole})
    return Message(Record(PLACE.topic, 0, 0, 0, None, value, ()), *CODEC.decode(value))


def received(messages: Sequence[Message]) -> Iterator[Received]:
    return (Received(each.name, each.data, each.record.value or b"") for each in messages)


async def test_rows_of_the_first_version_are_filled_from_the_topics(settings: Settings, tmp_path: Path) -> None:
    everything = told()
    as_first_made(create_engine(read_model_url(settings)), received(everything))
    async with opened(settings) as view:
        assert view.noted() == {}  # so all that the topics hold is read again
        view.handle(everything, STATE)
        view.note({PLACE: 200})
        assert view.noted() == {PLACE: 200}
    fresh = Settings(data_dir=tmp_path / "fresh")
    async with opened(fresh) as view:
        view.handle(everything, STATE)
    assert content(open_database(settings, ROWS)) == content(open_database(fresh, ROWS))


async def test_view_goes_on_where_its_rows_end(settings: Settings) -> None:
    async with opened(settings) as view:
        view.note({PLACE: 7})
    async with opened(settings) as view:
        assert view.noted() == {PLACE: 7}


async def test_version_that_makes_more_of_its_rows_makes_them_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(settings) as view:
        view.note({PLACE: 7})
    engine = open_database(settings, ROWS)
    more = [Projection(message=each.message, table=each.table, edition=2) for each in ROWS]
    assert filling.positions(engine, filling.begin(engine, more)) == {}
    ours = filling.current(engine)
    assert filling.begin(engine, ROWS) == ours  # the version before takes what is more for its own


async def test_table_that_is_lost_alone_is_filled_again(settings: Settings) -> None:
    async with opened(settings) as view:
        view.note({PLACE: 7})
    engine = open_database(settings, ROWS)
    ROWS[1].table.drop(engine)
    async with opened(settings) as view:
        assert view.noted() == {}


async def test_view_that_is_to_make_its_rows_again_ends(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "WATCH_S", 0)
    async with opened(settings) as view:
        view.note({PLACE: 7})
        with open_database(settings, ROWS).begin() as connection:
            filling.again(connection)
        with pytest.raises(UnavailableError, match="made again"):
            view.note({PLACE: 8})
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(UnavailableError, match="made again"):
                await view.watch()


async def test_removed_tables_end_the_view(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "WATCH_S", 0)
    async with opened(settings) as view:
        METADATA.drop_all(create_engine(read_model_url(settings)))
        assert not inspect(create_engine(read_model_url(settings))).has_table(filling.FILLING.name)
        with pytest.raises(UnavailableError, match="removed"):
            view.note({PLACE: 8})
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(UnavailableError, match="removed"):
                await view.watch()


async def test_what_rows_lack_is_read_before_what_the_group_has_not_read(settings: Settings) -> None:
    aside = Aside("view")
    other, unread = Partition("other", 0), Partition("unread", 1)
    async with opened(settings) as view:
        noting = Noting(view, aside)
        view.note({PLACE: 7, other: 9})
        starts = {PLACE: 10, other: 9, unread: None, Partition("fresh", 0): 3}
        assert await noting.before(starts) == {PLACE: 7, Partition("fresh", 0): 0}
        noting.note({PLACE: 10})
        noting.note({PLACE: 11, other: 12})
        await noting.settle()
        assert view.noted() == {PLACE: 11, other: 12}
    aside.close()


async def test_database_that_is_away_is_asked_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.runtime.noting.PAUSE_S", 0)
    aside, tries = Aside("view"), iter([UnavailableError("away"), UnavailableError("away")])
    async with opened(settings) as view:
        asked = view.noted

        def sometimes() -> Any:
            for error in tries:
                raise error
            return asked()

        monkeypatch.setattr(view, "noted", sometimes)
        assert await Noting(view, aside).before({PLACE: 10}) == {PLACE: 0}
    aside.close()
