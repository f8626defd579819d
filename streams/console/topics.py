"""`/topics`: what stands on Kafka, and the latest records of a topic, each with the way to its instance.

Asks Kafka itself, for a few seconds at most and for a few records; nothing is committed, so nobody's position moves.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.codec import UndecodableRecord
from schemas.recordheaders import headers_of
from streams import catalogue
from streams.console.page import Page, View, Visit
from streams.console.reach import look
from streams.definitions import outcome_topic
from streams.gateway.problems import ProblemError
from streams.ground.errors import UnavailableError
from streams.ground.kafka import client_config
from streams.ground.settings import Settings

ANSWER_S = 4.0
LATEST = 20  # records of a topic that are shown
INSTANCE = re.compile(r"[0-9a-f]{32}")

Raw = Mapping[str, Any]


async def show_all(visit: Visit) -> View:
    """Every topic of the catalogue, and those of outcomes, with how far their readers are."""
    found = await asyncio.to_thread(look, visit.services.settings)
    return View(template="topics.html", data={"topics": found}, drawn={"quote": quote})


async def show(visit: Visit) -> View:
    """The latest records of one topic."""
    name, settings = visit.request.match_info["name"], visit.services.settings
    if name not in await asyncio.to_thread(_names, settings):
        raise ProblemError(404, "not-found", "There is no topic of this name.")
    raw = await asyncio.to_thread(latest, settings, name)
    records = [await _decoded(visit, each) for each in raw]
    return View(template="topic.html", data={"topic": name, "records": records, "latest": LATEST})


async def _decoded(visit: Visit, raw: Raw) -> dict[str, Any]:
    shown = {name: raw[name] for name in ("partition", "offset", "at_ms", "key", "size", "headers")}
    message, value, fault = "", None, ""
    if raw["value"] is not None:
        try:
            message, value = await visit.services.codec.decode_learning(raw["value"])
        except UndecodableRecord as error:
            fault = error.reason
    instance = value.get("instance_id") if isinstance(value, Mapping) else raw["key"]
    known = instance if isinstance(instance, str) and INSTANCE.fullmatch(instance) else None
    return {**shown, "message": message.rpartition(".")[2], "value": value, "fault": fault, "instance_id": known}


def _consumer(settings: Settings) -> Consumer:
    return Consumer(
        client_config(settings)
        | {"group.id": f"{settings.group_prefix}console", "enable.auto.commit": False, "auto.offset.reset": "error"}
    )


def _names(settings: Settings) -> list[str]:
    """Topics that exist, of those that are ours."""
    consumer = _consumer(settings)
    try:
        there = consumer.list_topics(timeout=ANSWER_S).topics
    except KafkaException as error:
        raise _away(error) from None
    finally:
        consumer.close()
    return [name for name in _ours(settings, there) if name in there]


def _ours(settings: Settings, there: Mapping[str, Any]) -> list[str]:
    prefix = outcome_topic("\0").name.partition("\0")[0]
    declared = [topic.name for topic in catalogue.topics(settings)]
    return [*declared, *sorted(name for name in there if name.startswith(prefix) and name not in declared)]


def latest(settings: Settings, name: str) -> list[Raw]:
    """The latest records, the newest first."""
    consumer, deadline = _consumer(settings), time.monotonic() + ANSWER_S
    try:
        partitions = consumer.list_topics(name, timeout=ANSWER_S).topics[name].partitions
        ends: dict[int, int] = {}
        places = []
        for number in partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(name, number), timeout=ANSWER_S)
            if high > low:
                ends[number] = high
                places.append(TopicPartition(name, number, max(low, high - LATEST)))
        consumer.assign(places)
        found: list[Raw] = []
        while ends and time.monotonic() < deadline:
            for record in consumer.consume(500, timeout=0.5):
                if record.error() is None:
                    found.append(_raw(record))
                number = record.partition()
                if number in ends and (record.offset() or 0) >= ends[number] - 1:
                    del ends[number]
            if places and not ends:
                break
            for place in consumer.position(places):
                if place.partition in ends and place.offset >= ends[place.partition]:
                    del ends[place.partition]
    except KafkaException as error:
        raise _away(error) from None
    finally:
        consumer.close()
    return sorted(found, key=lambda each: (each["at_ms"], each["offset"]), reverse=True)[:LATEST]


def _raw(record: Any) -> Raw:
    value, key = record.value(), record.key()
    return {
        "partition": record.partition(),
        "offset": record.offset(),
        "at_ms": record.timestamp()[1],
        "key": (key or b"").decode(errors="replace"),
        "value": value,
        "size": len(value or b""),
        "headers": {name: (text or b"").decode(errors="replace") for name, text in headers_of(record)},
    }


def _away(error: KafkaException) -> UnavailableError:
    return UnavailableError(f"Kafka does not answer ({error.args[0].str()}). Is it running?")


PAGES = (
    Page(path="/topics", show=show_all, section="/topics"),
    Page(path="/topics/{name}", show=show, section="/topics"),
)
