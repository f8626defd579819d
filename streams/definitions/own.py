"""Own functions: which there are, by the announcements of those that host them, and which are hosted now.

    worker ─▶ topic (compacted, a record for each function) ─▶ deploy checks definitions against it, people list it

A function stays announced when its worker ends: its commands wait. It is hosted while its consumer group has members.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import msgspec
import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer
from confluent_kafka import TopicPartition as Place

from schemas.arguments import Argument, Kind
from schemas.codec import Codec, UndecodableRecord
from schemas.functions import OWN_NAME, EffectClass, Function
from schemas.messages import GENERIC_EVENT
from schemas.recovery import Policy
from streams.definitions import OWN_FUNCTIONS
from streams.ground.kafka import client_config
from streams.ground.publish import Outgoing, Publishing
from streams.ground.settings import Settings
from streams.ground.topic import own_step_topic
from streams.ground.unread import ASK_S, NO_MORE, away, unread
from streams.runtime import groups

MAX_BYTES = 512 * 1024  # of one announcement

log = structlog.get_logger()


class OwnFunctions(Protocol):
    """Who knows own functions: Kafka, or a dictionary in a test."""

    async def announced(self) -> Mapping[str, Function]:
        """All that were announced, by name. Raises UnavailableError."""
        ...

    async def hosted(self, processors: Iterable[str]) -> frozenset[str]:
        """Those of the processors whose group has a member. Raises UnavailableError."""
        ...

    async def waiting(self, functions: Iterable[str]) -> Mapping[str, int]:
        """How many commands of each nobody has taken. Raises UnavailableError."""
        ...


async def announce(publisher: Publishing, codec: Codec, functions: Iterable[Function]) -> None:
    """Says that these are there. Raises UnavailableError."""
    at_ms = time.time_ns() // 1_000_000
    records = [(each.name, {**each.described(), "announcedAt": at_ms}) for each in functions]
    values = [(name, codec.encode(GENERIC_EVENT, {"data": json.dumps(told).encode()})) for name, told in records]
    await publisher.publish(Outgoing(OWN_FUNCTIONS, name.encode(), value) for name, value in values)


def function_of(name: str, told: Any) -> Function:
    """A function as it was announced. Raises ValueError for what is no announcement of it."""
    if not isinstance(told, dict) or told.get("name") != name or not OWN_NAME.fullmatch(name):
        raise ValueError("it does not name the function that it is the key of")
    arguments, output = told.get("arguments", {}), told.get("output", {})
    if not isinstance(arguments, dict) or not isinstance(output, dict):
        raise ValueError("arguments and output are JSON Schemas")
    effect = told.get("effect")
    return Function(
        name=name,
        summary=str(told.get("summary") or "Says nothing of itself."),
        arguments=tuple(_arguments(arguments)),
        output=output,
        example=str(told.get("example") or "{}"),
        effect=None if effect is None else EffectClass(effect),
        effect_note=str(told.get("effectNote") or ""),
        own=True,
        recovery=_policy(told.get("recovery")),
    )


def _policy(told: Any) -> Policy | None:
    try:
        return None if told is None else msgspec.convert(told, Policy)
    except msgspec.ValidationError as error:
        raise ValueError(f"recovery: {error}") from None


def _arguments(all_of_them: Mapping[str, Any]) -> Iterator[Argument]:
    members, required = all_of_them.get("properties", {}), all_of_them.get("required", ())
    if not isinstance(members, dict) or not all(isinstance(each, dict) for each in members.values()):
        raise ValueError("the properties of the arguments are JSON Schemas")
    for name, each in members.items():
        summary = str(each.get("description") or "")
        schema = {key: rule for key, rule in each.items() if key != "description"}
        yield Argument(
            name=name,
            summary=summary,
            kind=Kind.TYPED,
            required=name in required,
            example=f"{name}: ...",
            schema=schema,
        )


class KafkaOwnFunctions:
    """Asks Kafka each time: a definition is checked against what is there."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._settings = settings
        self._codec = codec

    async def announced(self) -> Mapping[str, Function]:
        """See `OwnFunctions`. An announcement that cannot be read is told and passed over."""
        found: dict[str, Function] = {}
        for key, value in (await asyncio.to_thread(self._latest)).items():
            try:
                _, data = await self._codec.decode_learning(value)
                name = key.decode()
                found[name] = function_of(name, json.loads(data["data"]))
            except (UndecodableRecord, ValueError, KeyError) as error:
                log.warning("announcement of a function not understood", reason=str(error))
        return found

    async def hosted(self, processors: Iterable[str]) -> frozenset[str]:
        """See `OwnFunctions`."""
        counts = await groups.members(self._settings, processors)
        return frozenset(name for name, count in counts.items() if count)

    async def waiting(self, functions: Iterable[str]) -> Mapping[str, int]:
        """See `OwnFunctions`."""
        topics = {name: [own_step_topic(name).name] for name in functions}
        return await asyncio.to_thread(unread, self._settings, topics)

    def _latest(self) -> dict[bytes, bytes]:
        """The last record of each key."""
        group = {"group.id": f"{self._settings.group_prefix}-functions", "enable.auto.commit": False}
        consumer = Consumer(client_config(self._settings) | group | {"enable.partition.eof": True})
        found: dict[bytes, bytes | None] = {}
        until = time.monotonic() + ASK_S
        try:
            consumer.assign([Place(OWN_FUNCTIONS.name, 0, OFFSET_BEGINNING)])
            while (left_s := until - time.monotonic()) > 0:
                record = consumer.poll(left_s)
                error = None if record is None else record.error()
                if error is not None and error.code() in NO_MORE:
                    return {key: value for key, value in found.items() if value is not None}
                if record is not None and error is None and len(record.value() or b"") <= MAX_BYTES:
                    found[record.key() or b""] = record.value()
        finally:
            consumer.close()
        raise away(self._settings, "the topic of own functions cannot be read")
