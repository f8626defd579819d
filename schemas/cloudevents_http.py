"""CloudEvents over HTTP: one request in structured, binary or batch mode becomes a list of valid events.

Structured and batch mode carry attributes and data in one JSON document; binary mode carries the attributes in `ce-`
headers and the data as the body. Data is JSON in all of them: workflows calculate with it.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from schemas.cloudevents import MAX_NAME_LENGTH, MOST_FAULTS, CloudEvent, DataFault, InvalidEventError
from schemas.jsontext import NoJsonError, UnfitDataError, parse

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"

_HEADER_PREFIX = "ce-"
_JSON_TYPE = re.compile(r"(application|text)/json|[\w.!#$&^+-]+/[\w.!#$&^+-]+\+json")
_INT32 = range(-(2**31), 2**31)


class UnsupportedEventFormatError(InvalidEventError):
    """The request is in a format that is not read here (HTTP 415)."""


def parse_request(headers: Iterable[tuple[str, str]], body: bytes) -> list[CloudEvent]:
    """The events of one HTTP request, one in structured and binary mode, any number in batch mode.

    The content type among the headers chooses the mode. Raises InvalidEventError with the faults of all events, each
    with its place (`[2].source` in a batch), and UnsupportedEventFormatError for media types that are not understood.
    """
    pairs = [(name.lower(), value) for name, value in headers]
    content_type = next((value for name, value in pairs if name == "content-type"), "")
    media_type = _media_type(content_type)
    if media_type == BATCH:
        return _batch(_json(body, around=2))
    if media_type == STRUCTURED:
        return [_from_json(_json(body, around=1))]
    if media_type.startswith("application/cloudevents"):
        raise UnsupportedEventFormatError(
            [DataFault("content-type", f"this format is not read; send {STRUCTURED} or {BATCH}")]
        )
    return [_binary(pairs, content_type, body)]


def is_json(content_type: str) -> bool:
    """Whether a media type, parameters aside, is JSON."""
    return _JSON_TYPE.fullmatch(_media_type(content_type)) is not None


def _batch(document: Any) -> list[CloudEvent]:
    if not isinstance(document, list):
        raise InvalidEventError([DataFault("body", "a batch must be a JSON array of events")])
    events: list[CloudEvent] = []
    faults: list[DataFault] = []
    for index, item in enumerate(document):
        try:
            events.append(_from_json(item))
        except InvalidEventError as error:
            faults.extend(DataFault(f"[{index}].{fault.place}", fault.message) for fault in error.faults)
            if len(faults) >= MOST_FAULTS:
                break
    if faults:
        raise InvalidEventError(faults)
    return events


def _from_json(document: Any) -> CloudEvent:
    """An event from its JSON form. A null attribute is one that is not there, as the specification has it."""
    if not isinstance(document, dict):
        raise InvalidEventError([DataFault("event", "must be a JSON object")])
    attributes, faults = _attributes(document)
    if document.get("data_base64") is not None:
        faults.append(DataFault("data_base64", "binary data is not read; send JSON in `data`"))
    if not is_json(attributes.get("datacontenttype", "application/json")):
        faults.append(DataFault("datacontenttype", "must be a JSON type; send JSON in `data`"))
    return _event(attributes, document.get("data"), faults)


def _attributes(document: Mapping[str, Any]) -> tuple[dict[str, str], list[DataFault]]:
    """Attributes as text, which is how they travel: numbers and truth values in their JSON spelling."""
    attributes: dict[str, str] = {}
    faults: list[DataFault] = []
    for name, value in document.items():
        if name in ("data", "data_base64") or value is None:
            continue
        match value:
            case str():
                attributes[name] = value
            case bool():
                attributes[name] = "true" if value else "false"
            case int() if value in _INT32:
                attributes[name] = str(value)
            case _:
                message = "must be a string, a truth value or a whole number of 32 bits"
                faults.append(DataFault(name[:MAX_NAME_LENGTH], message))
                if len(faults) >= MOST_FAULTS:
                    break
    return attributes, faults


def _binary(headers: list[tuple[str, str]], content_type: str, body: bytes) -> CloudEvent:
    given = [(name.removeprefix(_HEADER_PREFIX), value) for name, value in headers if name.startswith(_HEADER_PREFIX)]
    if not given:
        remedy = f"send content type {STRUCTURED}, or the headers ce-id, ce-source, ce-type and ce-specversion"
        raise InvalidEventError([DataFault("request", f"is no CloudEvent; {remedy}")])
    faults: list[DataFault] = []
    attributes: dict[str, str] = {}
    for name, value in given:
        if name in attributes:
            faults.append(DataFault(name, "is given twice; send it once"))
        attributes[name] = _header_text(name, value, faults)
    if content_type:
        attributes["datacontenttype"] = content_type
        if not is_json(content_type):
            message = "data must be JSON; send it as application/json"
            raise UnsupportedEventFormatError([*faults, DataFault("content-type", message)])
    return _event(attributes, _json(body) if body else None, faults)


def _event(attributes: Mapping[str, str], data: Any, faults: list[DataFault]) -> CloudEvent:
    """The event, unless `faults` or its attributes speak against it: then all of that at once."""
    try:
        event = CloudEvent(attributes, data)
    except InvalidEventError as error:
        named = {fault.place for fault in faults}
        faults = [*faults, *(fault for fault in error.faults if fault.place not in named)]
    if faults:
        raise InvalidEventError(faults)
    return event


def _header_text(name: str, value: str, faults: list[DataFault]) -> str:
    """A header's value as the HTTP binding encodes it: percent-encoded UTF-8, in quotes or not."""
    quoted = len(value) >= 2 and value[0] == value[-1] == '"'
    bare = re.sub(r"\\(.)", r"\1", value[1:-1]) if quoted else value
    try:
        return unquote_to_bytes(bare.encode(errors="surrogateescape")).decode()  # as the raw bytes arrived
    except UnicodeDecodeError:
        faults.append(DataFault(name, "must be percent-encoded UTF-8"))
        return bare


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _json(body: bytes, *, around: int = 0) -> Any:
    try:
        return parse(body, around=around)
    except NoJsonError as error:
        raise InvalidEventError([DataFault("body", f"is no JSON: {error}")]) from None
    except UnfitDataError as error:
        raise InvalidEventError([DataFault("data", f"cannot be taken: {error}")]) from None
