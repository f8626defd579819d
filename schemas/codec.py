"""Messages to framed Avro bytes and back: the one door to the wire, and the hottest code of this package.

An id in the frame names the schema that the writer used, so several message types share a topic, and records of other
versions are read as today's. Ids come from the committed map (`Codec.offline`) or from a registry
(`Codec.with_registry`); with a registry the committed ids stay readable, so topics written before it was added are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from fastavro import schemaless_reader, schemaless_writer
from fastavro.schema import SchemaParseException
from fastavro.validation import validate

from schemas import typed
from schemas.avroweight import harm
from schemas.catalogue import Schema, current, parse, shape, text
from schemas.compiled import Decoder, Encoder, Part, decoder, encoder, part_decoder
from schemas.payload import unwrapped, wrapped
from schemas.released import SchemaIds, fixed_ids, in_order_of_time, released_writers
from schemas.samples import sample
from schemas.wire import HEADER_BYTES, UndecodableRecord, frame_prefix, schema_id_of

if TYPE_CHECKING:
    from schemas.registry import RegistryAccess

__all__ = ["Codec", "UndecodableRecord", "UnencodableMessageError", "UnknownSchemaId"]

ASK_S = 10.0


class UnknownSchemaId(Exception):  # a state of affairs, not a fault: `learn` resolves it
    """The id is not known yet: `await codec.learn(id)`, then decode again."""

    def __init__(self, schema_id: int) -> None:
        super().__init__(f"schema id {schema_id} is not known yet")
        self.schema_id = schema_id


class UnencodableMessageError(Exception):
    """A message of ours does not follow its schema: a bug of the caller. Names the field, never its value."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}; compare the message with schemas/avro/{name}.avsc")


class _Writer(NamedTuple):
    prefix: bytes
    schema: Schema
    defaults: Mapping[str, Any]
    fast: Encoder | None


class _Reader(NamedTuple):
    name: str
    writer: Schema
    reader: Schema | None  # None where the writer's schema is today's, which is read twice as fast
    fast: Decoder | None
    harm: str | None = None  # why nothing is read by it: the library would end the process


class Codec:
    """Encodes and decodes messages by full record name. One per process; not safe across threads while it learns."""

    def __init__(self, ids: SchemaIds, registry: RegistryAccess | None = None) -> None:
        self.ask: Callable[[], Awaitable[None]] | None = None  # has those known by whom definitions are followed
        self._registry = registry
        self._writers = {name: _writer(id_, current().get(name, ids.writers[id_])) for name, id_ in ids.current.items()}
        # By the whole frame, which saves taking it apart for every record.
        self._readers = {frame_prefix(id_): _reader(schema) for id_, schema in ids.writers.items()}

    @classmethod
    def offline(cls) -> Self:
        """Uses the committed ids; a schema that has changed since its newest release has that of a draft."""
        return cls(fixed_ids())

    @classmethod
    async def with_registry(cls, access: RegistryAccess | str) -> Self:
        """Registers all schemas that are released or drafts (idempotent), and writes with the ids of the newest.

        Raises RegistryUnreachableError where it does not answer in time, RegistryRefusedError where it refuses a
        schema.
        """
        from schemas.registry import Registry, RegistryAccess  # loads an HTTP client, which most do without

        access = RegistryAccess(access) if isinstance(access, str) else access
        async with Registry(access) as registry:
            schemas = in_order_of_time()
            given = await registry.register_all((name, text(schema)) for name, schema in schemas)
        writers = released_writers() | {id_: schema for id_, (_, schema) in zip(given, schemas, strict=True)}
        newest = {name: id_ for id_, (name, _) in zip(given, schemas, strict=True) if name in current()}
        return cls(SchemaIds(writers, newest), access)

    def encode(self, name: str, data: Mapping[str, Any]) -> bytes:
        """The framed value of message `name`.

        Fields with a default may be missing; a missing, unknown or wrongly typed one raises UnencodableMessageError.
        """
        writer = self._writers[name]
        if len(data) != len(writer.schema["fields"]):
            data = {**writer.defaults, **data}
        if writer.fast is not None:
            try:
                return writer.fast(data)
            except Exception:  # noqa: BLE001  # the fast lane raises anything; the slow one says what is wrong
                pass
        return _encode_slowly(name, writer, data)

    def decode(self, raw: bytes) -> tuple[str, dict[str, Any]]:
        """Full record name and data of a framed value, as today's schema has it.

        A record that is not in today's catalogue is given as its writer declared it. Raises UnknownSchemaId where the
        id has to be learnt first, UndecodableRecord where the value cannot be read.
        """
        known = self._readers.get(raw[:HEADER_BYTES])
        if known is None:
            raise UnknownSchemaId(schema_id_of(raw))
        if known.fast is not None:
            try:
                return known.name, known.fast(raw)
            except Exception:  # noqa: BLE001  # the fast lane raises anything; the slow one says what is wrong
                pass
        return known.name, _decode_slowly(known, raw)

    def sparing(self, needed: Mapping[str, Collection[str]]) -> Callable[[bytes], tuple[str, dict[str, Any]]]:
        """`decode` for who needs only some fields of some messages, by full record name: it looks into no others.

        The others are read once they are asked for by `data[field]`, and nowhere else; asking may then raise what
        `decode` does. Where there is no fast way, all fields are read at once.
        """
        fast = {name: part_decoder(current()[name], fields) for name, fields in needed.items()}
        ask = {name: self._asker(name) for name in needed}

        def decode(raw: bytes) -> tuple[str, dict[str, Any]]:
            known = self._readers.get(raw[:HEADER_BYTES])
            read = fast.get(known.name) if known is not None and known.fast is not None else None
            if known is None or read is None:
                return self.decode(raw)
            try:
                part: Part = read(raw)  # type: ignore[assignment]  # what a decoder of parts gives
            except Exception:  # noqa: BLE001  # as in `decode`
                return self.decode(raw)
            part.raw, part.read = raw, ask[known.name]
            return known.name, part

        return decode

    def _asker(self, name: str) -> Callable[[bytes, str], Any]:
        """Reads one field of a message of this kind."""
        single = cache(lambda field: part_decoder(current()[name], (field,)))

        def ask(raw: bytes, field: str) -> Any:
            read = single(field)
            try:
                if read is not None:
                    return read(raw)[field]
            except Exception:  # noqa: BLE001  # as in `decode`
                pass
            return self.decode(raw)[1][field]

        return ask

    async def decode_learning(self, raw: bytes) -> tuple[str, dict[str, Any]]:
        """As `decode`, where waiting is allowed: an id that is not known yet is looked up (`learn`)."""
        try:
            return self.decode(raw)
        except UnknownSchemaId as unknown:
            await self.learn(unknown.schema_id)
            return self.decode(raw)

    def adopt(self, schema_id: int, schema: Schema) -> None:
        """Writes messages of its name by that schema from now on, and reads what is written so: of types that are not
        in the catalogue."""
        self.know(schema_id, schema)
        self._writers[str(schema["name"])] = _writer(schema_id, schema)

    def know(self, schema_id: int, schema: Schema) -> None:
        """Remembers the schema behind an id."""
        self._readers.setdefault(frame_prefix(schema_id), _reader(schema))

    def writer_of(self, raw: bytes) -> Schema:
        """The schema with which a value was written that has been decoded."""
        return self._readers[raw[:HEADER_BYTES]].writer

    async def text_of(self, schema_id: int) -> str:
        """The text of the schema behind an id. Raises what `learn` does."""
        if frame_prefix(schema_id) not in self._readers:
            await self.learn(schema_id)
        return text(self._readers[frame_prefix(schema_id)].writer)

    async def register(self, schema: Schema) -> int:
        """The id of a schema that is not in the catalogue: the registry's, or without one its own.

        Raises RegistryError.
        """
        if self._registry is None:
            return typed.own_id(schema)
        from schemas.registry import Registry

        async with Registry(self._registry) as registry:
            return await registry.register(str(schema["name"]), text(schema))

    async def learn(self, schema_id: int) -> None:
        """Asks the registry for the schema behind an id and remembers it; without one, who knows of typed outcomes.

        Raises UndecodableRecord where the id stands for nothing readable. RegistryUnreachableError and
        RegistryRefusedError say nothing about the record: it must be kept and tried again.
        """
        if self.ask is not None and schema_id >= typed.FIRST_ID:
            with suppress(TimeoutError):
                async with asyncio.timeout(ASK_S):
                    await self.ask()
            if frame_prefix(schema_id) in self._readers:
                return
        if self._registry is None:
            raise UndecodableRecord(f"schema id {schema_id} is not in schemas/ids.json, and no registry is set")
        from schemas.registry import Registry, RegistryRefusedError

        try:
            async with Registry(self._registry) as registry:
                schema = parse(await registry.by_id(schema_id))
        except RegistryRefusedError as error:
            if error.status != 404:
                raise
            raise UndecodableRecord(f"schema id {schema_id} is not in the registry") from None
        except (ValueError, SchemaParseException):
            raise UndecodableRecord(f"schema id {schema_id} of the registry is no Avro record") from None
        self._readers[frame_prefix(schema_id)] = _reader(schema)


def _writer(schema_id: int, schema: Schema) -> _Writer:
    prefix = frame_prefix(schema_id)
    defaults = {field["name"]: field["default"] for field in schema["fields"] if "default" in field}
    return _Writer(prefix, schema, defaults, encoder(schema, prefix))


def _reader(writer: Schema) -> _Reader:
    name = str(writer["name"])
    today = current().get(name)
    if today is None:
        return _Reader(name, writer, None, None, harm(writer))
    if shape(today) == shape(writer):
        return _Reader(name, today, None, _fast_decoder(name))
    return _Reader(name, writer, today, None, harm(writer))


@cache
def _fast_decoder(name: str) -> Decoder | None:
    return decoder(current()[name])


def _encode_slowly(name: str, writer: _Writer, data: Mapping[str, Any]) -> bytes:
    body = _body(writer.schema, data)
    if body is None:
        raise UnencodableMessageError(name, _fault(writer.schema, data))
    return writer.prefix + body


def _body(schema: Schema, data: Mapping[str, Any]) -> bytes | None:
    """The Avro body of a message; None where it does not follow `schema`."""
    out = BytesIO()
    plain = unwrapped(data)
    try:
        schemaless_writer(out, schema, plain, strict_allow_default=True)
        if wrapped(schema, plain) != data:  # bare bytes in the place of a payload: nobody knows which door they passed
            return None
    except (TypeError, ValueError, OverflowError, AttributeError, KeyError):
        return None
    # fastavro writes 1.5 as the int 1; its validation tells.
    return out.getvalue() if validate(plain, schema, raise_errors=False) else None


def _fault(schema: Schema, data: Mapping[str, Any]) -> str:
    """What is wrong with a message, by field. Said in own words, as fastavro's quote the value."""
    fields = {field["name"]: "default" in field for field in schema["fields"]}
    if unknown := data.keys() - fields.keys():
        return f"has no field {', '.join(sorted(unknown))}"
    if missing := [name for name, optional in fields.items() if not optional and name not in data]:
        return f"field {', '.join(missing)} is missing"
    example = sample(schema)
    wrong = [name for name, value in data.items() if _body(schema, {**example, name: value}) is None]
    return ", ".join(f"field {name} does not take this {type(data[name]).__name__}" for name in wrong)


def _decode_slowly(known: _Reader, raw: bytes) -> dict[str, Any]:
    if known.harm is not None:
        raise UndecodableRecord(f"the schema of {known.name} {known.harm}")
    body = BytesIO(raw)
    body.seek(HEADER_BYTES)
    try:
        data = schemaless_reader(body, known.writer, known.reader)
    except Exception as error:  # noqa: BLE001  # bytes from outside can make the reader fail in any way
        raise UndecodableRecord(f"value does not follow {known.name} ({type(error).__name__})") from None
    if body.tell() != len(raw):
        raise UndecodableRecord(f"value goes on behind the end of its {known.name}")
    schema = known.reader or known.writer
    if known.name in current() and not validate(data, schema, raise_errors=False):  # fastavro reads 64 bits as an int
        raise UndecodableRecord(f"value does not follow {known.name} (a number is out of its range)")
    return wrapped(schema, data)  # type: ignore[arg-type]  # a record, so the data is a dict
