"""Clients of clusters: each is one call's at a time, so that its end says what became of one message and of no other.

A client has threads and sockets of its own and asks nobody for time, so all of this runs outside of the event loop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, Producer

from connectors.kafka.address import Cluster

MOST_IDLE = 16  # of all clusters
MOST_TOPICS = 100  # that a client remembers
IDLE_S = 60.0
_SETTINGS = {
    "client.id": "exlify-hub",
    "acks": "all",
    "enable.idempotence": True,  # a try of the client's own that follows a lost answer is no second message
    "partitioner": "murmur2_random",  # the partition that clients in Java give a key
    "linger.ms": 0,
    "reconnect.backoff.max.ms": 1_000,
    "topic.metadata.propagation.max.ms": 0,  # a topic that is not there is told at once
    "log_level": 0,  # what is wrong stands in the outcome
}


@dataclass(slots=True)
class Client:
    """A client that is one call's."""

    producer: Producer
    errors: list[KafkaError]  # what it has noticed by itself since the call began
    topics: set[str] = field(default_factory=set)
    well: bool = False  # whether the next call may have it
    since: float = 0.0

    def end(self) -> None:
        """What it still has is not sent any more."""
        self.producer.purge()
        self.producer.close()


class Producers:
    """Those that are idle, by cluster; for any thread."""

    def __init__(self) -> None:
        self._idle: list[tuple[Cluster, Client]] = []
        self._lock = threading.Lock()

    @contextmanager
    def lent(self, cluster: Cluster) -> Iterator[Client]:
        """A client. It is kept for the next call where it was set to be `well`."""
        client = self._kept(cluster) or connected(cluster)
        try:
            yield client
        except BaseException:
            client.end()
            raise
        self._give_back(cluster, client)

    def close(self) -> None:
        """Ends all."""
        with self._lock:
            ended, self._idle = self._idle, []
        for _, client in ended:
            client.end()

    def _kept(self, cluster: Cluster) -> Client | None:
        oldest = time.monotonic() - IDLE_S
        with self._lock:
            old = [client for _, client in self._idle if client.since < oldest]
            self._idle = [each for each in self._idle if each[1].since >= oldest]
            found = next((each for each in reversed(self._idle) if each[0] == cluster), None)
            if found is not None:
                self._idle.remove(found)
        for client in old:
            client.end()
        if found is None:
            return None
        found[1].well = False
        found[1].errors.clear()
        return found[1]

    def _give_back(self, cluster: Cluster, client: Client) -> None:
        client.since = time.monotonic()
        with self._lock:
            keeps = client.well and len(self._idle) < MOST_IDLE and len(client.topics) <= MOST_TOPICS
            if keeps:
                self._idle.append((cluster, client))
        if not keeps:
            client.end()


def connected(cluster: Cluster) -> Client:
    """A new client; it connects when it is first used. Raises KafkaException for certificates that are none."""
    errors: list[KafkaError] = []
    return Client(Producer({**_SETTINGS, **cluster.settings(), "error_cb": errors.append}), errors)
