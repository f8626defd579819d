"""A read model of the first version with 10,000 instances is filled from the topics, its view killed on the way; what
Kafka no longer keeps is told, and its rows stay.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import PIPE

import orjson
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError

from schemas.codec import Codec
from streams import catalogue
from streams.console.reach import ends
from streams.ground.kafka import client_config
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.processors.orchestrate import HISTORY
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
FORGOTTEN = 100  # records that Kafka no longer keeps when all rows are made again
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
async def test_rows_of_the_first_version_are_filled_and_stay(settings: Settings, tmp_path: Path) -> None:
    told.publish(settings, INSTANCES)
    as_first_made(create_engine(read_model_url(settings)), _received())
    workers = Workers(lambda _: ("-m", "streams.cli", "worker", "view"), _environ(settings), tmp_path / "logs")
    try:
        workers.start("view", restarts=False)
        assert await _filled(settings, workers, KILLED_AT) == len(KILLED_AT), "the view was done before it was killed"
        workers.stop("view")
        _forget(settings, FORGOTTEN)
        assert await asyncio.to_thread(_rebuild, settings) == FORGOTTEN
        workers.start("view", restarts=False)
        await _filled(settings, workers)
        assert f"no_longer_kept={FORGOTTEN}" in workers.log("view").read_text()
    finally:
        workers.kill_all()
    fresh = open_database(Settings(data_dir=tmp_path / "fresh"), ROWS)
    writer, everything = Writer(fresh, ROWS), list(_received())
    for at in range(0, len(everything), BATCH):
        writer.write(everything[at : at + BATCH])
    assert content(open_database(settings, ROWS)) == content(fresh)


async def _filled(settings: Settings, workers: Workers, killed_at: Sequence[float] = ()) -> int:
    """Returns once all rows are there; how often the view was killed on the way."""
    _, last = ends(settings, [topic.name for topic in DECLARATION.reads])
    left, deadline = list(killed_at), time.monotonic() + PATIENCE_S
    engine = create_engine(read_model_url(settings))
    while (done := await asyncio.to_thread(_done, engine)) < (total := sum(last.values())):
        assert time.monotonic() < deadline, f"{done} of {total}\n{workers.log_tails()}"
        assert workers.exit_code("view") is None, workers.log_tails()
        if left and done >= left[0] * total:
            left.pop(0)
            workers.kill("view")
            workers.start("view", restarts=False)
        await asyncio.sleep(LOOK_S)
    return len(killed_at) - len(left)


def _forget(settings: Settings, count: int) -> None:
    """Has Kafka forget the oldest records of a partition, as its retention does."""
    admin = AdminClient(client_config(settings))  # has to outlive what it was asked for
    for future in admin.delete_records([TopicPartition(HISTORY.name, 0, count)]).values():
        future.result(PATIENCE_S)


def _rebuild(settings: Settings) -> int:
    """Has all rows made again; how many records the command says are no longer kept."""
    command = (sys.executable, "-m", "streams.cli", "view", "rebuild", "--no-wait", "--json")
    told_of = subprocess.run(command, env=os.environ | _environ(settings), check=True, stdout=PIPE).stdout
    return int(orjson.loads(told_of)["no_longer_kept"])


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
