"""Makes the topics that are declared, and refuses to work on topics that are not as declared."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata
from confluent_kafka.cimpl import NewTopic

from streams.ground.errors import ConfigurationError, UnavailableError
from streams.ground.kafka import client_config, offsets
from streams.ground.settings import Settings
from streams.ground.topic import Keyed, Topic

ASK_TIMEOUT_S = 30
MAKE_TIMEOUT_S = 180  # for all topics; a broker on a busy machine was seen to take 20
_TIMED_OUT = {KafkaError.REQUEST_TIMED_OUT, KafkaError._TIMED_OUT}
AGAIN_S = 0.05
_PARTED_AS_THE_FLOW = (Keyed.INSTANCE, Keyed.STEP)


async def provision(settings: Settings, topics: Iterable[Topic]) -> None:
    """Creates the topics that do not exist yet; existing ones keep their configuration. When it returns, each partition
    of those it created has a leader that answers.

    Raises UnavailableError if the brokers, or leaders of new partitions, do not answer, ConfigurationError if brokers
    refuse, or if a topic of the flow has another number of partitions than the setting says.
    """
    await asyncio.to_thread(_provision, settings, tuple(dict.fromkeys(topics)))


def look_at_cluster(settings: Settings, topics: Iterable[Topic], within_s: float = ASK_TIMEOUT_S) -> str:
    """The id of the cluster; blocks, so long at most.

    Raises UnavailableError if the brokers do not answer, and ConfigurationError where a topic of the flow has another
    number of partitions than EXLIFY_PARTITIONS says: records would go where nobody looks for them.
    """
    found = _metadata(AdminClient(client_config(settings)), settings, within_s)
    _check(settings, topics, found)
    return str(found.cluster_id)


def _provision(settings: Settings, topics: tuple[Topic, ...]) -> None:
    admin = AdminClient(client_config(settings))
    found = _metadata(admin, settings)
    _check(settings, topics, found)
    missing = [_new_topic(topic, settings) for topic in topics if topic.name not in found.topics]
    if not missing:
        return
    patience = {"operation_timeout": MAKE_TIMEOUT_S, "request_timeout": MAKE_TIMEOUT_S + ASK_TIMEOUT_S}
    for name, future in admin.create_topics(missing, **patience).items():
        try:
            future.result()
        except KafkaException as error:
            code = error.args[0].code()
            if code in _TIMED_OUT:
                raise UnavailableError(f"Topic {name} is not created after {MAKE_TIMEOUT_S} s.") from None
            if code != KafkaError.TOPIC_ALREADY_EXISTS:
                raise ConfigurationError(f"Topic {name} cannot be created: {error.args[0].str()}.") from None
    _wait_for_leaders(admin, settings, missing)


def _wait_for_leaders(admin: AdminClient, settings: Settings, made: Iterable[NewTopic]) -> None:
    """Brokers say that a topic is created before its partitions take records or tell what they hold."""
    silent = {(topic.topic, number) for topic in made for number in range(topic.num_partitions)}
    deadline = time.monotonic() + MAKE_TIMEOUT_S
    while True:
        _metadata(admin, settings)  # anew: librdkafka keeps in mind, and asks nobody, that a partition has no leader
        silent -= offsets(admin, silent, "latest", ASK_TIMEOUT_S).keys()
        if not silent:
            return
        if time.monotonic() > deadline:
            topics = ", ".join(sorted({topic for topic, _ in silent}))
            raise UnavailableError(f"New partitions have no leader after {MAKE_TIMEOUT_S} s: {topics}.")
        time.sleep(AGAIN_S)


def _metadata(admin: AdminClient, settings: Settings, within_s: float = ASK_TIMEOUT_S) -> ClusterMetadata:
    try:
        return admin.list_topics(timeout=within_s)
    except KafkaException as error:
        raise UnavailableError(
            f"Kafka at {settings.bootstrap} does not answer ({error.args[0].str()}). Is it running? EXLIFY_BOOTSTRAP "
            "says where it is."
        ) from None


def _check(settings: Settings, topics: Iterable[Topic], found: ClusterMetadata) -> None:
    for topic in topics:
        known = found.topics.get(topic.name)
        count = settings.partitions if known is None else len(known.partitions)
        if topic.keyed in _PARTED_AS_THE_FLOW and count != settings.partitions:
            raise ConfigurationError(
                f"Topic {topic.name} has {count} partitions, EXLIFY_PARTITIONS is {settings.partitions}. Set "
                f"EXLIFY_PARTITIONS={count}; the number cannot change while there are instances."
            )


def _new_topic(topic: Topic, settings: Settings) -> NewTopic:
    return NewTopic(
        topic.name,
        num_partitions=1 if topic.one_partition else settings.partitions,
        replication_factor=settings.replication,
        config=topic.settings(settings.min_insync),
    )
