"""`exlify topics`: the catalogue, and how far the processors are."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import click

from streams.cli._client import with_kafka
from streams.cli._output import json_option, print_json, print_table
from streams.ground.errors import UnavailableError

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

    from streams.ground.settings import Settings

ASK_S = 10.0
AGAIN_S = 0.2


@click.command(
    epilog="""\b
Examples:
  exlify topics
  exlify topics --json | jq '.[] | select(.lag | length > 0)'
  exlify topics --create             as `exlify up` does; for a cluster of your own
"""
)
@click.option("--create", is_flag=True, help="Create those of the catalogue that are missing.")
@json_option
def command(create: bool, as_json: bool) -> None:
    """Show every topic of Exlify: partitions, records kept, and how many of them each processor has yet to read."""
    from streams import catalogue
    from streams.ground.provision import provision

    settings = with_kafka()
    if create:
        asyncio.run(provision(settings, catalogue.topics(settings)))
    found = _topics(settings)
    if as_json:
        print_json(found)
        return
    print_table(
        ("TOPIC", "PARTITIONS", "RECORDS", "KEPT", "LAG"),
        ((each["topic"], each["partitions"] or "missing", each["records"], each["kept"], _lag(each)) for each in found),
    )


def _topics(settings: Settings) -> list[dict[str, Any]]:
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient

    from streams.ground.kafka import client_config

    admin = AdminClient(client_config(settings))
    # A topic that was created a moment ago has no leader yet.
    passing = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART}
    deadline = time.monotonic() + ASK_S
    while True:
        try:
            return _asked(admin, settings)
        except KafkaException as error:
            if error.args[0].code() not in passing or time.monotonic() > deadline:
                raise UnavailableError(
                    f"Kafka at {settings.bootstrap} does not answer ({error.args[0].str()}). Is it running?"
                ) from None
        time.sleep(AGAIN_S)


def _asked(admin: AdminClient, settings: Settings) -> list[dict[str, Any]]:
    """One look at everything; raises KafkaException."""
    counts = {name: len(topic.partitions) for name, topic in admin.list_topics(timeout=ASK_S).topics.items()}
    declared = _declared(settings, counts)
    first, last = _ends(admin, {name: counts[name] for name in declared if name in counts})
    positions = _positions(admin, settings.group_prefix)
    return [_described(name, kept, counts.get(name, 0), first, last, positions) for name, kept in declared.items()]


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
    return "newest of key" if topic.compacted else f"{topic.retention_ms // 86_400_000} d"


Place = tuple[str, int]


def _ends(admin: AdminClient, counts: dict[str, int]) -> tuple[dict[Place, int], dict[Place, int]]:
    """First and next offset of every partition."""
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]  # it is documented, and not in the stubs

    places = [TopicPartition(name, number) for name, count in counts.items() for number in range(count)]

    def ask(spec: Any) -> dict[Place, int]:
        answers = admin.list_offsets(dict.fromkeys(places, spec), request_timeout=ASK_S) if places else {}
        return {(place.topic, place.partition): future.result().offset for place, future in answers.items()}

    return ask(OffsetSpec.earliest()), ask(OffsetSpec.latest())  # type: ignore[no-untyped-call]


def _positions(admin: AdminClient, prefix: str) -> dict[str, dict[Place, int]]:
    """What each processor's group has committed."""
    from confluent_kafka import ConsumerGroupTopicPartitions

    groups = [each.group_id for each in admin.list_consumer_groups(request_timeout=ASK_S).result().valid]
    ours = [group for group in groups if group.startswith(f"{prefix}-")]
    positions = {}
    for group in ours:
        asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=ASK_S)
        places = asked[group].result().topic_partitions or []
        positions[group.removeprefix(f"{prefix}-")] = {(each.topic, each.partition): each.offset for each in places}
    return positions


def _described(
    name: str,
    kept: str,
    partitions: int,
    first: dict[Place, int],
    last: dict[Place, int],
    positions: dict[str, dict[Place, int]],
) -> dict[str, Any]:
    places = [(name, number) for number in range(partitions)]
    lag = {
        processor: sum(last[place] - max(committed[place], first[place]) for place in places if place in committed)
        for processor, committed in positions.items()
        if any(place in committed for place in places)
    }
    records = sum(last[place] - first[place] for place in places)
    return {"topic": name, "partitions": partitions, "records": records, "kept": kept, "lag": lag}


def _lag(topic: dict[str, Any]) -> str:
    return ", ".join(f"{processor} {count}" for processor, count in topic["lag"].items()) or "-"
