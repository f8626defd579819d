"""Released schemas and their fixed ids: a registry that is committed, for running without one.

`ids.json` maps an id to the release that brought the schema. Its ids start so high that no registry, which counts
from 1, comes near: topics written without a registry stay readable after one is added. An id is never used for
anything else.

A schema that has changed since is a *draft*: it can be tried, under an id that its shape gives it, so that records of
one draft are never read as those of another. Records of a draft that was changed again cannot be read any more, so a
release has no drafts: `python -m schemas.freeze VERSION` makes releases of them, and `make check` names them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path

from schemas.catalogue import Schema, current, parse, shape

FROZEN_DIR = Path(__file__).parent / "frozen"
IDS_FILE = Path(__file__).parent / "ids.json"
FIRST_ID = 1_000_000_001
FIRST_DRAFT_ID = 2_000_000_000  # far above what will ever be released, and an id is a signed number for others
DRAFT_IDS = 100_000_000


@dataclass(slots=True)
class SchemaIds:
    """Which schema stands behind an id, and which id is written for a message.

    `writers` may grow while the process runs, as ids of other writers are learnt; `current` stays.
    """

    writers: dict[int, Schema] = field(default_factory=dict)
    current: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Release:
    """One released version of one message: its fixed id, full record name and schema release."""

    id: int
    name: str
    version: str

    @property
    def path(self) -> Path:
        """File of the frozen schema."""
        return FROZEN_DIR / self.version / f"{self.name}.avsc"

    @property
    def golden(self) -> Path:
        """File of the golden bytes: `samples.sample` of the schema, framed, in hex."""
        return FROZEN_DIR / self.version / f"{self.name}.hex"

    def schema(self) -> Schema:
        """The frozen schema, parsed."""
        return parse(self.path.read_text())


@cache
def releases() -> tuple[Release, ...]:
    """Every release of every message in the order of its id, which is the order of time."""
    entries: Mapping[str, Mapping[str, str]] = json.loads(IDS_FILE.read_text()) if IDS_FILE.exists() else {}
    return tuple(sorted((Release(int(key), **entry) for key, entry in entries.items()), key=lambda release: release.id))


def newest() -> dict[str, Release]:
    """The newest release of each message by full record name."""
    return {release.name: release for release in releases()}


def in_order_of_time() -> list[tuple[str, Schema]]:
    """Every release by full record name in the order of time, and behind them what is a draft.

    A later version only adds to the end, and what a release wrote stays known, whatever was changed in its message
    since then.
    """
    return [*((each.name, each.schema()) for each in releases()), *((name, current()[name]) for name in unfrozen())]


def unfrozen() -> list[str]:
    """Messages of today whose shape is not that of their newest release."""
    last = newest()
    return [
        name for name, schema in current().items() if name not in last or shape(schema) != shape(last[name].schema())
    ]


def released_writers() -> dict[int, Schema]:
    """The schema behind each fixed id."""
    return {release.id: release.schema() for release in releases()}


def drafts() -> dict[str, int]:
    """The id of each message of today that is not released, by full record name."""
    return {name: _draft_id(current()[name]) for name in unfrozen()}


def fixed_ids() -> SchemaIds:
    """The committed id map, and the ids of what is a draft."""
    tried = drafts()
    ids = {name: release.id for name, release in newest().items() if name in current()}
    return SchemaIds(released_writers() | {id_: current()[name] for name, id_ in tried.items()}, ids | tried)


def _draft_id(schema: Schema) -> int:
    digest = sha256(json.dumps(shape(schema), sort_keys=True).encode()).digest()
    return FIRST_DRAFT_ID + int.from_bytes(digest[:8], "big") % DRAFT_IDS
