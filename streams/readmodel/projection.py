"""From a message to a row: what the owner of a table declares, and nothing else is needed to add one.

A column takes the field of its own name; one that has no such field says by what function it is `made`. The column
`message` takes the framed Avro value as it stood on the topic, so that what nobody filters by needs no column. A column
of type `DOCUMENT` is JSON that SQL can look into. Times are Unix time in milliseconds. Lean on purpose: every index is
paid for by each of thousands of rows a second.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import MetaData, String, Table, Text
from sqlalchemy.dialects import postgresql

from schemas.payload import Payload
from streams.runtime.declaration import Declaration, loaded

METADATA: Final = MetaData()
"""What the tables of all owners are made with: no two of them may have the same name."""

MESSAGE: Final = "message"
"""Name of the column that takes the framed value."""

DOCUMENT: Final = Text().with_variant(postgresql.JSON(), "postgresql")
"""Type of a column of JSON: its text, which PostgreSQL holds to be JSON. Takes payloads, lists and objects."""

_ZEROES: Final = re.compile(rb"(\\\\)|\\u0000")  # a backslash that stands for itself begins no zero character
_MADE = "made"
_OF = "of"
_CAUSE = "cause"

Fields = Mapping[str, Any]  # of a decoded message
Columns = dict[str, Any]  # of one row, as it is written
Read = Callable[[bytes], tuple[str, Fields] | None]  # None: it cannot be read


class Received(NamedTuple):
    """A decoded message and the framed value that it was decoded from. `read` decodes a message that is within it."""

    name: str
    data: Fields
    value: bytes
    read: Read | None = None


def made(by: Callable[[Fields], Any], *, of: Collection[str]) -> dict[str, Any]:
    """The `info` of a column that no field of the message has the name of; `by` is pure.

    `of` are the fields that it always looks at. It may ask for others by `fields[name]`, at the price of all.
    """
    return {_MADE: by, _OF: of}


def made_of_cause(by: Callable[[str, Fields], Any], *, of: Collection[str]) -> dict[str, Any]:
    """As `made`, of the message that a history entry holds as its cause: `by` is given its full record name, too.

    Null where the cause cannot be read, and of all but the first entry.
    """
    return {_CAUSE: by, _OF: of}


@dataclass(frozen=True, kw_only=True)
class Projection:
    """One table, and how the messages of one kind become its rows.

    The same message may come again, and an older one behind a newer. Without `newest_by` the first row of a key stays
    as it is. With it, the row that is greater in these columns wins, and of two that are equal the later; what is
    `fixed` stays as it was first seen.
    """

    message: str  # full record name
    table: Table
    when: Callable[[Fields], bool] | None = None  # which messages become rows, by the fields in `seen_by`; None: all
    seen_by: tuple[str, ...] = ()
    edition: int = 1  # raised where a column that is there is made in another way: all rows are made again
    newest_by: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        return tuple(column.name for column in self.table.primary_key)

    @property
    def fields(self) -> set[str]:
        """The fields of the message that every row needs."""
        columns = [each for each in self.table.columns if each.name != MESSAGE]
        plain = {each.name for each in columns if not each.info}
        return plain.union(self.seen_by, *(each.info.get(_OF, ()) for each in columns))

    def reader(self, only: Collection[str] | None = None) -> Callable[[Received], Columns]:
        """The function from a message to its row, or to some of its columns. Asked for once, as it is the hot path."""
        columns = [each for each in self.table.columns if only is None or each.name in only]
        functions = [(each.name, each.info[_MADE]) for each in columns if _MADE in each.info]
        causes = [(each.name, each.info[_CAUSE]) for each in columns if _CAUSE in each.info]
        fields = [each for each in columns if each.name != MESSAGE and not each.info]
        names = [each.name for each in fields]
        documents = [each.name for each in fields if each.type is DOCUMENT]
        texts = [each.name for each in fields if isinstance(each.type, String) and each.type is not DOCUMENT]
        framed = any(each.name == MESSAGE for each in columns)

        def read(message: Received) -> Columns:
            data = message.data
            row = {name: data[name] for name in names}
            for name in texts:
                if (text := row[name]) is not None and "\0" in text:
                    row[name] = storable(text)
            for name in documents:
                row[name] = document(row[name])
            for name, function in functions:
                row[name] = function(data)
            for name, function in causes:
                cause = message.read(data["cause"]) if message.read is not None else None
                row[name] = None if cause is None else function(*cause)
            if framed:
                row[MESSAGE] = message.value
            return row

        return read


def document(value: Any) -> str | None:
    """The JSON text of a payload, a list or an object, as `DOCUMENT` takes it; None where it is no JSON of ours.

    Without zero characters: PostgreSQL takes them, and then ends every query that comes upon the row.
    """
    if value is None:
        return None
    raw = value.raw if isinstance(value, Payload) else orjson.dumps(value)
    try:
        if isinstance(value, Payload):
            orjson.loads(raw)  # PostgreSQL would refuse the row
        return (_ZEROES.sub(_kept, raw) if b"\\u0000" in raw else raw).decode()
    except ValueError:
        return None


def _kept(found: re.Match[bytes]) -> bytes:
    return found[1] or b""


def storable(value: Any) -> Any:
    """A value as every database keeps it: PostgreSQL's text has no zero character, which JSON's has."""
    return value.replace("\0", "") if isinstance(value, str) else value


def projections(declarations: Iterable[Declaration]) -> tuple[Projection, ...]:
    """Those that the processors declare, loaded."""
    return tuple(each for declared in declarations if declared.rows for each in loaded(declared.rows))


def fields_of(found: Iterable[Projection]) -> dict[str, set[str]]:
    """The fields that rows need, by message."""
    fields: dict[str, set[str]] = {}
    for each in found:
        fields.setdefault(each.message, set()).update(each.fields)
    return fields
