"""What comes on a topic of somebody else's cluster: read by a group, whose positions follow what was done with.

Any number of readers may share the group. The client asks nobody for time, so it has a thread of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.hub.contract import Refused
from connectors.hub.inlet import MOST_BYTES, Came, InletError
from connectors.kafka.address import Cluster
from schemas.reasons import Reason
from schemas.recordheaders import UNREADABLE, WHY, headers_of

T = TypeVar("T")
LOOK_S = 2.0  # how long is waited for the first message
MORE_S = 0.05  # and for those behind it
PATIENCE_S = 20.0
SESSION_MS = 10_000  # how long a reader that was killed is waited for
_SETTINGS: Mapping[str, Any] = {
    "client.id": "exlify-hub",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "session.timeout.ms": SESSION_MS,
    "queued.max.messages.kbytes": 16_384,
    "fetch.message.max.bytes": 1_048_576,
    "reconnect.backoff.max.ms": 1_000,
    "log_level": 0,
}
_SAID = {
    KafkaError._AUTHENTICATION: (Reason.AUTH_EXPIRED, "the cluster does not let us in"),
    KafkaError._SSL: (Reason.UNREACHED, "TLS fails; see whom `tls` trusts, and whether the cluster speaks TLS"),
    KafkaError._ALL_BROKERS_DOWN: (Reason.UNREACHED, "no server of the cluster is reached"),
    KafkaError._RESOLVE: (Reason.UNREACHED, "no server of the cluster is reached"),
    KafkaError.UNKNOWN_TOPIC_OR_PART: (Reason.NOT_FOUND, "the topic is not there"),
    KafkaError.TOPIC_AUTHORIZATION_FAILED: (Reason.FORBIDDEN, "we may not read the topic"),
    KafkaError.GROUP_AUTHORIZATION_FAILED: (Reason.FORBIDDEN, "we may not read as this group; name another `group`"),
}


class KafkaInlet:
    """The messages of one topic. `cluster` says where it is, as it is now; it may raise Refused."""

    def __init__(self, cluster: Callable[[], Cluster], topic: str, group: str, start: str) -> None:
        """`start` is where a new group begins: `earliest` or `latest`."""
        self._cluster = cluster
        self._topic = topic
        self._config = {**_SETTINGS, "group.id": group, "auto.offset.reset": start}
        self._consumer: Consumer | None = None
        self._to: Cluster | None = None
        self._done: dict[int, int] = {}  # by partition: behind what was taken last
        self._noticed: list[KafkaError] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kafka-inlet")

    async def take(self, most: int) -> Sequence[Came]:
        """As Inlet has it."""
        return await self._aside(lambda: self._taken(most))

    async def settle(self) -> None:
        """As Inlet has it."""
        await self._aside(self._settled)

    async def close(self) -> None:
        """As Inlet has it."""
        await self._aside(self._end)
        self._thread.shutdown(wait=False)

    async def _aside(self, work: Callable[[], T]) -> T:
        running = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            return await asyncio.shield(running)
        except Refused as refused:
            raise InletError(refused.outcome.reason, refused.outcome.detail) from None
        except KafkaException as error:
            raise InletError(*_explained(error.args[0])) from None

    def _taken(self, most: int) -> Sequence[Came]:
        cluster = self._cluster()
        if self._consumer is None or self._to != cluster:
            self._end()
            self._consumer = Consumer({**self._config, **cluster.settings(), "error_cb": self._noticed.append})
            self._to = cluster
            self._consumer.subscribe([self._topic])
        first = self._consumer.poll(LOOK_S)
        found = [] if first is None else [first, *self._consumer.consume(most - 1, MORE_S)] if most > 1 else [first]
        self._done = {}
        for each in found:
            if (error := each.error()) is not None:
                raise KafkaException(error)
            self._done[each.partition() or 0] = (each.offset() or 0) + 1
        if not found and (wrong := next((each for each in self._noticed if each.code() in _SAID), None)):
            raise KafkaException(wrong)
        self._noticed.clear()
        return [self._read(each) for each in found]

    def _settled(self) -> None:
        if self._consumer is not None and self._done:
            offsets = [TopicPartition(self._topic, number, offset) for number, offset in self._done.items()]
            self._consumer.commit(offsets=offsets, asynchronous=False)

    def _end(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def _read(self, message: Message) -> Came:
        content = message.value() or b""
        given = headers_of(message)
        headers = {name.lower(): _text(value) for name, value in given if value is not None}
        return Came(
            id=f"{message.partition()}/{message.offset()}",
            content=None if len(content) > MOST_BYTES else content,
            content_type=headers.get("content-type", ""),
            headers=headers,
            place=f"partition {message.partition()} at {message.offset()}",
            fault=WHY if given is UNREADABLE else "",
        )


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def _explained(error: KafkaError) -> tuple[Reason, str]:
    return _SAID.get(error.code(), (Reason.REMOTE_FAULT, f"the cluster cannot be read now ({error.name()})"))
