"""A read model of the first version with 10,000 instances is filled from the topics, its view killed on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError

from schemas.codec import Codec
from streams import catalogue
from streams.cli.topics import ends
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.processors.view import DECLARATION
from streams.readmodel import filling
from streams.readmodel.database import is_gone, open_database
from streams.readmodel.projection import METADATA, Received
from streams.readmodel.settings import ViewSettings, read_model_url
from streams.readmodel.writer import Writer
from tests.crash.workers import Workers
from tests.support import brokers, told
from tests.support.contents import ROWS, as_first_made, content
from tests.support.postgresql import Server

INSTANCES = 10_000
KILLED_AT = (0.3, 0.6)  # of the records
BATCH = 1_000
LOOK_S = 0.02
PATIENCE_S = 300.0  # a bound on hanging, not a measure
CODEC = Codec.offline()


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    url = ""
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        url = server.url
        METADATA.drop_all(create_engine(url))
    with brokers.chosen(tmp_path).kafka() as bootstrap:
        ours = Settings(bootstrap=bootstrap, registry_url="none", data_dir=tmp_path).with_(ViewSettings(url=url))
        asyncio.run(provision(ours, catalogue.topics(ours)))
        yield ours
    if url:
        METADATA.drop_all(create_engine(url))


@pytest.mark.crash
async def test_rows_of_the_first_version_are_filled_though_the_view_is_killed(
    settings: Settings, tmp_path: Path
) -> None:
    told.publish(settings, INSTANCES)
    as_first_made(create_engine(read_model_url(settings)), _received())
    workers = Workers(lambda _: ("-m", "streams.cli", "worker", "view"), _environ(settings), tmp_path / "logs")
    workers.start("view", restarts=False)
    try:
        killed = await _filled(settings, workers)
    finally:
        workers.kill_all()
    assert killed == len(KILLED_AT), "the view was done before it could be killed"
    fresh = open_database(Settings(data_dir=tmp_path / "fresh"), ROWS)
    writer, everything = Writer(fresh, ROWS), list(_received())
    for at in range(0, len(everything), BATCH):
        writer.write(everything[at : at + BATCH])
    assert content(open_database(settings, ROWS)) == content(fresh)


async def _filled(settings: Settings, workers: Workers) -> int:
    """Returns once all rows are there; how often the view was killed on the way."""
    _, last = ends(settings, [topic.name for topic in DECLARATION.reads])
    left, deadline = list(KILLED_AT), time.monotonic() + PATIENCE_S
    engine = create_engine(read_model_url(settings))
    while (done := await asyncio.to_thread(_done, engine)) < (total := sum(last.values())):
        assert time.monotonic() < deadline, f"{done} of {total}\n{workers.log_tails()}"
        assert workers.exit_code("view") is None, workers.log_tails()
        if left and done >= left[0] * total:
            left.pop(0)
            workers.kill("view")
            workers.start("view", restarts=False)
        await asyncio.sleep(LOOK_S)
    return len(KILLED_AT) - len(left)


def _done(engine: Engine) -> int:
    """How many records are in the rows; none while the tables are still those of the first version."""
    try:
        return sum(filling.positions(engine, filling.current(engine) or "").values())
    except SQLAlchemyError as error:
        if is_gone(error):
            return 0
        raise


def _environ(settings: Settings) -> dict[str, str]:
    return {
        "EXLIFY_BOOTSTRAP": settings.bootstrap,
        "EXLIFY_REGISTRY_URL": "none",
        "EXLIFY_DATA_DIR": str(settings.data_dir),
        "EXLIFY_VIEW_URL": settings.of(ViewSettings).url,
        "EXLIFY_SESSION_TIMEOUT_MS": "2000",
    }


def _received() -> Iterator[Received]:
    return (Received(*CODEC.decode(each.value), each.value, CODEC.decode) for each in told.told(INSTANCES))
