"""The connection that a thread works with, so that it can be cut from outside.

A database that falls silent is waited for without end; a thread that waits so is none for any other statement. So each
is noted for as long as it is out of the pool, and asked first whether it still lives if it was used before. One that is
being made has no longer than its call.
"""

from __future__ import annotations

import math
import os
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from sqlalchemy import Dialect, Engine, event
from sqlalchemy.exc import InvalidatePoolError

LEAST_S = 2  # that PostgreSQL's library waits for a connection
_USED = "used"


class Holder(Protocol):
    """Who works with a connection in this thread."""

    def left_s(self) -> float:
        """How much time there is."""
        ...

    def hold(self, raw: Any) -> None:
        """Takes note of it; raises TimeoutError where nobody waits for what comes of it any more."""

    def let_go(self) -> None:
        """From here on it is another thread's."""


class _Thread(threading.local):
    holder: Holder | None = None


current = _Thread()


def noted(engine: Engine) -> Engine:
    """The engine, whose connections are noted from now on."""
    noting = _Noting(engine.dialect)
    event.listen(engine, "do_connect", noting.made)
    event.listen(engine, "checkout", noting.taken)
    event.listen(engine, "checkin", noting.given_back)
    return engine


class _Noting:
    """What becomes of the connections of one engine, in the thread that works with each."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._driver: Any = dialect.loaded_dbapi

    def made(self, _: Any, __: Any, given: Sequence[Any], named: dict[str, Any]) -> Any:
        """A new one; None where it is made as usual."""
        holder = current.holder
        if holder is None:
            return None
        if "connect_timeout" in named:  # of drivers that we know
            named["connect_timeout"] = min(max(LEAST_S, math.ceil(holder.left_s())), named["connect_timeout"])
        if self._dialect.driver != "pymysql":
            return None
        raw = self._driver.connect(*given, **named, defer_connect=True)  # else it waits for a greeting unnoted
        holder.hold(raw)
        raw.connect()
        return raw

    def taken(self, raw: Any, record: Any, _: Any) -> None:
        """One out of the pool; another one takes its place where it lives no more."""
        holder = current.holder
        if holder is not None:
            holder.hold(raw)
        if record.info.get(_USED) and not self._lives(raw):
            if holder is not None:
                holder.hold(raw)  # it may have been cut
            raise InvalidatePoolError
        record.info[_USED] = True

    def given_back(self, *_: Any) -> None:
        """Into the pool."""
        if current.holder is not None:
            current.holder.let_go()

    def _lives(self, raw: Any) -> bool:
        try:
            self._dialect.do_ping(raw)
        except self._driver.Error as error:
            if not self._dialect.is_disconnect(error, raw, None):
                raise
            return False
        return True


def cut(raw: Any) -> None:
    """Ends a connection that another thread waits for, which hears of it at once."""
    with suppress(Exception):  # it may be at its end already, whoever's it is
        number = raw.fileno() if hasattr(raw, "fileno") else raw._sock.fileno()
        with socket.socket(fileno=os.dup(number)) as ours:
            ours.shutdown(socket.SHUT_RDWR)
