"""What Kafka tells of topics, and of how far the processors are in them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from streams.console.lag import Offsets, described
from streams.ground.errors import UnavailableError
from streams.ground.spans import span

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

    from streams.ground.settings import Settings

ANSWER_S = 8.0  # for everything
ASK_S = 4.0  # for one question
AGAIN_S = 0.2


def look(settings: Settings) -> list[dict[str, Any]]:
    """Every topic with what Kafka and the groups of our processors tell of it; raises UnavailableError."""
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient

    from streams.ground.kafka import client_config

    admin = AdminClient(client_config(settings))
    # A topic that was created a moment ago has no leader yet.
    passing = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART}
    deadline = time.monotonic() + ANSWER_S
    while True:
        try:
            found = _asked(admin, settings, deadline)
            if all(each["complete"] for each in found) or time.monotonic() > deadline - ASK_S:
                return found
        except KafkaException as error:
            if error.args[0].code() not in passing or time.monotonic() > deadline:
                raise UnavailableError(
                    f"Kafka at {settings.bootstrap} does not answer ({error.args[0].str()}), so the picture is "
                    "incomplete. Is it running?"
                ) from None
        time.sleep(AGAIN_S)


def ends(settings: Settings, names: Collection[str]) -> tuple[Offsets, Offsets]:
    """First and next offset of every partition of topics; raises UnavailableError where one does not answer."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    from streams.ground.kafka import client_config

    admin, deadline = AdminClient(client_config(settings)), time.monotonic() + ANSWER_S
    try:
        there = admin.list_topics(timeout=ASK_S).topics
        counts = {name: len(there[name].partitions) for name in names if name in there}
        first, last = _ends(admin, counts, deadline)
    except KafkaException as error:
        raise UnavailableError(f"Kafka at {settings.bootstrap} does not answer ({error.args[0].str()}).") from None
    if not len(first) == len(last) == sum(counts.values()):
        raise UnavailableError(f"Partitions of {', '.join(counts)} do not answer.")
    return first, last


def _asked(admin: AdminClient, settings: Settings, deadline: float) -> list[dict[str, Any]]:
    """One look at everything; raises KafkaException and UnavailableError."""
    from streams.runtime import groups

    counts = {name: len(topic.partitions) for name, topic in admin.list_topics(timeout=_left(deadline)).topics.items()}
    declared = _declared(settings, counts)
    first, last = _ends(admin, {name: counts[name] for name in declared if name in counts}, deadline)
    positions = {
        name: {(place.topic, place.number): offset for place, offset in each.items()}
        for name, each in asyncio.run(groups.committed(settings)).items()
    }
    return [
        {**described(name, counts.get(name, 0), first, last, positions, _readers(settings, name)), "kept": kept}
        for name, kept in declared.items()
    ]


def _left(deadline: float) -> float:
    """Seconds for the next question, so that all of them together are answered in time or given up."""
    return max(0.5, min(ASK_S, deadline - time.monotonic()))


def _readers(settings: Settings, topic: str) -> list[str]:
    """The processors that read a topic by their declaration."""
    from streams import catalogue

    return [
        name for name, each in catalogue.PROCESSORS.items() if topic in {read.name for read in each.inputs(settings)}
    ]


def _declared(settings: Settings, existing: dict[str, int]) -> dict[str, str]:
    """Topics of the catalogue and the outcome topics that exist, with how long they keep records."""
    from streams import catalogue
    from streams.definitions import outcome_topic

    kept = {topic.name: _kept(topic) for topic in catalogue.topics(settings)}
    prefix, suffix = outcome_topic("\0").name.split("\0")
    workflows = (name.removeprefix(prefix).removesuffix(suffix) for name in existing if name.startswith(prefix))
    outcomes = (outcome_topic(name) for name in sorted(workflows))
    return kept | {topic.name: _kept(topic) for topic in outcomes}


def _kept(topic: Any) -> str:
    return "newest of key" if topic.compacted else span(topic.retention_ms)


def _ends(admin: AdminClient, counts: dict[str, int], deadline: float) -> tuple[Offsets, Offsets]:
    """First and next offset of every partition that answers."""
    from streams.ground.kafka import offsets

    places = [(name, number) for name, count in counts.items() for number in range(count)]
    return offsets(admin, places, "earliest", _left(deadline)), offsets(admin, places, "latest", _left(deadline))
