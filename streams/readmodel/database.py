"""Opens the read model: SQLite in the data folder unless the settings name another database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, SQLAlchemyError

from streams.ground.errors import ConfigurationError, UnavailableError
from streams.ground.settings import Settings
from streams.readmodel.settings import read_model_url
from streams.readmodel.tables import METADATA

BUSY_TIMEOUT_S = 10
DIALECTS = ("sqlite", "postgresql")
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "cache_size=-32000",  # KiB
    "journal_size_limit=67108864",  # bytes
    "wal_autocheckpoint=8000",  # pages: each copying back writes the indexes once for many batches
)


def open_database(settings: Settings) -> Engine:
    """The database with all its tables.

    Raises ConfigurationError for an address that cannot be used, UnavailableError where no server answers.
    """
    engine = _engine(read_model_url(settings))
    try:
        METADATA.create_all(engine)
    except OperationalError as error:
        raise UnavailableError(
            f"The read model at {engine.url.render_as_string()} does not answer ({_reason(error)}). "
            "Start it, or correct EXLIFY_VIEW_URL."
        ) from None
    except SQLAlchemyError as error:
        # Two processes that make the tables at the same time: the slower one finds them made.
        if "exist" not in str(error).lower():
            raise ConfigurationError(f"The tables of the read model cannot be made ({_reason(error)}).") from None
    return engine


def _engine(address: str) -> Engine:
    try:
        url = make_url(address)
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() == "sqlite":
            return _sqlite(url.database or "")
        if url.get_backend_name() in DIALECTS:
            return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": BUSY_TIMEOUT_S})
    except (ArgumentError, NoSuchModuleError):
        pass
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"EXLIFY_VIEW_URL needs {error.name}: pip install 'exlify[postgres]'.") from None
    raise ConfigurationError("EXLIFY_VIEW_URL: write sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE.")


def _sqlite(path: str) -> Engine:
    """One file; readers never wait for the writer.

    A killed process loses nothing. A machine that loses power can lose the newest rows, as a single broker can lose its
    newest records; reading the topics from the beginning brings them back.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _reason(error: SQLAlchemyError) -> str:
    """The driver's own words, in one line; SQLAlchemy's would bring the statement along."""
    return " ".join(str(getattr(error, "orig", error)).split())
