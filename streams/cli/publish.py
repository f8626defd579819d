"""`exlify publish`: business events to Kafka."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import click

from streams.cli._client import with_kafka
from streams.cli._output import echo, json_option, print_json
from streams.ground.errors import ExlifyError, UsageError
from streams.ground.terminal import can_move

if TYPE_CHECKING:
    from schemas.business import EncodedEvent, EventTypes
    from schemas.cloudevents import CloudEvent
    from schemas.codec import Codec
    from streams.ground.settings import Settings

CHUNK = 500  # events between two looks at what Kafka has acknowledged


@dataclass(frozen=True)
class Plan:
    """How lines become events; `id_from` and `subject_from` are JSON Pointers."""

    type: str
    source: str
    subject: str | None
    id_from: str | None
    subject_from: str | None


class Line(NamedTuple):
    """One event's data, and where it stands, for messages."""

    place: str
    text: bytes


@click.command(
    epilog="""\b
Examples:
  exlify publish com.example.order-placed.v1 --data '{"order": 7}' --subject 7
  exlify publish exlify.onboarding.application-submitted.v1 --file applications.jsonl \\
      --id-from /application_id --subject-from /application_id
  generate | exlify publish com.example.order-placed.v1 --file -
"""
)
@click.argument("type_", metavar="TYPE")
@click.option("--file", type=click.File("rb"), help="One event's data as JSON on each line; - is standard input.")
@click.option("--data", help="The data of one event, as JSON.")
@click.option("--subject", help="CloudEvents subject; becomes the record key and the business key.")
@click.option("--source", default="/cli", show_default=True, help="CloudEvents source.")
@click.option("--id", "id_", help="CloudEvents id of the one event of --data. Default: a new one.")
@click.option("--id-from", help="JSON Pointer to the id in the data: a file published twice then starts nothing twice.")
@click.option("--subject-from", help="JSON Pointer to the subject in the data.")
@json_option
def command(
    type_: str,
    file: BinaryIO | None,
    data: str | None,
    subject: str | None,
    source: str,
    id_: str | None,
    id_from: str | None,
    subject_from: str | None,
    as_json: bool,
) -> None:
    """Publish events of a CloudEvents TYPE; returns once Kafka has acknowledged all of them."""
    if (file is None) == (data is None):
        raise UsageError("publish: give either --file or --data")
    if id_ and file is not None:
        raise UsageError("publish: --id names one event; for a file use --id-from")
    settings = with_kafka()
    plan = Plan(type_, source, subject, id_from, subject_from)
    lines = iter([Line("--data", (data or "").encode())]) if file is None else _lines(file)
    started = time.monotonic()
    published = asyncio.run(_publish(settings, plan, lines, _size(file), id_))
    result = {"published": published, "seconds": round(time.monotonic() - started, 3)}
    if as_json:
        print_json(result)
    else:
        echo(f"{published} event{'s' if published != 1 else ''} published in {result['seconds']} s")


async def _publish(settings: Settings, plan: Plan, lines: Iterator[Line], size: int, id_: str | None) -> int:
    from schemas.business import EventTypes
    from streams.ground.codec import open_codec
    from streams.ground.publish import Outgoing, Publisher
    from streams.processors.intake import business_topic

    types, codec = EventTypes.load(), await open_codec(settings)
    published = 0
    with _progress(size) as advance:
        async with Publisher(settings, linger_ms=5) as publisher:
            while chunk := list(islice(lines, CHUNK)):
                try:
                    encoded = [_encoded(types, codec, plan, line, id_) for line in chunk]
                    await publisher.publish(
                        Outgoing(business_topic(each.topic), each.key, each.value, each.headers) for each in encoded
                    )
                except ExlifyError as error:
                    raise type(error)(f"{error} ({published} events before were published)") from None
                published += len(chunk)
                advance(sum(len(line.text) for line in chunk))
    return published


def _encoded(types: EventTypes, codec: Codec, plan: Plan, line: Line, id_: str | None) -> EncodedEvent:
    from schemas.cloudevents import InvalidEventError

    try:
        return types.encode_event(codec, _event(plan, line, id_))
    except InvalidEventError as error:
        raise UsageError(f"{line.place}: {error}") from None


def _event(plan: Plan, line: Line, id_: str | None) -> CloudEvent:
    from schemas.cloudevents import CloudEvent
    from schemas.jsontext import NoJsonError, UnfitDataError, parse

    try:
        data = parse(line.text)
    except NoJsonError as error:
        raise UsageError(f"{line.place}: no JSON ({error}); write one event's data on each line") from None
    except UnfitDataError as error:
        raise UsageError(f"{line.place}: data cannot be taken: {error}") from None
    subject = _found(data, plan.subject_from, line.place) if plan.subject_from else plan.subject
    event_id = _found(data, plan.id_from, line.place) if plan.id_from else id_ or uuid.uuid4().hex
    attributes = {"specversion": "1.0", "type": plan.type, "source": plan.source, "id": event_id}
    return CloudEvent(attributes | ({"subject": subject} if subject else {}), data)


def _found(data: Any, pointer: str, place: str) -> str:
    from streams.gateway.webhooks import subject_of

    found = subject_of(data, pointer)
    if found is None:
        raise UsageError(f"{place}: there is no text or number at {pointer}")
    return found


def _lines(file: BinaryIO) -> Iterator[Line]:
    name = getattr(file, "name", "<stdin>")
    return (Line(f"{name}:{number}", text) for number, text in enumerate(file, 1) if text.strip())


def _size(file: BinaryIO | None) -> int:
    """Bytes of the file; 0 where nobody knows, as of a pipe."""
    if file is None or not file.seekable():
        return 0
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


@contextmanager
def _progress(size: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error if a person looks at it; takes bytes."""
    if not (size and can_move(sys.stderr)):
        yield lambda _: None
        return
    with click.progressbar(length=size, file=sys.stderr, label="publishing") as bar:
        yield bar.update
