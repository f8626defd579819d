"""Operations of an AsyncAPI document (2 and 3) by which a system receives messages: where each goes, and how.

The document is the system's: what it receives is what we publish (`action: receive` in 3, `publish` in 2). Of a
document counts what a message is sent by: address, protocols, the bindings of Kafka, AMQP and HTTP, the kind of
content. What is not known is told by the operation (`refusal`), so that the others can be used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.hub.documents import DocumentError, mapping
from schemas.payload import Json

KAFKA, AMQP, HTTP = "kafka", "amqp", "http"
_PROTOCOLS = {
    "kafka": KAFKA,
    "kafka-secure": KAFKA,
    "amqp": AMQP,
    "amqps": AMQP,
    "http": HTTP,
    "https": HTTP,
}
JSON, TEXT = "json", "text"
_JSON = "application/json"
MOST_OPERATIONS = 10_000
OPERATION, CHANNEL = "operation", "channel"  # what a call names
_METHODS = ("POST", "PUT", "PATCH", "GET", "DELETE", "HEAD", "OPTIONS")
_BINARY = ("avro", "protobuf")
_DIALECT = "http://json-schema.org/draft-07/schema#"  # of which the schemas of AsyncAPI are
_DIALECTS = ("aai.asyncapi", "schema+json")

Held = Callable[[Json], str | None]
"""What is wrong with the payload of a message by its schema, in a line that quotes none of it; None: nothing."""

Compile = Callable[[Json], Held]
"""Makes that of a JSON Schema."""


@dataclass(frozen=True, slots=True)
class AsyncOperation:
    """An operation by which a system receives messages."""

    id: str
    named_by: str  # the argument of a call: operation or channel
    address: str = ""
    protocols: frozenset[str] | None = None  # of its servers; None where the document names no server
    topic: str = ""
    exchange: str = ""
    key: str = ""  # the routing key, or the name of the queue
    method: str = "POST"
    content: str = JSON
    media_type: str = _JSON
    refusal: str = ""  # why nothing can be published by it
    held: Held | None = field(default=None, repr=False, compare=False)  # against the schemas of its messages


AsyncApi = Mapping[str, AsyncOperation]
Object = Mapping[str, Any]


def read(document: Any, compiled: Compile | None = None) -> AsyncApi:
    """What can be published, by the name that a call says. Raises DocumentError.

    Messages are held against their schemas where there is what makes checks of those.
    """
    version = document.get("asyncapi") if isinstance(document, dict) else None
    if not isinstance(version, str) or not re.match(r"[23]\.\d+\.", version):
        raise DocumentError("is no AsyncAPI document of 2 or 3")
    found: dict[str, AsyncOperation] = {}
    for each in _operations(document, compiled) if version.startswith("3") else _channels(document, compiled):
        found[each.id] = each
        if len(found) > MOST_OPERATIONS:
            raise DocumentError(f"has more than {MOST_OPERATIONS:,} operations; leave those that are needed")
    return found


def _operations(document: Object, compiled: Compile | None) -> Iterator[AsyncOperation]:
    """Those of AsyncAPI 3."""
    for name, given in _named(document, "operations"):
        place = f"operations.{name}"
        said = mapping(document, given, place)
        channel = mapping(document, said.get("channel"), f"{place}.channel")
        if said.get("action") != "receive":
            why = f"the system sends by {name}; name an operation whose action is receive"
            yield AsyncOperation(name, OPERATION, refusal=why)
            continue
        servers = _mappings(document, channel["servers"], f"{place}.servers") if channel.get("servers") else None
        messages = said.get("messages")
        if messages is None:
            messages = list(mapping(document, channel.get("messages") or {}, f"{place}.messages").values())
        found = _read(
            document, place, AsyncOperation(name, OPERATION), channel.get("address"), servers, channel, said, messages
        )
        yield _held(document, place, found, messages, compiled)


def _channels(document: Object, compiled: Compile | None) -> Iterator[AsyncOperation]:
    """Those of AsyncAPI 2."""
    known = dict(_named(document, "servers"))
    for name, given in _named(document, "channels"):
        place = f"channels.{name}"
        channel = mapping(document, given, place)
        if "publish" not in channel:
            why = f"the system takes nothing on {name}; name a channel that has publish"
            yield AsyncOperation(name, CHANNEL, refusal=why)
            continue
        said = mapping(document, channel["publish"], f"{place}.publish")
        servers = None
        if channel.get("servers"):
            names = channel["servers"]
            if not isinstance(names, list) or not all(isinstance(each, str) and each in known for each in names):
                raise DocumentError(f"{place}.servers: not names of its servers")
            servers = [mapping(document, known[each], f"servers.{each}") for each in names]
        message = mapping(document, said.get("message") or {}, f"{place}.message")
        messages = message.get("oneOf", [message])
        found = _read(document, place, AsyncOperation(name, CHANNEL), name, servers, channel, said, messages)
        yield _held(document, place, found, messages, compiled)


def _read(
    document: Object,
    place: str,
    named: AsyncOperation,
    address: Any,
    servers: list[Object] | None,
    channel: Object,
    operation: Object,
    messages: Any,
) -> AsyncOperation:
    """The operation as it is used, or why it cannot be."""

    def refused(why: str) -> AsyncOperation:
        return AsyncOperation(named.id, named.named_by, refusal=why)

    if not isinstance(address, str) or not address:
        return refused(f"{named.id} has no address that is told")
    if "{" in address:
        return refused(f"the address of {named.id} has parameters; publish with the function of its protocol")
    kinds = {_kind(document, each) for each in _mappings(document, messages, f"{place}.messages")} or {_JSON}
    if len(kinds) > 1:
        return refused(f"the messages of {named.id} are of several kinds; publish with the function of its protocol")
    (kind,) = kinds
    content = _content(kind)
    if content is None:
        return refused(f"the messages of {named.id} are {kind}; publish with the function of its protocol")
    if servers is None:
        servers = [mapping(document, each, f"servers.{name}") for name, each in _named(document, "servers")]
    amqp = _binding(document, channel, AMQP, place)
    exchange, key = _amqp(document, amqp, address, place)
    method = str(_binding(document, operation, HTTP, place).get("method", "POST")).upper()
    if method not in _METHODS:
        return refused(f"the method of {named.id} is none of {', '.join(_METHODS)}")
    topic = _binding(document, channel, KAFKA, place).get("topic")
    return AsyncOperation(
        id=named.id,
        named_by=named.named_by,
        address=address,
        protocols=frozenset(_PROTOCOLS.get(str(each.get("protocol")).lower(), "") for each in servers) or None,
        topic=topic if isinstance(topic, str) and topic else address,
        exchange=exchange,
        key=key,
        method=method,
        content=content,
        media_type=kind,
    )


def _held(
    document: Object, place: str, operation: AsyncOperation, messages: Any, compiled: Compile | None
) -> AsyncOperation:
    """The operation with what its messages are held against: one of their schemas, where each of them has one."""
    if compiled is None or operation.refusal:
        return operation
    schemas = [_schema(document, each, place) for each in _mappings(document, messages, f"{place}.messages")]
    if not schemas or None in schemas:
        return operation
    within = {name: document[name] for name in ("components", "channels") if name in document}  # references lead there
    rule = {"allOf": schemas} if len(schemas) == 1 else {"anyOf": schemas}
    return replace(operation, held=compiled({"$schema": _DIALECT, **rule, **within}))


def _schema(document: Object, message: Object, place: str) -> Json:
    """That of the payload; None where there is none that is JSON Schema."""
    payload, dialect = message.get("payload"), message.get("schemaFormat")
    with suppress(DocumentError):  # of references that lead nowhere whoever reads the schema tells
        whole = mapping(document, payload, f"{place}.payload")
        if "schemaFormat" in whole:
            payload, dialect = whole.get("schema"), whole["schemaFormat"]
    if dialect is not None and not any(each in str(dialect).lower() for each in _DIALECTS):
        return None
    return payload if isinstance(payload, dict) else None


def _amqp(document: Object, said: Object, address: str, place: str) -> tuple[str, str]:
    """Exchange and routing key: a queue is known by its name to the exchange that has none."""
    if said.get("is") == "queue":
        name = mapping(document, said.get("queue") or {}, f"{place}.bindings.amqp.queue").get("name")
        return "", name if isinstance(name, str) and name else address
    name = mapping(document, said.get("exchange") or {}, f"{place}.bindings.amqp.exchange").get("name")
    return ("" if name in (None, "default") or not isinstance(name, str) else name), address


def _kind(document: Object, message: Object) -> str:
    """The media type of a message; the format of its schema where that says that it is no text."""
    payload = message.get("payload")
    told = [message.get("schemaFormat"), payload.get("schemaFormat") if isinstance(payload, dict) else None]
    for each in told:
        if isinstance(each, str) and any(word in each.lower() for word in _BINARY):
            return each.partition(";")[0].strip()
    said = message.get("contentType") or document.get("defaultContentType") or _JSON
    return str(said).strip() or _JSON


def _content(kind: str) -> str | None:
    bare = kind.partition(";")[0].strip().lower()
    if bare == "text/plain":
        return TEXT
    is_json = bare in (_JSON, "text/json") or bare.endswith("+json")
    return JSON if is_json and not any(word in bare for word in (*_BINARY, "cloudevents")) else None


def _binding(document: Object, said: Object, protocol: str, place: str) -> Object:
    bindings = mapping(document, said.get("bindings") or {}, f"{place}.bindings")
    return mapping(document, bindings.get(protocol) or {}, f"{place}.bindings.{protocol}")


def _named(document: Object, member: str) -> Iterator[tuple[str, Any]]:
    for name, each in mapping(document, document.get(member) or {}, member).items():
        if not isinstance(name, str):
            raise DocumentError(f"{member}: a name is no text; write it in quotes")
        yield name, each


def _mappings(document: Object, given: Any, place: str) -> list[Object]:
    if not isinstance(given, list):
        raise DocumentError(f"{place}: not a list")
    return [mapping(document, each, place) for each in given]
