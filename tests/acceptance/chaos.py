"""Kills at random moments, from a seed: the same seed gives the same victims, order and pauses again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.acceptance.site import Site

LONGEST_PAUSE_S = 1.0  # after new work has come; short pauses are likelier, because the work is soon done
HASTY = 0.2  # share of the kills that do not wait until the victim works again: they hit start and recovery


class Kill(NamedTuple):
    """One kill -9."""

    name: str
    when_ready: bool
    pause_s: float


def schedule(seed: int, name: str, count: int) -> list[Kill]:
    """The kills of one process, in their order."""
    drawn = random.Random(f"{seed}/{name}")
    return [Kill(name, drawn.random() >= HASTY, LONGEST_PAUSE_S * drawn.random() ** 2) for _ in range(count)]


async def unleash(site: Site, seed: int, names: Sequence[str], count: int, feed: Callable[[], None]) -> list[Kill]:
    """Kills each of the processes `count` times, all of them side by side; `feed` gives the site new work before each.

    Returns the journal of the kills as they came.
    """
    journal: list[Kill] = []

    async def torment(name: str) -> None:
        for kill in schedule(seed, name, count):
            if kill.when_ready:
                await site.ready(name)
            feed()
            await asyncio.sleep(kill.pause_s)
            site.kill(name)
            journal.append(kill)

    await asyncio.gather(*(torment(name) for name in names))
    return journal
