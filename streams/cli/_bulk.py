"""What decisions about many share: no faster than asked, and what became of all of them at the end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

from schemas.times import rfc3339
from streams.cli._output import echo

EXIT_NOT_ALL = 1
CLOCKS_S = 60  # by which this clock may be behind that of the broker
T = TypeVar("T")


def by_now() -> str:
    """The bound (RFC 3339) of what is there already, and not of what comes meanwhile."""
    return rfc3339(int((time.time() + CLOCKS_S) * 1_000))


def paced(items: Iterable[T], rate: float | None, most: int = 1) -> Iterator[list[T]]:
    """Portions of at most so many, and not more than `rate` items a second."""
    left, due_s = iter(items), time.monotonic()
    size = most if rate is None else max(1, min(most, int(rate)))
    while some := list(islice(left, size)):
        time.sleep(max(0.0, due_s - time.monotonic()))
        due_s = max(due_s, time.monotonic()) + (len(some) / rate if rate else 0.0)
        yield some


def conclude(counts: Mapping[str, int], wanted: str, nothing: str, *, as_json: bool) -> None:
    """Says how many became what; ends the command with 1 where not all are as wanted."""
    if not as_json:
        echo(", ".join(f"{count} {word}" for word, count in counts.items()) or nothing, err=True)
    if counts.keys() - {wanted}:
        raise SystemExit(EXIT_NOT_ALL)
