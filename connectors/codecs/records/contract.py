"""What every format of records promises: values one by one, each with its place, whatever else the bytes hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple, Protocol

from connectors.codecs.scalars import CodecError
from schemas.payload import Json

MAX_RECORD_BYTES = 900 * 1024  # what an event may hold
KEPT_BYTES = 2_000  # of a record that cannot be read, for people


class Position(NamedTuple):
    """Where the next record begins: how many were before it, the bytes before it, and its line."""

    number: int = 0
    offset: int = 0
    line: int = 1


START = Position()


class Record(NamedTuple):
    """One record of a file, or what stands in the place of one and cannot be read: then `fault` says why."""

    value: Json
    at: Position  # where it begins
    next: Position  # where to go on
    fault: str = ""  # names a place, and quotes nothing
    raw: bytes = b""  # of a faulty one, its beginning
    fatal: bool = False  # nothing can be read behind it


class FormatError(ValueError):
    """A format that is not described as it has to be; `place` is the member."""

    def __init__(self, place: str, what: str, remedy: str) -> None:
        super().__init__(f"{place}: {what}. Remedy: {remedy}.")
        self.place = place
        self.what = what
        self.remedy = remedy


class Format(Protocol):
    """A way to write records as bytes."""

    def read(self, source: BinaryIO, start: Position = START) -> Iterator[Record]:
        """The records from `start` on, which must be a position of an earlier reading of the same bytes.

        Memory is bounded by one record, whatever the bytes are. Faults are records, too: nothing is raised for them.
        `source` can be sought.
        """
        ...

    def write(self, values: Iterable[Json], sink: BinaryIO) -> int:
        """Writes the values as records, as they come; gives their number. Raises CodecError that names the record."""
        ...


def broken(at: Position, following: Position, fault: str, raw: bytes = b"", *, fatal: bool = False) -> Record:
    """What cannot be read."""
    return Record(None, at, following, fault, raw[:KEPT_BYTES], fatal)


def written(number: int, error: CodecError) -> CodecError:
    """The error of a value, with its place."""
    return CodecError(f"record {number}: {error}")
