"""What somebody makes of a letter: members at a path, set in what its value says, and written in the form it had."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from schemas.business import EventTypes
from schemas.catalogue import current
from schemas.cloudevents import InvalidEventError
from schemas.codec import Codec, UndecodableRecord, UnencodableMessageError
from schemas.jsondata import to_avro, to_json
from schemas.jsontext import MAX_LEVELS, TOO_DEEP, NoJsonError, UnfitDataError, parse, written
from schemas.messages import GENERIC_EVENT
from schemas.payload import Door, Payload, UnreadablePayloadError
from streams.gateway.problems import ProblemError
from streams.ground.topic import MAX_RECORD_BYTES

Changes = Mapping[str, Any]  # values by path


def given_value(text: str) -> bytes:
    """The bytes behind base64; raises ProblemError."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _unfit("value is no base64") from None
    return _bounded(value)


def patch_of(value: bytes | None, changes: Changes) -> bytes:
    """For a dead letter: the members of a step's input that are to be others; raises ProblemError."""
    try:
        patch = {} if value is None else parse(value)
        if not isinstance(patch, dict):
            raise _unfit("for a dead letter give an object with the members of the step's input that are to be others")
        for path, new in changes.items():
            patch = _put(patch, path.split("."), new)
        return _bounded(Payload.from_outside(patch, Door.EDIT).raw)
    except (NoJsonError, UnfitDataError) as error:
        raise _unfit(str(error)) from None


async def changed(codec: Codec, types: EventTypes, value: bytes | None, changes: Changes) -> bytes:
    """The value with other members, in the form it had: Avro or JSON; raises ProblemError."""
    if value is None:
        raise _unfit("it has no value: give a whole one by a file")
    try:
        name, data = await codec.decode_learning(value)
    except UndecodableRecord:
        return _bounded(_json_changed(value, changes))
    if name not in current():
        raise _unfit(f"{name[:100]} is no message of this site: give a whole value by a file")
    is_event = name != GENERIC_EVENT and any(each.record == name for each in types.declared.values())
    try:
        said = to_json(data) if is_event else data
        for path, new in changes.items():
            said = _put(said, path.split("."), new)
        return _bounded(codec.encode(name, to_avro(current()[name], said) if is_event else said))
    except (UnencodableMessageError, UnfitDataError, UnreadablePayloadError) as error:
        raise _unfit(f"it would be no {name} any more: {error}") from None
    except InvalidEventError as error:
        raise _unfit("; ".join(str(each) for each in error.faults)) from None


def _json_changed(value: bytes, changes: Changes) -> bytes:
    try:
        said = parse(value)
        for path, new in changes.items():
            said = _put(said, path.split("."), new)
        return written(said)
    except (NoJsonError, UnfitDataError):
        raise _unfit("its value is neither Avro that is known here nor JSON: give a whole one by a file") from None


def _put(at: Any, path: Sequence[str], new: Any) -> Any:
    """A value with another at a path; what is JSON within it is looked into, too."""
    if len(path) > MAX_LEVELS:
        raise _unfit(TOO_DEEP)
    if not path:
        if isinstance(at, Payload):
            return Payload.from_outside(new, Door.EDIT)
        return written(new) if isinstance(at, bytes) else new
    name, rest = path[0], path[1:]
    if isinstance(at, Payload):
        return Payload.from_outside(_put(at.value(), path, new), Door.EDIT)
    if isinstance(at, bytes):
        try:
            return written(_put(orjson.loads(at), path, new))
        except orjson.JSONDecodeError:
            raise _unfit(f"before {name[:50]!r} there are bytes that are no JSON") from None
    if isinstance(at, list) and name.isdecimal() and len(name) <= len(str(len(at))) and int(name) < len(at):
        return [_put(each, rest, new) if number == int(name) else each for number, each in enumerate(at)]
    if isinstance(at, dict) or (at is None and name):
        return {**(at or {}), name: _put((at or {}).get(name), rest, new)}
    raise _unfit(f"there is nothing that could have a member {name[:50]!r}")


def _bounded(value: bytes) -> bytes:
    if len(value) > MAX_RECORD_BYTES:
        raise ProblemError(413, "too-large", f"An edited value has at most {MAX_RECORD_BYTES} bytes.")
    return value


def _unfit(why: str) -> ProblemError:
    return ProblemError(422, "request-invalid", f"The letter is not edited: {why}.")
