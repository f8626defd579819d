"""`messages.yaml` of the site folder: which queues, topics and mailboxes of others become events.

partner-orders:
  connection: partner                  # of connections.yaml: amqps://, kafkas:// or imaps://
  from: orders                         # the queue, the topic or the folder
  type: com.example.order.v1           # an event for each message; without it they are CloudEvents, and say so
  subject: /order                      # JSON Pointer into it
  id: /number                          # what names a message for ever, where its sender does not say so
  mapping: order-of-partner            # of mappings/, if messages are to be made into something else
  broken: com.example.order-broken.v1  # an event for each that cannot be one; without it the source stands still
  batch: 20
  group: exlify                        # a topic: as which group it is read
  start: latest                        # a topic: where a new group begins
  avro: partner-registry               # a topic: its values are Avro in Confluent's framing, by this registry
  done: Archive                        # a folder: where mails go; without it they are marked as read
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.ground.sources import named, pointer

if TYPE_CHECKING:
    from streams.ground.site_yaml import Part

FILE = "messages.yaml"
MEMBERS = (
    "connection", "from", "type", "subject", "id", "mapping", "broken", "batch", "group", "start", "avro",
    "done",
)  # fmt: skip
MOST_AT_ONCE = 100  # of up to 900 KiB each, and as many more are on their way
USUAL_AT_ONCE = 20
STARTS = ("earliest", "latest")
_PLACE = re.compile(r"[\x20-\x7e]{1,249}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A queue, a topic or a folder whose messages become events."""

    name: str
    connection: str
    place: str
    type: str | None
    subject: str | None
    id: str | None
    mapping: str | None
    broken: str | None
    batch: int
    group: str | None
    start: str | None
    avro: str | None
    done: str | None

    @property
    def source(self) -> str:
        """The source of its events."""
        return f"/messages/{self.name}"


def read_messages(document: Part | None) -> Mapping[str, Source]:
    """What `messages.yaml` says; faults with their place."""
    found: dict[str, Source] = {}
    for name, part in named(document):
        found[name] = _source(name, part)
    return found


def _source(name: str, part: Part) -> Source:
    members = part.only(*MEMBERS)
    for wanted, example in (("connection", "partner"), ("from", "orders")):
        if wanted not in members:
            part.fault(f"no {wanted}", f"add `{wanted}: {example}`")
    if "type" not in members:
        for each in ("subject", "id", "mapping"):
            if each in members:
                members[each].fault(f"{each} of an event that says itself what it is", "add a `type`, or leave it out")
    texts = {each: members[each].text() if each in members else None for each in ("type", "mapping", "broken", "avro")}
    pointers = {each: pointer(members[each]) if each in members else None for each in ("subject", "id")}
    places = {each: _place(members[each]) if each in members else None for each in ("group", "done")}
    return Source(
        name=name,
        connection=members["connection"].text(),
        place=_place(members["from"]),
        batch=members["batch"].whole(1, MOST_AT_ONCE, "messages") if "batch" in members else USUAL_AT_ONCE,
        start=_start(members["start"]) if "start" in members else None,
        **texts,
        **pointers,
        **places,
    )


def _place(part: Part) -> str:
    text = part.text()
    if not _PLACE.fullmatch(text):
        part.fault("no name of a queue, a topic, a group or a folder", "write up to 249 signs of ASCII")
    return text


def _start(part: Part) -> str:
    if part.text() not in STARTS:
        part.fault("no place to start", "write earliest or latest")
    return part.text()
