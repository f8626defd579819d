"""What PostgreSQL tells of by NOTIFY: a reason to look at once, and never the only one."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from connectors.sql.engines import CONNECT_TIMEOUT_S

DRIVER = "postgresql+psycopg"


class ListeningError(Exception):
    """Nothing can be heard; says why, and names no user and no host."""


async def listen(url: str, channel: str, heard: Callable[[], object]) -> None:
    """Calls `heard` once it listens, since something may have happened before, and at every notification.

    Runs until it is cancelled. Raises ListeningError where the database cannot be listened to, or is gone.
    """
    try:
        parsed = make_url(url)
        if parsed.drivername != DRIVER:
            raise ListeningError(f"only PostgreSQL notifies; write {DRIVER}://... or leave out `listen`")
        import psycopg  # an extra, which is there where there is such a connection
        from psycopg.sql import SQL, Identifier

        _, arguments = create_engine(parsed).dialect.create_connect_args(parsed)
    except (ArgumentError, NoSuchModuleError):
        raise ListeningError("the address is not a database URL") from None
    except ModuleNotFoundError as error:
        raise ListeningError(f"install the driver {error.name}") from None
    try:
        arguments = {"connect_timeout": CONNECT_TIMEOUT_S, **arguments}
        async with await psycopg.AsyncConnection.connect(**arguments, autocommit=True) as connection:
            await connection.execute(SQL("LISTEN {}").format(Identifier(channel)))
            heard()
            async for _ in connection.notifies():
                heard()
    except psycopg.Error as error:
        raise ListeningError(f"the database ends it or is away ({error.sqlstate or type(error).__name__})") from None
