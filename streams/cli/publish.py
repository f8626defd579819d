"""`exlify publish`: business events to Kafka."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import click

from streams.cli._client import Client, codec, with_kafka
from streams.cli._findings import many
from streams.cli._listeners import listeners
from streams.cli._output import echo, json_option, print_json
from streams.cli._tally import Known, Tally
from streams.ground.errors import ExlifyError, UsageError
from streams.ground.terminal import can_move

if TYPE_CHECKING:
    from schemas.business import EncodedEvent, EventTypes
    from schemas.cloudevents import CloudEvent
    from schemas.codec import Codec
    from streams.definitions.book import DefinitionBook
    from streams.ground.publish import Publishing
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
    allow_unmatched: bool = False


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
@click.option("--allow-unmatched", is_flag=True, help="Publish also where no workflow waits for the type.")
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
    allow_unmatched: bool,
    as_json: bool,
) -> None:
    """Publish events of a CloudEvents TYPE; returns once Kafka has acknowledged all of them.

    Says how many instances start, and how many had started before and so do not start again. Ctrl-C ends when what is
    under way is acknowledged, and says how to go on. Between chunks it waits while more than EXLIFY_MAX_BACKLOG records
    stand before the engine.
    """
    if (file is None) == (data is None):
        raise UsageError("publish: give either --file or --data")
    if id_ and file is not None:
        raise UsageError("publish: --id names one event; for a file use --id-from")
    settings = with_kafka()
    plan = Plan(type_, source, subject, id_from, subject_from, allow_unmatched)
    lines = iter([Line("--data", (data or "").encode())]) if file is None else _lines(file)
    run = Run(settings, plan, id_, Tally(_asker(settings)))
    started = time.monotonic()
    try:
        with run.stop.handled():
            asyncio.run(run.publish(lines, _size(file)))
    except KeyboardInterrupt:
        echo(f"exlify: {run.interrupted()}", err=True)
        raise
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        print_json({**run.tally.told(), "seconds": seconds})
    else:
        echo(f"{many(run.tally.published, 'event')} published in {seconds} s: {run.tally}")


class Stop:
    """Ctrl-C: what is on its way to Kafka is waited for. The second one, and one while lines are read, ends at once."""

    def __init__(self) -> None:
        self.on_the_way = False
        self.asked = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """SIGINT is for this object; only a process's main thread can say so."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _note(self, *_: object) -> None:
        if not self.on_the_way or self.asked:
            raise KeyboardInterrupt
        self.asked = True


@dataclass
class Run:
    """One publishing: what is sent how, and how far it is."""

    settings: Settings
    plan: Plan
    id_: str | None
    tally: Tally
    stop: Stop = field(default_factory=Stop)
    last: str = ""  # place of the last line that is acknowledged
    looked_at: float = -math.inf  # at the backlog, monotonic seconds

    async def publish(self, lines: Iterator[Line], size: int) -> None:
        """Publishes every line, in chunks."""
        from schemas.business import EventTypes
        from streams.ground.publish import Publisher

        types, known = EventTypes.load(), await codec(self.settings)
        book: DefinitionBook | None = None
        with _progress(size) as advance:
            async with Publisher(self.settings, linger_ms=5) as publisher:
                while chunk := list(islice(lines, CHUNK)):
                    try:
                        if self.last:
                            await self._room()
                        made = [_made(types, known, self.plan, line, self.id_) for line in chunk]
                        if book is None:
                            book = await listeners(self.settings, known, self.plan.type, self.plan.allow_unmatched)
                            if self.plan.type in book.types.own:
                                types = book.types
                                made = [_made(types, known, self.plan, line, self.id_) for line in chunk]
                        await self._send(publisher, book, made)
                    except ExlifyError as error:
                        raise type(error)(f"{error} ({self.tally.published} events before were published)") from None
                    self.last = chunk[-1].place
                    advance(sum(len(line.text) for line in chunk))
                    if self.stop.asked:
                        raise KeyboardInterrupt

    async def _room(self) -> None:
        """Waits while too much stands before the engine, and says so once; looks at it every few seconds."""
        from streams.processors.intake import IntakeSettings
        from streams.processors.intake.backlog import LOOK_S, Backlog, measured

        if time.monotonic() < self.looked_at + LOOK_S:
            return
        backlog, told = Backlog(self.settings.of(IntakeSettings).max_backlog), False
        while True:
            backlog.found = await asyncio.to_thread(measured, self.settings)
            self.looked_at = time.monotonic()
            if (why := backlog.too_long()) is None:
                return
            if not told:
                echo(f"Waiting: {why}. It goes on by itself.", err=True)
                told = True
            await asyncio.sleep(LOOK_S)

    async def _send(
        self, publisher: Publishing, book: DefinitionBook, made: list[tuple[CloudEvent, EncodedEvent]]
    ) -> None:
        from streams.ground.publish import Outgoing
        from streams.processors.intake import business_topic

        found = self.tally.look(book, (event.attributes for event, _ in made))
        self.stop.on_the_way = True
        await publisher.publish(
            Outgoing(business_topic(each.topic), each.key, each.value, each.headers) for _, each in made
        )
        self.stop.on_the_way = False
        self.tally.add(found)

    def interrupted(self) -> str:
        """How far it came, and how to go on without publishing anything twice."""
        told = f"interrupted: {many(self.tally.published, 'event')} published and acknowledged"
        if self.stop.on_the_way:
            told += f", of up to {CHUNK} more it is not known"
        if not self.last:
            return told
        if self.plan.id_from:
            return f"{told}, up to {self.last}. The same command again starts nothing twice"
        return f"{told}, up to {self.last}. Go on with the lines behind it: the ids of these were new ones"


def _asker(settings: Settings) -> Known:
    """Asks the gateway which instances there are; once nobody answers, nobody is asked again."""
    clients: list[Client] = []

    def ask(instances: list[str]) -> Iterable[str] | None:
        try:
            client = clients[0] if clients else Client(settings)
            clients[:] = [client]
            return list(client.post_json("/v1/instances/known", {"instance_ids": instances})[1]["known"])
        except ExlifyError:
            return None

    return ask


def _made(types: EventTypes, codec: Codec, plan: Plan, line: Line, id_: str | None) -> tuple[CloudEvent, EncodedEvent]:
    from schemas.cloudevents import InvalidEventError

    try:
        event = _event(plan, line, id_)
        return event, types.encode_event(codec, event)
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
    from schemas.jsontext import text_at

    found = text_at(data, pointer)
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
