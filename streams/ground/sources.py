"""Sources that a file of the site declares: one task for each, and what becomes of its looks.

For those that make events of what lies outside: files, rows, messages.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from prometheus_client import Gauge

from streams.ground.beside import ended

if TYPE_CHECKING:
    from streams.ground.site_yaml import Part

S = TypeVar("S")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
LOOK_S = 0.5  # how often it is seen that a source was added, changed or taken away

log = structlog.get_logger()


async def kept(
    declared: Callable[[], Mapping[str, S]],
    watch: Callable[[S], Coroutine[Any, Any, None]],
    called: str,
    stuck: Gauge,
) -> None:
    """Has each source watched for as long as it is declared as it is; for ever, until it is cancelled.

    One that has changed begins again once what was under way for it has ended; no other waits for that.
    """
    tasks: dict[str, tuple[S, asyncio.Task[None]]] = {}
    ending: set[str] = set()
    try:
        while True:
            now = declared()
            for name, (source, task) in list(tasks.items()):
                if task.done():
                    del tasks[name]
                    ending.discard(name)
                    with suppress(KeyError):  # it says nothing before its first look
                        stuck.remove(name)
                elif now.get(name) != source and name not in ending:
                    ending.add(name)
                    task.cancel()
            for name, source in now.items():
                if name not in tasks:
                    tasks[name] = source, asyncio.create_task(watch(source), name=f"{called} {name}")
            await asyncio.sleep(LOOK_S)
    finally:
        await ended(*(task for _, task in tasks.values()))


def named(document: Part | None) -> Iterator[tuple[str, Part]]:
    """The entries of a file that declares sources, by their names; faults with their place."""
    for name, part in document.members().items() if document else ():
        if not _NAME.fullmatch(name):
            part.fault(f"{name[:70]!r} is no name of a source", "use small letters, digits and hyphens")
        yield name, part


def pointer(part: Part) -> str:
    """A place in what comes, as a JSON Pointer."""
    text = part.text()
    if not text.startswith("/"):
        part.fault("no JSON Pointer", "begin with /")
    return text


@dataclass(slots=True)
class Looks:
    """What becomes of the looks at one source: what stands in the way is told once, and not at every look."""

    source: str
    stuck: Gauge
    what: str  # that does not happen then
    told: str = ""

    def came_to(self, why: str = "") -> None:
        """The end of a look: well, or what stands in the way."""
        self.stuck.labels(self.source).set(bool(why))
        if why and why != self.told:
            log.error(self.what, source=self.source, reason=why)
        self.told = why

    def bug(self, error: Exception) -> str:
        """Why a look failed that nobody has foreseen: told as such, and not left to end the looks in silence."""
        why = f"a bug of ours, {type(error).__name__}"
        if why != self.told:
            log.error(self.what, source=self.source, exc_info=error)
        return why
