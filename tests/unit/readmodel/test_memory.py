"""What the pages of the read model take of a process that only asks is bounded, with every connection in use."""

import os
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import text

from streams.ground.settings import Settings
from streams.readmodel.database import database
from tests.support.large_bodies import held

MIB = 2**20
CONNECTIONS = 12
CONTENT_BYTES = 24 * MIB
MOST_BYTES = 100 * MIB  # with all of the content in each of them it is three times as much


def test_connections_that_only_ask_keep_few_pages(tmp_path: Path) -> None:
    engine = database(Settings(data_dir=tmp_path))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE much (number INTEGER PRIMARY KEY, content BLOB)"))
        rows = [{"number": number, "content": os.urandom(4_000)} for number in range(CONTENT_BYTES // 4_000)]
        connection.execute(text("INSERT INTO much VALUES (:number, :content)"), rows)
    before = held()
    with ExitStack() as used:
        for _ in range(CONNECTIONS):
            connection = used.enter_context(engine.connect())
            connection.execute(text("SELECT count(*) FROM much WHERE content LIKE '%x%'")).scalar_one()
        assert held() - before < MOST_BYTES
    engine.dispose()
