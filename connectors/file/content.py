"""Names and contents of files as calls give them and as they get them, wherever the files are."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import PurePosixPath

import orjson

from connectors.codecs.records import Format, FormatError, format_of
from connectors.codecs.scalars import CodecError
from connectors.hub.contract import Asked, Refused
from schemas.functions import Function
from schemas.payload import Json
from schemas.reasons import Reason

MOST_DRAFTS = 100  # of one step
MAX_READ_BYTES = 512 * 1024
MAX_RECORDS_BYTES = 16 * 1024 * 1024  # as JSON


def name_of(asked: Asked, argument: str = "file") -> str:
    """The file that an argument names; raises ArgumentError."""
    return name_given(asked.operation, argument, str(asked.arguments[argument]))


def name_given(operation: Function, place: str, given: str) -> str:
    """The file as a path below the folder; hidden ones and those of others are none of ours. Raises ArgumentError."""
    parts = PurePosixPath(given).parts
    wrong = given.startswith("/") or any(each.startswith(".") or "\\" in each for each in parts)
    if wrong or not parts or not given.isprintable() or given.endswith("/"):
        raise operation.fault(place, "is no name of a file in the folder")
    return given


def draft_name(name: str, key: str, number: int) -> str:
    """What a file is called while it is written: of the step, so that a later try finds what one that was killed left.

    Each try takes the first number that nobody has, so that it touches nothing that somebody else may still write.
    """
    return f".{name[:200]}.{sha256(key.encode()).hexdigest()[:12]}.{number}"


def format_given(asked: Asked) -> Format | None:
    """How records stand in it, if that is said."""
    given = asked.arguments.get("format")
    if given is None:
        return None
    try:
        return format_of(given)
    except FormatError as error:
        raise asked.operation.fault("format", f"is none: {error.place}: {error.what}", error.remedy) from None


def content_of(asked: Asked) -> tuple[bytes, int | None]:
    """What is to be written, and how many records that are, if it is records."""
    content, format_ = asked.arguments["content"], format_given(asked)
    if format_ is None:
        return content.encode() if isinstance(content, str) else orjson.dumps(content), None
    if not isinstance(content, list):
        raise asked.operation.fault("content", "is no list of records")
    sink = io.BytesIO()
    try:
        count = format_.write(content, sink)
    except CodecError as error:
        raise asked.operation.fault("content", f"cannot be written: {error}", "correct the record") from None
    return sink.getvalue(), count


def content_read(raw: bytes, format_: Format | None) -> Json:
    """What was read of a file, up to a byte more than is taken. Raises Refused."""
    if len(raw) > MAX_READ_BYTES:
        raise Refused(Reason.REPLY_TOO_LARGE, f"it has more than {MAX_READ_BYTES} bytes; let files.yaml read it")
    if format_ is None:
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Refused(Reason.CONTRACT_DRIFT, "it is no text in UTF-8; say its `format`") from None
    found, size = [], 0
    for record in format_.read(io.BytesIO(raw)):
        if record.fault:
            raise Refused(Reason.CONTRACT_DRIFT, record.fault)
        size += len(orjson.dumps(record.value))  # names stand in each record, and what is packed unfolds
        if size > MAX_RECORDS_BYTES:
            raise Refused(
                Reason.REPLY_TOO_LARGE, f"its records have more than {MAX_RECORDS_BYTES} bytes; let files.yaml read it"
            )
        found.append(record.value)
    return found
