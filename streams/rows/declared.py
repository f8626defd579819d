"""`rows.yaml` of the site folder: which rows of which databases become events.

shop-orders:
  connection: shop                       # of connections.yaml
  statement: SELECT id, customer, total FROM orders WHERE id > :id ORDER BY id LIMIT :limit
  cursor: id                             # columns that grow; the statement asks for what is behind :id
  start: 0                               # the first time
  type: com.example.order.v1             # an event for each row
  subject: /customer                     # JSON Pointer into it
shop-outbox:
  connection: shop
  statement: SELECT id, type, payload FROM outbox ORDER BY id LIMIT :limit
  key: id                                # columns that name a row for ever
  done: DELETE FROM outbox WHERE id IN (:keys)    # once their events are published
  mapping: outbox                        # of mappings/, if rows are to be made into something else
  type: com.example.outbox.v1
  broken: com.example.outbox-broken.v1   # an event for each row that cannot be one; without it the source stands still
  batch: 100
  every: 5s
  listen: outbox                         # on PostgreSQL: a look at every NOTIFY of this channel, too
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors.sql.lexer import SQLITE, Kind, tokens
from schemas.payload import Json
from streams.ground.sources import named, pointer
from streams.processors.call.policies import duration_ms

if TYPE_CHECKING:
    from streams.ground.site_yaml import Part

FILE = "rows.yaml"
MEMBERS = (
    "connection", "statement", "cursor", "start", "key", "done", "mapping", "type", "subject", "broken", "batch",
    "every", "listen",
)  # fmt: skip
MOST_AT_ONCE = 1_000  # what a query gives at most
USUAL_AT_ONCE = 100
LEAST_EVERY_S = 0.1
LIMIT, KEYS = "limit", "keys"
_COLUMN = re.compile(r"[^\W\d]\w{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A statement whose rows become events: those behind a cursor, or those that are there until they are `done`."""

    name: str
    connection: str
    statement: str
    cursor: tuple[str, ...]
    start: Mapping[str, Json] = field(hash=False)
    key: tuple[str, ...]
    done: str | None
    mapping: str | None
    type: str
    subject: str | None
    broken: str | None
    batch: int
    every_s: float
    listen: str | None = None

    @property
    def source(self) -> str:
        """The source of its events."""
        return f"/rows/{self.name}"


def read_rows(document: Part | None) -> Mapping[str, Source]:
    """What `rows.yaml` says; faults with their place."""
    found: dict[str, Source] = {}
    for name, part in named(document):
        found[name] = _source(name, part)
    return found


def _source(name: str, part: Part) -> Source:
    members = part.only(*MEMBERS)
    for wanted, example in (
        ("connection", "shop"),
        ("statement", "SELECT id FROM orders WHERE id > :id ORDER BY id LIMIT :limit"),
        ("type", "com.example.order.v1"),
    ):
        if wanted not in members:
            part.fault(f"no {wanted}", f"add `{wanted}: {example}`")
    if ("cursor" in members) == ("done" in members):
        part.fault("no cursor and no done, or both", "add `cursor: id`, or `key: id` and `done: DELETE ...`")
    cursor = _columns(members["cursor"]) if "cursor" in members else ()
    if "done" in members and "key" not in members:
        part.fault("no key", "add `key: id`, the column that names a row")
    done = members["done"].text() if "done" in members else None
    if done is not None and _parameters(done) != {KEYS}:
        members["done"].fault("has other parameters than :keys", "write DELETE FROM outbox WHERE id IN (:keys)")
    key = _columns(members["key"]) if "key" in members else cursor
    if done is not None and len(key) > 1:
        members["key"].fault("several columns", "name the one that `done` asks for")
    statement = members["statement"].text()
    wanted_names = {*cursor, LIMIT}
    if _parameters(statement) != wanted_names:
        said = ", ".join(f":{each}" for each in sorted(wanted_names))
        members["statement"].fault(f"has other parameters than {said}", "name each of them, and nothing else")
    subject = pointer(members["subject"]) if "subject" in members else None
    texts = {each: members[each].text() if each in members else None for each in ("mapping", "broken")}
    return Source(
        name=name,
        connection=members["connection"].text(),
        statement=statement,
        cursor=cursor,
        start=_start(part, members, cursor),
        key=key,
        done=done,
        type=members["type"].text(),
        subject=subject,
        listen=_channel(members["listen"]) if "listen" in members else None,
        batch=members["batch"].whole(1, MOST_AT_ONCE, "rows") if "batch" in members else USUAL_AT_ONCE,
        every_s=max(duration_ms(members["every"]) / 1_000 if "every" in members else 5.0, LEAST_EVERY_S),
        **texts,
    )


def _columns(part: Part) -> tuple[str, ...]:
    parts = part.items() if part.is_list else [part]
    for each in parts:
        if not _COLUMN.fullmatch(each.scalar()) or each.scalar() in (LIMIT, KEYS):
            each.fault("no name of a column", "write it as the statement gives it: cursor: id")
    return tuple(dict.fromkeys(each.scalar() for each in parts))


def _start(part: Part, members: Mapping[str, Part], cursor: tuple[str, ...]) -> Mapping[str, Json]:
    if not cursor:
        return {}
    if "start" not in members:
        part.fault("no start", "add where the first look begins: `start: 0`")
    said = members["start"]
    parts = said.only(*cursor) if said.is_mapping else dict.fromkeys(cursor[:1], said)
    if len(parts) < len(cursor):
        wanted = ", ".join(f"{each}: ..." for each in cursor)
        said.fault("not a value for each column of the cursor", f"write {{{wanted}}}")
    values = {name: each.plain() for name, each in parts.items()}
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            parts[name].fault("neither a number nor a text", "write a value that is smaller than that of the first row")
    return values


def _channel(part: Part) -> str:
    name = part.text()
    if not _COLUMN.fullmatch(name):
        part.fault("no name of a channel", "write it with letters, digits and _, as NOTIFY has it: outbox")
    return name


def _parameters(statement: str) -> set[str]:
    return {each.text for each in tokens(statement, SQLITE) if each.kind is Kind.PARAMETER}
