"""What is published: the bytes of a message, its properties and where it goes, from the arguments of a call."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pamqp.commands import Basic

from connectors.codecs import bodies as codecs
from connectors.hub.contract import Asked
from connectors.hub.published import TEXT, check_size, content_of, id_of, scalars, structured
from schemas.cloudevents_http import STRUCTURED

PERSISTENT = 2
MOST_SHORT_BYTES = 255  # of names, as the protocol has it
_HEADER = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True)
class Message:
    """One message for an exchange."""

    id: str
    exchange: str
    key: str = field(repr=False)
    content: bytes = field(repr=False)
    properties: Basic.Properties = field(repr=False)


def written(asked: Asked) -> Message:
    """The message of a call. Raises ArgumentError."""
    given, id_ = asked.arguments, id_of(asked)
    value = given["value"]
    if "event" in given:
        content, kind = structured(asked, value), STRUCTURED
    else:
        content, kind = content_of(asked, value), TEXT if isinstance(value, str) else codecs.JSON
    check_size(asked, content)
    properties = Basic.Properties(
        content_type=kind,
        headers=dict(_headers(asked)) or None,
        delivery_mode=PERSISTENT,
        message_id=id_,
    )
    return Message(id_, short(asked, "exchange"), short(asked, "key"), content, properties)


def short(asked: Asked, name: str) -> str:
    """An argument that is a name. Raises ArgumentError."""
    text = str(asked.arguments.get(name, ""))
    try:
        fits = len(text.encode()) <= MOST_SHORT_BYTES
    except UnicodeEncodeError:
        fits = False
    if not fits:
        raise asked.operation.fault(name, f"is longer than {MOST_SHORT_BYTES} bytes, or no text")
    return text


def _headers(asked: Asked) -> dict[str, str]:
    found = scalars(asked, "headers")
    if not all(_HEADER.fullmatch(name) for name in found):
        raise asked.operation.fault("headers", "has a name that is none")
    return {name: value.encode("utf-8", "replace").decode() for name, value in found.items()}
