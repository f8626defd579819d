"""Opens the read model: SQLite in the data folder unless the settings name another database."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError, OperationalError, SQLAlchemyError

from streams.ground.errors import ConfigurationError, UnavailableError
from streams.ground.settings import Settings
from streams.readmodel.layout import MisfitError, bring_up_to_date
from streams.readmodel.projection import Projection
from streams.readmodel.settings import read_model_url

BUSY_TIMEOUT_S = 10
WRITER_KIB = 16_000  # of pages that a connection to SQLite keeps; the writer finds in them what its rows go beside
READER_KIB = 2_000  # every write makes them useless to all others, which hold several connections
UNDEFINED_TABLE = "42P01"  # SQLSTATE
DIALECTS = ("sqlite", "postgresql")
_FILE = "file"
_LOST_CONNECTION = {  # to a server whose machine is gone: else a thread would wait for it for hours
    "connect_timeout": BUSY_TIMEOUT_S,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # ms
}
_PRAGMAS = (
    "page_size=16384",  # bytes, of a file that is new: messages of some KB fill few pages, and a third less is written
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "journal_size_limit=67108864",  # bytes
    "wal_autocheckpoint=4000",  # pages: each copying back writes the indexes once for many batches
)


def open_database(settings: Settings, projections: Iterable[Projection]) -> Engine:
    """The database with the tables of these projections, one of an earlier layout brought up to today's.

    Raises ConfigurationError for an address that cannot be used or tables that do not fit, UnavailableError where no
    server answers.
    """
    engine = database(settings)
    prepare(engine, projections)
    return engine


def database(settings: Settings, cache_kib: int = READER_KIB) -> Engine:
    """The database, not looked at yet. Raises ConfigurationError for an address that cannot be used."""
    return _engine(read_model_url(settings), cache_kib)


def prepare(engine: Engine, projections: Iterable[Projection]) -> None:
    """Makes its tables, and brings those of an earlier layout up to today's; raises what `open_database` does."""
    address = engine.url.render_as_string()
    try:
        bring_up_to_date(engine, dict.fromkeys(each.table for each in projections))
    except MisfitError as error:
        raise ConfigurationError(
            f"The read model at {address} is of another layout: {error}. Use the version that made it, or name an "
            "empty database in EXLIFY_VIEW_URL; it will show what comes from then on."
        ) from None
    except SQLAlchemyError as error:
        if is_away(error):
            raise UnavailableError(
                f"The read model at {address} does not answer ({reason_of(error)}). "
                "Start it, or correct EXLIFY_VIEW_URL."
            ) from None
        raise ConfigurationError(f"The tables of the read model cannot be made ({reason_of(error)}).") from None


def is_away(error: SQLAlchemyError) -> bool:
    """Whether the database does not answer now, so that asking again makes sense; else it does not take what we ask.

    SQLite has one exception for both, and a code that tells them apart.
    """
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    return isinstance(error, OperationalError) and code != sqlite3.SQLITE_ERROR


def is_gone(error: SQLAlchemyError) -> bool:
    """Whether the tables are not there: somebody removed the database, and it is being made anew."""
    found = getattr(error, "orig", None)
    return "no such table" in str(found) or getattr(found, "sqlstate", None) == UNDEFINED_TABLE


def _engine(address: str, cache_kib: int) -> Engine:
    try:
        url = make_url(address)
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() == "sqlite":
            return _sqlite(url.database or "", cache_kib)
        if url.get_backend_name() in DIALECTS:
            return create_engine(url, pool_pre_ping=True, connect_args=_LOST_CONNECTION)
    except (ArgumentError, NoSuchModuleError):
        pass
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"EXLIFY_VIEW_URL needs {error.name}: pip install 'exlify[postgres]'.") from None
    raise ConfigurationError("EXLIFY_VIEW_URL: write sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE.")


def _sqlite(path: str, cache_kib: int) -> Engine:
    """One file; readers never wait for the writer.

    A killed process loses nothing. A machine that loses power can lose the newest rows, as a single broker can lose its
    newest records; reading the topics from the beginning brings them back.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    # The connection that was used last is used next: it knows what the others would have to read again.
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_S}, pool_use_lifo=True)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        for pragma in (*_PRAGMAS, f"cache_size=-{cache_kib}"):
            connection.execute(f"PRAGMA {pragma}")
        record.info[_FILE] = _file(path)

    @event.listens_for(engine, "checkout")
    def look(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info[_FILE] != _file(path):  # it would go on with a file that nobody sees any more
            raise DisconnectionError

    return engine


def _file(path: str) -> tuple[int, int] | None:
    """Which file stands there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def reason_of(error: SQLAlchemyError) -> str:
    """The driver's own words, in one line; SQLAlchemy's would bring the statement along."""
    return " ".join(str(getattr(error, "orig", error)).split())
