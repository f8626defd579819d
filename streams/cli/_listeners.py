"""Which workflows an event would start or reach, as the topic of definitions says now; the gateway need not run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from streams.ground.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from schemas.codec import Codec
    from streams.definitions.book import DefinitionBook
    from streams.ground.settings import Settings

ASK_S = 10.0
_EVERY = re.compile(r"""any["']?\s*:\s*\[\s*\]""")  # a definition that every event may be for


async def listeners(settings: Settings, codec: Codec, event_type: str, allow_none: bool) -> DefinitionBook:
    """The workflows that wait for events of this type: that start on them in their newest version, or listen for them
    in any.

    Raises UsageError where there are none, unless that is allowed, and UnavailableError.
    """
    from schemas.codec import UndecodableRecord
    from schemas.messages import OWN_EVENT_TYPE, WORKFLOW_DEFINITION, WORKFLOW_STATE
    from streams.catalogue import FUNCTIONS
    from streams.definitions import event_types
    from streams.definitions.book import DefinitionBook

    book = DefinitionBook(FUNCTIONS)
    versions: dict[str, list[dict[str, Any]]] = {}
    words: list[dict[str, Any]] = []
    for value in _values(settings):
        try:
            name, data = await codec.decode_learning(value)
        except UndecodableRecord:
            continue
        if name == WORKFLOW_DEFINITION:
            versions.setdefault(data["name"], []).append(data)
        elif name == WORKFLOW_STATE:
            words.append(data)
        elif name == OWN_EVENT_TYPE:
            event_types.learn(book.types, codec, data)
    for data in words:
        book.learn_state(data)
    for each in versions.values():
        if any(event_type in data["yaml"] or _EVERY.search(data["yaml"]) for data in each):
            for data in each:
                book.learn(data)
    if not (book.for_event(event_type) or book.listened_for(event_type) or book.triggered_by(event_type) or allow_none):
        raise UsageError(
            _nobody(event_type, {type_ for each in versions.values() for type_ in each[-1]["event_types"]})
        )
    return book


async def outcome_types(settings: Settings, codec: Codec) -> None:
    """Has the codec know what typed outcomes are written with. Raises UnavailableError."""
    from schemas.codec import UndecodableRecord
    from schemas.messages import WORKFLOW_DEFINITION
    from streams.definitions.outcome_types import outcome_type_of

    for value in _values(settings):
        with suppress(UndecodableRecord):
            name, data = await codec.decode_learning(value)
            outcome = outcome_type_of(data) if name == WORKFLOW_DEFINITION else None
            if outcome is not None:
                codec.know(outcome.id, outcome.schema)


def _nobody(event_type: str, known: set[str]) -> str:
    close = get_close_matches(event_type, known, n=1)
    meant = f"Did you mean {close[0]}? They wait for" if close else "They wait for"
    told = f"{meant} {', '.join(sorted(known)[:10])}" if known else "No workflow that events start is deployed"
    return (
        f"publish: no workflow waits for events of type {event_type}. {told}. --allow-unmatched publishes all the same"
    )


def _values(settings: Settings) -> Iterator[bytes]:
    """Everything on the topic of definitions."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

    from streams.definitions import DEFINITIONS
    from streams.ground.kafka import client_config

    own = {
        "group.id": f"{settings.group_prefix}-definitions",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
    consumer = Consumer(client_config(settings) | own)
    try:
        if consumer.list_topics(DEFINITIONS.name, timeout=ASK_S).topics[DEFINITIONS.name].error is not None:
            return
        first, end = consumer.get_watermark_offsets(TopicPartition(DEFINITIONS.name, 0), timeout=ASK_S)
        consumer.assign([TopicPartition(DEFINITIONS.name, 0, OFFSET_BEGINNING)])
        position = first
        while position < end and (message := consumer.poll(ASK_S)) is not None:
            error = message.error()
            if error is None:
                position = (message.offset() or 0) + 1
                yield message.value() or b""
            elif error.code() == KafkaError._PARTITION_EOF:
                position = end
        if position >= end:
            return
        raise UnavailableError(f"Kafka at {settings.bootstrap} does not tell which workflows are deployed.")
    except KafkaException as error:
        raise UnavailableError(
            f"Kafka at {settings.bootstrap} does not answer ({error.args[0].str()}). Is it running?"
        ) from None
    finally:
        consumer.close()
