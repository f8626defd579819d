"""What decisions about many share: no faster than asked, and what became of all of them at the end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

import click

from schemas.times import rfc3339
from streams.cli._actor import as_option
from streams.cli._moments import period
from streams.cli._options import Decorator, together
from streams.cli._output import echo, json_option, print_json

EXIT_NOT_ALL = 1
CLOCKS_S = 60  # by which this clock may be behind that of the broker
AT_ONCE = 8  # decisions that wait for the engine's word
T = TypeVar("T")
R = TypeVar("R")


why_option = click.option("--why", help="Why, in a few words; it is kept, so no personal data.")


def which(happened: str, error: str, *more: Decorator) -> Decorator:
    """The options that say which are meant; `happened` is what they did at a time, `error` what --error is of them."""
    return together(
        click.option("--workflow", help="Name of the workflow."),
        click.option("--version", help="Version of the definition that they are on."),
        click.option("--error", "reason", help=error),
        click.option("--key", "business_key", help="Business key, such as an application number."),
        *more,
        period(happened),
    )


def how(meant: str) -> Decorator:
    """The options that say how it is decided about many, `meant` in their plural."""
    return together(
        click.option("--dry-run", is_flag=True, help=f"Only say which {meant} are meant."),
        click.option("--rate", type=click.FloatRange(0.01), help=f"At most so many {meant} a second."),
        why_option,
        as_option("decides"),
        json_option,
    )


def by_now() -> str:
    """The bound (RFC 3339) of what is there already, and not of what comes meanwhile."""
    return rfc3339(int((time.time() + CLOCKS_S) * 1_000))


def print_meant(
    found: Mapping[str, Sequence[Any]], lines: Sequence[str], one: str, many: str, *, as_json: bool
) -> None:
    """Says which are meant, where nothing is done about them: as JSON, or a line for each."""
    if as_json:
        print_json(found)
        return
    for each in lines:
        echo(each)
    say_meant(len(lines), one, many)


def say_meant(count: int, one: str, many: str) -> None:
    """Says how many are meant, and that it was left at that."""
    echo(f"{count} {f'{one} is' if count == 1 else f'{many} are'} meant; nothing was done", err=True)


def paced(items: Iterable[T], rate: float | None, most: int = 1) -> Iterator[list[T]]:
    """Portions of at most so many, and not more than `rate` items a second."""
    left, due_s = iter(items), time.monotonic()
    size = most if rate is None else max(1, min(most, int(rate)))
    while some := list(islice(left, size)):
        time.sleep(max(0.0, due_s - time.monotonic()))
        due_s = max(due_s, time.monotonic()) + (len(some) / rate if rate else 0.0)
        yield some


def side_by_side(items: Iterable[T], rate: float | None, do: Callable[[T], R]) -> Iterator[tuple[T, R]]:
    """What comes of each, in their order and no faster than asked; several are under way where the rate is not low."""
    most = 1 if rate is not None and rate <= AT_ONCE else AT_ONCE
    with ThreadPoolExecutor(most) as pool:
        under_way: deque[tuple[T, Future[R]]] = deque()
        for (item,) in paced(items, rate):
            under_way.append((item, pool.submit(do, item)))
            while under_way and (len(under_way) >= most or under_way[0][1].done()):
                first, told = under_way.popleft()
                yield first, told.result()
        for item, told in under_way:
            yield item, told.result()


def conclude(counts: Mapping[str, int], wanted: str, nothing: str, *, as_json: bool) -> None:
    """Says how many became what; ends the command with 1 where not all are as wanted."""
    if not as_json:
        echo(", ".join(f"{count} {word}" for word, count in counts.items()) or nothing, err=True)
    if counts.keys() - {wanted}:
        raise SystemExit(EXIT_NOT_ALL)
