"""Which processors a load was too much for: the most records that each had yet to read when it was looked at."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from streams.ground.errors import UnavailableError

if TYPE_CHECKING:
    from streams.cli._load import Load
    from streams.ground.settings import Settings

EVERY_S = 2.0
MOST_TOLD = 3


async def watched(settings: Settings, load: Load) -> None:
    """Looks again and again, until it is cancelled; a look that Kafka does not answer is left out."""
    from streams.console.reach import look

    while True:
        with suppress(UnavailableError):  # what that means for the load, its figures say
            note(load.behind, await asyncio.to_thread(look, settings))
        await asyncio.sleep(EVERY_S)


def note(behind: dict[str, int], topics: Iterable[Mapping[str, Any]]) -> None:
    """One look at all topics: what a processor has to read counts as a whole."""
    now: Counter[str] = Counter()
    for topic in topics:
        now.update(topic["lag"])
    for processor, records in now.items():
        if records > behind.get(processor, 0):
            behind[processor] = records


def in_words(behind: Mapping[str, int]) -> str | None:
    """The first of them for people; None where nobody was."""
    most = list(behind.items())[:MOST_TOLD]
    return ", ".join(f"{records:,} records before {processor}" for processor, records in most) or None
