"""Which version of a model decides, and how: a compacted topic that everybody follows, over what the folders say.

    exlify models activate ─▶ topic ─▶ feed ─▶ book ─▶ pins (orchestrate), models in memory (decide)

A change names the time from which it counts, a little ahead, and a record holds what was before as well. So which
version a command is pinned to follows from the time of its record alone, in whatever process it is made and however
often. Names that no record tells of are as `active.toml` says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from models.serving.errors import UnknownModelError
from models.serving.shelf import Pin, Rival, Shelf, State, with_rivals
from models.serving.signature import Trusted
from schemas.codec import Codec
from schemas.messages import MODEL_STATE
from streams.ground.publish import Outgoing, Publishing
from streams.ground.settings import Settings
from streams.ground.topic_feed import TopicFeed
from streams.processors import decide
from streams.processors.decide.places import folders, store, trusted

if TYPE_CHECKING:
    from models.serving.store import Store

AHEAD_MS = 2_000  # by when everybody knows of a change and has the model in memory
KEPT = 50  # changes of one name


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the history of a name."""

    from_ms: int
    version: str
    sha256: str
    state: State
    by: str
    why: str
    rival: str | None = None
    rival_sha256: str = ""
    share: int = 0
    audit: int = 0


class ModelBook(Shelf):
    """What is known of all names, by record and by file."""

    def __init__(self, places: Sequence[Path], trusted: Trusted | None = None, store: Store | None = None) -> None:
        super().__init__(places, trusted, store)
        self._changes: dict[str, tuple[Change, ...]] = {}

    async def start(self) -> None:
        """Returns once it knows what can be known: at once, unless it follows a topic or there is a store."""
        if self.store is not None:
            await asyncio.to_thread(self.look)

    async def close(self) -> None:
        """Follows no longer."""

    def learn(self, data: Mapping[str, Any]) -> None:
        """Takes note of a ModelState."""
        changes = msgspec.convert(data["changes"], tuple[Change, ...])
        self._changes = {**self._changes, data["name"]: tuple(sorted(changes, key=lambda each: each.from_ms))}

    def history(self, name: str) -> tuple[Change, ...]:
        """What became of a name by record, oldest first."""
        return self._changes.get(name, ())

    @property
    def active(self) -> Mapping[str, Pin]:
        """See `Shelf`; what counts from now on, or from soon on."""
        told = {name: _pin(name, changes[-1]) for name, changes in self._changes.items() if changes}
        return {**super().active, **told}

    def pin(self, name: str, at_ms: int | None = None) -> Pin | None:
        """See `Shelf`; what counted at a time (epoch) if that is given."""
        known = [each for each in self.history(name) if at_ms is None or each.from_ms <= at_ms]
        pin = _pin(name, known[-1]) if known else super().pin(name)
        if pin is not None and pin.state == "retired":
            raise UnknownModelError("It was retired. Activate a version of it, or ask another model.")
        return pin

    def wanted(self) -> list[Pin]:
        """See `Shelf`; also what is still asked for by commands that were made before a change."""
        recent = with_rivals(_pin(name, each) for name, all_ in self._changes.items() for each in all_[-2:])
        return [*super().wanted(), *recent]


class ModelFeed(ModelBook):
    """A book that follows the topic. One per process, shared by all that need it."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        super().__init__(folders(settings), trusted(settings), store(settings))
        self._feed = TopicFeed(settings, codec, decide.STATES, MODEL_STATE, self.learn)

    async def start(self) -> None:
        """Returns once everything that was changed so far is known.

        Raises UnavailableError if the topic cannot be read in time.
        """
        await super().start()
        await self._feed.start()

    async def close(self) -> None:
        """Stops following."""
        await self._feed.close()


async def change(
    publisher: Publishing, codec: Codec, book: ModelBook, pin: Pin, *, by: str, why: str, now_ms: int | None = None
) -> Change:
    """Publishes that a version is in a state from soon on, and gives the change; from then on everybody goes by it."""
    now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    made, value = changed(codec, book, pin, by=by, why=why, now_ms=now)
    await publisher.publish([Outgoing(decide.STATES, pin.name.encode(), value)])
    return made


def changed(codec: Codec, book: ModelBook, pin: Pin, *, by: str, why: str, now_ms: int) -> tuple[Change, bytes]:
    """The change, and the value of the record that tells of it."""
    before = book.history(pin.name) or _before(book, pin.name)
    start = max(now_ms + AHEAD_MS, before[-1].from_ms + 1 if before else 0)
    made = _change(pin, start, by, why)
    changes = [msgspec.to_builtins(each) for each in (*before, made)[-KEPT:]]
    return made, codec.encode(MODEL_STATE, {"name": pin.name, "changes": changes})


def _before(book: ModelBook, name: str) -> tuple[Change, ...]:
    """What the folders said of a name, so that commands made before its first change keep their model."""
    found = book.active.get(name)
    if found is None:
        return ()
    return (_change(found, 0, "", "as installed"),)


def _pin(name: str, entry: Change) -> Pin:
    rival = Rival(entry.rival, entry.rival_sha256, entry.share) if entry.rival else None
    return Pin(name, entry.version, entry.sha256, entry.state, rival, entry.audit)


def _change(pin: Pin, from_ms: int, by: str, why: str) -> Change:
    rival = pin.rival
    return Change(
        from_ms=from_ms,
        version=pin.version,
        sha256=pin.sha256,
        state=pin.state,
        by=by,
        why=why,
        rival=rival.version if rival else None,
        rival_sha256=rival.sha256 if rival else "",
        share=rival.share if rival else 0,
        audit=pin.audit,
    )
