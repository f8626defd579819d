"""Avro container files: fastavro reads the values, and blocks are found here, so that none unfolds without end."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import fastavro
import orjson

from connectors.codecs.records.contract import START, FormatError, Position, Record, broken, written
from connectors.codecs.records.layout import only
from connectors.codecs.scalars import CodecError
from schemas.avroweight import harm
from schemas.cloudevents import InvalidEventError
from schemas.jsondata import to_avro, to_json

MAGIC = b"Obj\x01"
MAX_BLOCK_BYTES = 16 * 1024 * 1024  # unfolded
MAX_HEADER_BYTES = 1024 * 1024
_SYNC = 16


@dataclass(frozen=True, slots=True)
class AvroRecords:
    """Records of the schema of the file; `schema` is that of what is written."""

    schema: Any = None

    def read(self, source: BinaryIO, start: Position = START) -> Iterator[Record]:
        """As `Format.read`; a block is read again from its beginning. Nothing can be read behind what is broken."""
        number, at = 0, START
        try:
            schema, unfold, sync = _head(source)
            if start.offset:  # the beginning of a block, and how many records of it are behind us stands in `line`
                source.seek(start.offset)
                number = start.number - (start.line - 1)
            while block := _block(source, sync):
                offset, count, folded = block
                data = io.BytesIO(unfold(folded))
                for index in range(count):
                    at = Position(number, offset, index + 1)
                    value = to_json(fastavro.schemaless_reader(data, schema, None))
                    orjson.dumps(value)
                    number += 1
                    if number > start.number:
                        yield Record(value, at, Position(number, offset, index + 2))
                if data.read(1):
                    raise CodecError("a block has more bytes than records")
        except CodecError as error:
            yield broken(at, at, f"record {number + 1}: {error}", fatal=True)
        except Exception as error:  # noqa: BLE001  # the library raises whatever bytes make it stumble over
            yield broken(at, at, f"record {number + 1}: no Avro of its schema ({type(error).__name__})", fatal=True)

    def write(self, values: Iterable[Any], sink: BinaryIO) -> int:
        """As `Format.write`."""
        if self.schema is None:
            raise CodecError("no schema to write by: add `schema:` to the format")
        return _written(self.schema, values, sink)


def _written(schema: Any, values: Iterable[Any], sink: BinaryIO) -> int:
    count = 0

    def taken() -> Iterator[dict[str, Any]]:
        nonlocal count
        for value in values:
            try:
                yield to_avro(schema, value, "record")
            except InvalidEventError as error:
                raise written(count + 1, CodecError(str(error))) from None
            count += 1

    fastavro.writer(sink, schema, taken(), codec="deflate")
    return count


def _head(source: BinaryIO) -> tuple[Any, Any, bytes]:
    """The schema, what unfolds a block, and the sync marker."""
    source.seek(0)
    head = io.BytesIO(source.read(MAX_HEADER_BYTES))
    if head.read(4) != MAGIC:
        raise CodecError("this is no Avro container file")
    meta: Any = fastavro.schemaless_reader(head, {"type": "map", "values": "bytes"}, None)
    sync = head.read(_SYNC)
    if len(sync) < _SYNC:
        raise CodecError("the file ends in its header")
    codec = meta.get("avro.codec", b"null")
    if codec not in _UNFOLD:
        raise CodecError("its blocks are packed in a way that is not known here: write it with null or deflate")
    source.seek(head.tell())
    schema = fastavro.parse_schema(orjson.loads(meta["avro.schema"]))
    if (why := harm(schema)) is not None:
        raise CodecError(f"its schema {why}")
    return schema, _UNFOLD[codec], sync


def _block(source: BinaryIO, sync: bytes) -> tuple[int, int, bytes] | None:
    offset = source.tell()
    if not source.read(1):
        return None
    source.seek(offset)
    count, size = _long(source), _long(source)
    if not 0 <= size <= MAX_BLOCK_BYTES:
        raise CodecError(f"a block at byte {offset} is larger than {MAX_BLOCK_BYTES} bytes")
    data = source.read(size)
    if len(data) < size or source.read(_SYNC) != sync:
        raise CodecError(f"the block at byte {offset} does not end as it has to")
    if not 0 <= count <= MAX_BLOCK_BYTES:
        raise CodecError(f"the block at byte {offset} tells of more records than it can hold")
    return offset, count, data


def _long(source: BinaryIO) -> int:
    found = shift = 0
    for _ in range(10):
        (byte,) = source.read(1) or b"\x80"
        found |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (found >> 1) ^ -(found & 1)
    raise CodecError("a block does not begin as it has to")


def _inflated(data: bytes) -> bytes:
    unfolding = zlib.decompressobj(-15)
    try:
        found = unfolding.decompress(data, MAX_BLOCK_BYTES)
    except zlib.error:
        raise CodecError("a block cannot be unpacked") from None
    if unfolding.unconsumed_tail:
        raise CodecError(f"a block unfolds to more than {MAX_BLOCK_BYTES} bytes")
    return found


def _as_it_is(data: bytes) -> bytes:
    return data


_UNFOLD = {b"null": _as_it_is, b"deflate": _inflated}


def avro_records(spec: Mapping[str, Any], place: str) -> AvroRecords:
    """What a description means; raises FormatError."""
    only(spec, place, ("type", "schema"))
    if "schema" not in spec:
        return AvroRecords()
    try:
        schema = fastavro.parse_schema(spec["schema"])
    except Exception as error:  # noqa: BLE001  # whatever the library makes of a text that is no schema
        raise FormatError(f"{place}.schema", f"no schema of Avro ({type(error).__name__})", "correct it") from None
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise FormatError(f"{place}.schema", "no record", "write a schema of a record")
    return AvroRecords(schema)
