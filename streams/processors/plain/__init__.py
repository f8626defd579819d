"""Before the stations, plain: events in JSON, from whoever knows nothing of Avro, become business events.

On `business.event.json.v1` and on the topics of EXLIFY_JSON_TOPICS. An event is JSON as CloudEvents writes it, or data
with attributes in `ce_` headers. On topics of the setting it may be data alone, where the setting says of which type.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from streams.ground.kinds import checked
from streams.ground.setting import Group, setting
from streams.ground.settings import Settings
from streams.ground.topic import Keyed, Topic
from streams.processors.intake import OUTSIDE, typed_topics
from streams.runtime.declaration import Declaration

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_SAID = re.compile(r"type=[^\s/;]\S*|(type|id|subject)=(/[^\s/;]*)+")


@dataclass(frozen=True, slots=True)
class Bare:
    """How the attributes of an event are found where a record is nothing but its data: a JSON Pointer each.

    `type` may be the type itself. Without `id` an event is named by the place of its record.
    """

    type: str = ""
    id: str | None = None
    subject: str | None = None


def read(text: str) -> dict[str, Bare]:
    """What the setting says of each topic. Raises ValueError where it cannot be understood."""
    found: dict[str, Bare] = {}
    for entry in text.split(";"):
        name, *said = entry.split() or [""]
        if not (name or said):
            continue
        members = dict(each.split("=", 1) for each in said if _SAID.fullmatch(each))
        if len(members) < len(said) or not _TOPIC.fullmatch(name) or name in found or (said and "type" not in members):
            raise ValueError(text)
        found[name] = Bare(**members)
    return found


def _fits(text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class PlainSettings(Group):
    """Business events in plain JSON."""

    topics: str = setting(
        "EXLIFY_JSON_TOPICS",
        "",
        "Topics of events in JSON beside business.event.json.v1, separated by semicolons. Behind the name of one whose "
        "records are data alone stands how type, id and subject are found: shop.orders type=com.example.order.v1 "
        "id=/orderId subject=/customer",
        kind=checked(
            _fits, "TOPIC or TOPIC type=TYPE|/POINTER [id=/POINTER] [subject=/POINTER], several separated by ;"
        ),
    )


def _topic(name: str) -> Topic:
    return Topic(name=name, messages=(), keyed=Keyed.HASH, key="as published", written_by=OUTSIDE)


JSON_EVENTS = _topic("business.event.json.v1")


def topics_of_settings(settings: Settings) -> tuple[Topic, ...]:
    """The topics that EXLIFY_JSON_TOPICS names."""
    return tuple(_topic(name) for name in read(settings.of(PlainSettings).topics) if name != JSON_EVENTS.name)


DECLARATION = Declaration(
    name="plain",
    summary="Business events in plain JSON become events as all others are.",
    worker="steps",
    make="streams.processors.plain.processor:Plain",
    reads=(JSON_EVENTS,),
    reads_by_setting=topics_of_settings,
    writes=typed_topics(),
    settings=(PlainSettings,),
)
