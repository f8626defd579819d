"""Types of events that a business declares itself, at run time: an Avro record with the CloudEvents type in `ce_type`.

    add ─▶ topic of definitions ─▶ feed ─▶ the event types of every process: events are checked at the door, and read

A new schema of a type takes the place of the one before, and has to read what was written with it. What stands on the
topics is read with the schema it was written with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastavro.schema import SchemaParseException

from schemas.avroweight import burden, harm
from schemas.business import EventTypes
from schemas.catalogue import Schema, current, parse, shape, text
from schemas.cloudevents import FORBIDDEN
from schemas.codec import Codec
from schemas.messages import OWN_EVENT_TYPE
from schemas.typed import own_id
from streams.definitions import DEFINITIONS
from streams.definitions.compatibility import unreadable
from streams.ground.errors import UnavailableError, UsageError
from streams.ground.publish import Outgoing, Publishing

MAX_CHARACTERS = 64 * 1024
MAX_TYPE = 200
OURS = "exlify."
_NO_SIGN = re.compile(rf"\s|{FORBIDDEN.pattern}")
_NOT_THIS_ONE = (400, 409, 422)  # what a registry says of a schema, and not of itself
_EXAMPLE = '{"type": "record", "name": "shop.OrderPlaced", "ce_type": "com.example.order.placed.v1", "fields": [...]}'
ADDED, CHANGED, UNCHANGED = "added", "changed", "unchanged"
RESULTS = (ADDED, CHANGED, UNCHANGED)
FOLDER = "schemas"  # of the site folder, where `*.avsc` are types of its own


class IncompatibleError(UsageError):
    """A new schema could not read what was written before."""


def read_type(avsc: str) -> tuple[str, Schema]:
    """The CloudEvents type and the record of a declaration. Raises UsageError with what is wrong and what to write."""
    if len(avsc) > MAX_CHARACTERS:
        raise UsageError(f"a schema has at most {MAX_CHARACTERS:,} characters. Split the event.")
    try:
        schema = parse(avsc)
    except json.JSONDecodeError as error:
        raise UsageError(f"not JSON: {error.msg} (line {error.lineno}). Write {_EXAMPLE}.") from None
    except (ValueError, SchemaParseException, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"not an Avro record: {str(error)[:200] or type(error).__name__}. Write {_EXAMPLE}.") from None
    if (why := harm(schema) or burden(schema)) is not None:
        remedy = "Write it flatter, with lists in place of what it holds of itself, and give what repeats a value"
        raise UsageError(f"it {why}. {remedy}.")
    type_ = schema.get("ce_type")
    if not isinstance(type_, str) or not 0 < len(type_) <= MAX_TYPE or _NO_SIGN.search(type_):
        raise UsageError(f"`ce_type` names the type of the events, in up to {MAX_TYPE} characters. Write {_EXAMPLE}.")
    if "topic" in schema:
        raise UsageError("`topic`: events of types of your own travel with all others. Leave it out.")
    name = str(schema["name"])
    if name in current() or name.startswith(OURS):
        raise UsageError(f"{name}: records of {OURS[:-1]} are the product's. Give it a namespace of your own.")
    return type_, schema


async def add(
    publisher: Publishing, codec: Codec, types: EventTypes, avsc: str, *, by: str, at_ms: int
) -> dict[str, Any]:
    """Declares a type, or a new schema of it; gives what is told. Raises UsageError, and UnavailableError.

    The same again changes nothing.
    """
    type_, schema = read_type(avsc)
    before = types.own.get(type_)
    if type_ in types.declared and before is None:
        raise UsageError(f"{type_} is a type of the product. Give yours another `ce_type`.")
    owner = next((each.type for each in types.own.values() if each.record == schema["name"]), type_)
    if owner != type_:
        raise UsageError(f"{schema['name']} is the record of {owner}. Give it another name.")
    if before is not None:
        assert before.schema is not None
        if shape(before.schema) == shape(schema) and text(before.schema) == text(schema):
            return _told(before.type, before.schema, before.schema_id, UNCHANGED)
        why = unreadable(schema, before.schema)
        if why is not None:
            remedy = "Leave fields as they are and give new ones a default, or declare another type."
            raise IncompatibleError(f"{type_}: events written before could not be read any more: {why}. {remedy}")
    id_ = await _registered(codec, schema)
    told = {"type": type_, "schema": text(schema), "schema_id": id_, "actor": by, "at_ms": at_ms}
    value = codec.encode(OWN_EVENT_TYPE, told)
    key = f"event-type:{type_}:{id_}"  # each schema stays: events stand on the topics that were written with it
    await publisher.publish([Outgoing(DEFINITIONS, key.encode(), value)])
    learn(types, codec, told)
    return _told(type_, schema, id_, ADDED if before is None else CHANGED)


def learn(types: EventTypes, codec: Codec | None, data: Mapping[str, Any]) -> None:
    """Takes note of an OwnEventType: its events can be written and read from now on. Raises ValueError."""
    try:
        schema = parse(data["schema"])
    except SchemaParseException as error:
        raise ValueError(str(error)) from None
    types.add(data["type"], schema, data["schema_id"])
    if codec is not None:
        codec.adopt(data["schema_id"], schema)


def declared_in(site_dir: Path) -> list[Path]:
    """The files of a site folder that declare types."""
    return sorted((site_dir / FOLDER).glob("*.avsc"))


def learn_files(types: EventTypes, codec: Codec, site_dir: Path) -> None:
    """Takes note of the types of a site folder where nothing is deployed. Raises UsageError, with the file."""
    for file in declared_in(site_dir):
        try:
            type_, schema = read_type(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not text in UTF-8"
            raise UsageError(f"{file}: {why}. Correct it, or take it out of the folder.") from None
        except UsageError as error:
            raise UsageError(f"{file}: {error}") from None
        if type_ in types.declared:
            other = "declared by another file, too" if type_ in types.own else "a type of the product"
            raise UsageError(f"{file}: {type_} is {other}. Give this one another `ce_type`.")
        learn(types, codec, {"type": type_, "schema": text(schema), "schema_id": own_id(schema)})


async def _registered(codec: Codec, schema: Schema) -> int:
    from schemas.registry import RegistryError, RegistryRefusedError  # with its HTTP client, which most do without

    try:
        return await codec.register(schema)
    except RegistryRefusedError as error:
        if error.status not in _NOT_THIS_ONE:
            raise UnavailableError(f"The event type can't be registered: {error}") from None
        raise UsageError(f"the schema registry takes no such schema ({error.status}). Correct it: {error}") from None
    except RegistryError as error:
        raise UnavailableError(f"The event type can't be registered: {error}") from None


def _told(type_: str, schema: Schema, id_: int, what: str) -> dict[str, Any]:
    return {"type": type_, "record": str(schema["name"]), "schema_id": id_, "result": what}
