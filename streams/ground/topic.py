"""What a topic is: its name, what travels on it, how it is keyed, and for how long it keeps what.

A topic is declared once, by its owner, and everything that concerns it follows from the declaration: provisioning, the
reference page, and above all the partition of a record. Names are `<domain>.<kind>.<name>.v<N>`, dots and hyphens, no
underscores.

All topics of a flow have the same number of partitions and are keyed by the instance, so that an instance stays on one
partition number from its start to its outcome, and every processor works on its own share of the instances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from schemas import ids

DAY_MS = 86_400_000
TOMBSTONES_KEPT_MS = 7 * DAY_MS  # by changelogs; a local copy that is older cannot be brought up to date
OWN_COMMANDS_KEPT_MS = 90 * DAY_MS
MAX_RECORD_BYTES = 1_048_576  # one record; the topics allow twice that, for framing and batches
MAX_WRITTEN_BYTES = 2 * MAX_RECORD_BYTES - 4_096  # key, value and headers of the largest record that a topic takes


class Keyed(Enum):
    """What the key of a topic's records is, and so where a record goes."""

    INSTANCE = "instance id"  # the partition of the instance
    STEP = "step id"  # the same, told by the instance that a step id begins with
    HASH = "as published"  # murmur2 of the key, as every Kafka client has it
    LETTER = "letter id"  # the partition number that it begins with
    CAUSE = "as received"  # any key: the partition number of the record that it comes from
    NONE = "one partition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic as declared. Two topics of one name are the same topic."""

    name: str
    messages: tuple[str, ...] = field(compare=False)  # Avro records that travel on it
    keyed: Keyed = field(default=Keyed.INSTANCE, compare=False)
    key: str = field(default="", compare=False)  # for people, where `keyed` does not say it
    written_by: str = field(default="", compare=False)  # by whom, beside the processors that declare it
    retention_ms: int = field(default=7 * DAY_MS, compare=False)
    compacted: bool = field(default=False, compare=False)
    config: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def one_partition(self) -> bool:
        """Whether it has a single partition; all others have as many as the flow."""
        return self.keyed is Keyed.NONE

    def partition_of(self, key: bytes, count: int) -> int | None:
        """The partition of a record with this key among `count`; None where key or cause decide elsewhere.

        Raises ValueError where the key is not of the topic's kind.
        """
        match self.keyed:
            case Keyed.INSTANCE:
                return ids.partition_of(key.decode(), count)
            case Keyed.STEP:
                return ids.partition_of(ids.instance_of(key.decode()), count)
            case Keyed.LETTER:
                return ids.letter_partition(key.decode(), count)
            case Keyed.NONE:
                return 0
            case _:
                return None

    def settings(self, min_insync: int) -> dict[str, str]:
        """Broker-side configuration of the topic."""
        common = {"max.message.bytes": str(2 * MAX_RECORD_BYTES), "min.insync.replicas": str(min_insync)}
        cleanup = (
            {"cleanup.policy": "compact"}
            if self.compacted
            else {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}
        )
        return common | cleanup | dict(self.config)


def changelog(processor: str, table: str) -> Topic:
    """The topic that backs a processor's state table.

    `min.compaction.lag.ms` keeps the traces of a zombie writer until they were looked at.
    """
    return Topic(
        name=f"{processor}.changelog.{table}.v1",
        messages=(),
        keyed=Keyed.CAUSE,
        key="key of the row",
        compacted=True,
        config={
            "min.compaction.lag.ms": "3600000",
            "segment.bytes": str(100 * 2**20),
            "min.cleanable.dirty.ratio": "0.2",
            "delete.retention.ms": str(TOMBSTONES_KEPT_MS),
        },
    )


def dead_letter_topic(processor: str) -> Topic:
    """The topic of the commands that a step processor could not carry out."""
    return Topic(name=f"dead-letter.command.{processor}.v1", messages=("DeadLetter",), retention_ms=30 * DAY_MS)


OWN_DEAD_LETTERS = replace(dead_letter_topic("own"), written_by="own steps")
"""One for all own functions: who recovers reads it whether any is hosted or not."""


def step_topic(processor: str) -> Topic:
    """The topic on which a step processor gets its commands."""
    return Topic(name=f"step.command.{processor}.v1", messages=("StepCommand", "CancelStep"), written_by="orchestrate")


def own_step_topic(function: str) -> Topic:
    """The topic on which an own function gets its commands; they wait there until somebody hosts it."""
    return replace(step_topic(function), retention_ms=OWN_COMMANDS_KEPT_MS)
