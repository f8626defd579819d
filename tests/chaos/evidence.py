"""What a run has left behind: the ledger of the systems outside, and topics. Nothing here asks a view of ours."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer, TopicPartition

from schemas.codec import Codec
from schemas.messages import STEP_COMMAND, STEP_RESULT, STEP_RETRYING
from schemas.steps import id_of
from streams.definitions import outcome_topic
from streams.ground.kafka import client_config
from streams.processors.orchestrate import INBOX, INCIDENTS
from streams.runtime.letters import retry_of
from tests.acceptance.site import Site
from tests.chaos.peers import LEDGER
from tests.chaos.proxy import FAULTS
from tests.support.waiting import PATIENCE_S

PAGE = 500
FETCH_S = 0.2


class Try(NamedTuple):
    """A step, and which re-attempt of it."""

    step: str
    retry: int


@dataclass
class Letters:
    """What became of commands that could not be carried out, as topics tell it."""

    commands: set[Try] = field(default_factory=set)
    letters: set[Try] = field(default_factory=set)
    announced: set[Try] = field(default_factory=set)  # re-attempts
    answers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # statuses of results, by step


def letters(site: Site) -> Letters:
    """Every command, every letter, and every answer on the inbox."""
    found, codec = Letters(), Codec.offline()
    for declared in (each for each in site.hosted if each.buries):
        for record in site.read(declared.commands):
            name, data = codec.decode(record.value or b"")
            if name == STEP_COMMAND:
                found.commands.add(Try(id_of(data), retry_of(record)))
        for record in site.read(declared.dead_letters):
            _, data = codec.decode(record.value or b"")
            found.letters.add(Try(id_of(data), data["retry"]))
    for record in site.read(INBOX):
        name, data = codec.decode(record.value or b"")
        if name == STEP_RETRYING:
            found.announced.add(Try(id_of(data), data["retry"]))
        elif name == STEP_RESULT:
            found.answers[id_of(data)].add(data["status"])
    return found


class Watch:
    """How instances stand, from the topics of outcomes and incidents; goes on where the broker is away for a while."""

    def __init__(self, site: Site, workflow: str) -> None:
        self.outcomes: dict[str, set[bytes]] = defaultdict(set)
        self.statuses: Counter[str] = Counter()
        self.ended_ms: dict[str, int] = {}
        self.incidents: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)  # by instance and number
        self._codec = Codec.offline()
        self._site = site
        self._outcome_topic = outcome_topic(workflow).name
        self._consumer = Consumer(client_config(site.settings) | {"group.id": "chaos", "enable.auto.commit": False})
        topics, numbers = (self._outcome_topic, INCIDENTS.name), range(site.settings.partitions)
        self._consumer.assign([TopicPartition(topic, number, 0) for topic in topics for number in numbers])

    @property
    def waiting(self) -> dict[str, list[dict[str, Any]]]:
        """Open incidents by instance."""
        still = {
            instance: [each for each in known.values() if each["status"] == "open"]
            for instance, known in self.incidents.items()
        }
        return {instance: found for instance, found in still.items() if found}

    def until_settled(self, instances: Collection[str], share: float, tend: Callable[[], None]) -> None:
        """Returns once such a share of the instances has ended or has an incident; fails when nothing moves."""
        last = time.monotonic()
        while len(self.outcomes.keys() | self.incidents.keys()) < share * len(instances):
            tend()
            if self.fetch():
                last = time.monotonic()
            elif time.monotonic() - last > PATIENCE_S:
                missing = set(instances) - self.outcomes.keys() - self.incidents.keys()
                raise AssertionError(f"{len(missing)} do not move: {[*missing][:5]}\n{self._site.workers.log_tails()}")

    def fetch(self) -> int:
        """Takes what has come; gives how much."""
        records = [each for each in self._consumer.consume(PAGE, FETCH_S) if each.error() is None]
        for record in records:
            value = bytes(record.value() or b"")
            _, data = self._codec.decode(value)
            instance = data["instance_id"]
            if record.topic() == self._outcome_topic:
                self.statuses[data["status"]] += instance not in self.outcomes
                self.outcomes[instance].add(value)
                self.ended_ms.setdefault(instance, record.timestamp()[1])
            else:
                known = self.incidents[instance].get(data["number"])
                if known is None or data["seq"] >= known["seq"]:
                    self.incidents[instance][data["number"]] = data
        return len(records)

    def close(self) -> None:
        """Lets go of the connection."""
        self._consumer.close()


def ledger(folder: Path) -> list[dict[str, Any]]:
    """Every effect that the systems outside were asked for."""
    return list(_lines(folder / LEDGER))


def requests(folder: Path) -> list[dict[str, Any]]:
    """Every request that has come to the proxy, and what it did to it."""
    return list(_lines(folder / FAULTS))


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    return (json.loads(line) for line in path.read_text().splitlines()) if path.exists() else ()
