"""Engines, the pools of connections to databases: one for each address, for as long as the site has the address.

An engine is made when it is first needed. When its address is not current any more, it goes with the last statement
that runs on it, or after the next statement anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import QueuePool

from connectors.hub.contract import Refused
from connectors.hub.limits import LONGEST_TRY_S
from connectors.sql.guards import DATABASES
from connectors.sql.held import noted
from schemas.reasons import Reason

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = int(LONGEST_TRY_S) + 5  # more than a call can have, which cuts its connection by itself
CONNECT_ARGUMENTS: dict[str, dict[str, object]] = {
    "pysqlite": {"timeout": 0},  # replaced by PRAGMA busy_timeout, statement by statement
    "psycopg": {"connect_timeout": CONNECT_TIMEOUT_S},
    "pymysql": {"connect_timeout": CONNECT_TIMEOUT_S, "read_timeout": READ_TIMEOUT_S, "charset": "utf8mb4"},
    "psycopg2": {"connect_timeout": CONNECT_TIMEOUT_S},
}


@dataclass(slots=True)
class _Held:
    engine: Engine
    users: int = 0


class Engines:
    """Engines by address; used by many threads. `is_current` says whether an address is still one."""

    def __init__(self, is_current: Callable[[str], bool], pool_size: int) -> None:
        self._is_current = is_current
        self._pool_size = pool_size
        self._lock = Lock()
        self._held: dict[str, _Held] = {}

    @contextmanager
    def lent(self, name: str, url: str) -> Iterator[Engine]:
        """The engine of the address, for the connection called `name`. Raises Refused (MISCONFIGURED)."""
        with self._lock:
            held = self._held.get(url)
            if held is None:
                held = self._held[url] = _Held(engine_for(name, url, self._pool_size))
            held.users += 1
        try:
            yield held.engine
        finally:
            self._taken_back(held)

    def close(self) -> None:
        """Closes all connections."""
        for held in self._held.values():
            held.engine.dispose()
        self._held.clear()

    def _taken_back(self, held: _Held) -> None:
        with self._lock:
            held.users -= 1
            unused = [url for url, each in self._held.items() if not each.users and not self._is_current(url)]
            outdated = [self._held.pop(url) for url in unused]
        for each in outdated:
            each.engine.dispose()


def engine_for(name: str, url: str, pool_size: int) -> Engine:
    """An engine for the connection called `name`; raises Refused (MISCONFIGURED) if its URL or driver is no good."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in DATABASES:
            raise Refused(Reason.MISCONFIGURED, f"connection {name}: the database is not SQLite, PostgreSQL or MariaDB")
        engine = create_engine(
            parsed,
            poolclass=QueuePool,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=CONNECT_TIMEOUT_S,
            connect_args=CONNECT_ARGUMENTS.get(parsed.get_driver_name(), {}),
        )
        return engine if engine.dialect.name == "sqlite" else noted(engine)
    except (ArgumentError, NoSuchModuleError):
        raise Refused(Reason.MISCONFIGURED, f"connection {name}: its address is not a database URL") from None
    except ModuleNotFoundError as error:
        raise Refused(Reason.MISCONFIGURED, f"connection {name}: install the driver {error.name}") from None
