"""What is done at a cluster, with one client and within its time.

The cluster is asked for the topic first, at every call: what fails there has no effect, however it fails. After that
the message is with the client, and only what the broker says of it is certain.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Message as Delivered
from confluent_kafka.admin._metadata import ClusterMetadata

from connectors.hub.contract import Refused
from connectors.kafka.message import Message
from connectors.kafka.producers import Client
from schemas.payload import Json
from schemas.reasons import Reason

MOST_TOPICS = 1_000
_SLICE_S = 0.2
_FIRST_LOOK_S = 0.2

# What a broker says of a message that it has not taken, and would not have taken at an earlier try either.
REFUSALS = {
    KafkaError.MSG_SIZE_TOO_LARGE: Reason.INPUT_INVALID,
    KafkaError.RECORD_LIST_TOO_LARGE: Reason.INPUT_INVALID,
    KafkaError.INVALID_MSG: Reason.INPUT_INVALID,
    KafkaError.INVALID_RECORD: Reason.BUSINESS_REJECTED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: Reason.FORBIDDEN,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: Reason.FORBIDDEN,
    KafkaError.POLICY_VIOLATION: Reason.BUSINESS_REJECTED,
}
_AWAY = (KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE)


class DoubtError(Exception):
    """The message may be in the topic."""


@dataclass(frozen=True, slots=True)
class Time:
    """How long a call has, and whether somebody still waits for it."""

    ends: float
    stopped: threading.Event = field(default_factory=threading.Event)

    def left(self, at_most: float) -> float:
        """Seconds, none when nobody waits any more."""
        return 0.0 if self.stopped.is_set() else max(0.0, min(at_most, self.ends - time.monotonic()))


@dataclass(frozen=True, slots=True)
class Publish:
    """A message is written."""

    message: Message

    def done(self, client: Client, spare: Time) -> Json:
        """Where it stands. Raises Refused for what has no effect, DoubtError otherwise."""
        message = self.message
        client.topics.add(message.topic)
        _judge_topic(_looked_up(client, spare, message.topic), message.topic)
        reports: list[tuple[KafkaError | None, Delivered]] = []
        try:
            client.producer.produce(
                message.topic,
                message.value,
                message.key,
                headers=list(message.headers),
                on_delivery=lambda error, delivered: reports.append((error, delivered)),
            )
        except (KafkaException, BufferError) as error:
            code = error.args[0].code() if isinstance(error, KafkaException) else KafkaError._QUEUE_FULL
            raise Refused(REFUSALS.get(code, Reason.PLATFORM_FAULT), "the client does not take the message") from None
        while not reports and (left := spare.left(_SLICE_S)):
            client.producer.flush(left)
        if not reports:
            raise DoubtError("the cluster has not confirmed the message in time")
        ((failure, delivered),) = reports
        if failure is None:
            return {
                "id": message.id,
                "topic": message.topic,
                "partition": delivered.partition(),
                "offset": delivered.offset(),
            }
        if (reason := REFUSALS.get(failure.code())) is not None:
            raise Refused(reason, f"the cluster refuses the message ({failure.name()})")
        raise DoubtError(f"the cluster has not confirmed the message ({failure.name()})")


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics are listed."""

    match: str

    def done(self, client: Client, spare: Time) -> Json:
        """Their names, with how many partitions they have."""
        found = _looked_up(client, spare, None).topics
        names = sorted(name for name in found if fnmatchcase(name, self.match))
        if len(names) > MOST_TOPICS:
            raise Refused(Reason.REPLY_TOO_LARGE, f"there are more than {MOST_TOPICS:,} topics; write a closer `match`")
        listed: list[Json] = [{"topic": name, "partitions": len(found[name].partitions)} for name in names]
        return {"topics": listed, "count": len(listed)}


Work = Publish | Topics


def _looked_up(client: Client, spare: Time, topic: str | None) -> ClusterMetadata:
    """What the cluster says of a topic, or of all of them. Raises Refused."""
    look_s = _FIRST_LOOK_S
    while left := spare.left(look_s):
        try:
            known: ClusterMetadata = client.producer.list_topics(topic=topic, timeout=left)
        except KafkaException:
            client.producer.poll(0)
        else:
            return known
        noticed = {each.code() for each in client.errors}
        if KafkaError._AUTHENTICATION in noticed:
            raise Refused(Reason.AUTH_EXPIRED, "the cluster does not let us in")
        if KafkaError._SSL in noticed:
            raise Refused(Reason.UNREACHED, "TLS fails; see whom `tls` trusts, and whether the cluster speaks TLS")
        if noticed.intersection(_AWAY):
            raise Refused(Reason.UNREACHED, "no server of the cluster is reached")
        look_s *= 2
    raise Refused(Reason.TIMED_OUT, "the cluster does not answer in time")


def _judge_topic(known: ClusterMetadata, topic: str) -> None:
    found = known.topics.get(topic)
    error = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART) if found is None else found.error
    if error is None:
        return
    if error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
        raise Refused(Reason.NOT_FOUND, "the topic is not there")
    if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        raise Refused(Reason.FORBIDDEN, "we may not see the topic")
    raise Refused(Reason.REMOTE_FAULT, f"the topic cannot be written to now ({error.name()})")
