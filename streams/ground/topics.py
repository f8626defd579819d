"""Every topic, once: name, messages, key, retention and compaction. The provisioner and the documents are made from it.

Names are `<domain>.<kind>.<name>.v<N>`. All flow topics have the same number of partitions and the key `instance id`,
so that an instance stays on one partition from its start to its outcome, and every processor works on its own share
of the instances.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas.business import EventTypes
from streams.ground.errors import ConfigurationError, UnavailableError
from streams.ground.kafka import client_config
from streams.ground.settings import Settings

INBOX = "engine.inbox.instance.v1"
STEP_CALL = "step.command.call.v1"
STEP_DECIDE = "step.command.decide.v1"
STEP_HUMAN = "step.command.human.v1"
HUMAN_ACTION = "human.action.task.v1"
HUMAN_TASK = "human.state.task.v1"
HISTORY = "engine.history.instance.v1"
DEFINITION = "engine.state.definition.v1"
DECISION = "decide.record.decision.v1"
PARKING = "engine.parking.record.v1"
GENERIC_EVENT = "business.event.generic.v1"

DAY_MS = 86_400_000
TOMBSTONES_KEPT_MS = 7 * DAY_MS  # by changelogs; a local copy that is older cannot be brought up to date
MAX_RECORD_BYTES = 1_048_576  # one record; the topics allow twice that, for framing and batches


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic as declared: how it is keyed, what it holds and for how long."""

    name: str
    messages: tuple[str, ...]  # Avro records that travel on it
    key: str = "instance id"
    partitions: int = 0  # 0: as many as all flow topics
    retention_ms: int = 7 * DAY_MS
    compacted: bool = False
    config: Mapping[str, str] = field(default_factory=dict)

    def settings(self, min_insync: int) -> dict[str, str]:
        """Broker-side configuration of the topic."""
        common = {"max.message.bytes": str(2 * MAX_RECORD_BYTES), "min.insync.replicas": str(min_insync)}
        cleanup = (
            {"cleanup.policy": "compact"}
            if self.compacted
            else {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}
        )
        return common | cleanup | dict(self.config)


CATALOGUE: tuple[Topic, ...] = (
    Topic(name=GENERIC_EVENT, messages=("GenericEvent",), key="subject, or event id"),
    Topic(name=INBOX, messages=("StartInstance", "StepResult", "TimerFired", "CancelInstance")),
    Topic(name=STEP_CALL, messages=("StepCommand", "CancelStep")),
    Topic(name=STEP_DECIDE, messages=("StepCommand", "CancelStep")),
    Topic(name=STEP_HUMAN, messages=("StepCommand", "CancelStep")),
    Topic(name=HUMAN_ACTION, messages=("HumanAction",)),
    Topic(
        name=HUMAN_TASK,
        messages=("HumanTask",),
        key="task id",
        compacted=True,
        config={"delete.retention.ms": str(7 * DAY_MS)},
    ),
    Topic(name=HISTORY, messages=("HistoryEntry",), retention_ms=90 * DAY_MS),
    Topic(name=DECISION, messages=("Decision",), retention_ms=365 * DAY_MS),
    Topic(name=DEFINITION, messages=("WorkflowDefinition",), key="digest", partitions=1, compacted=True),
    Topic(name=PARKING, messages=(), key="as received", retention_ms=30 * DAY_MS),
)


def outcome_topic(workflow: str) -> str:
    """The topic on which the outcomes of a workflow appear, once per instance."""
    return f"engine.outcome.{workflow}.v1"


def changelog_topic(processor: str, table: str) -> str:
    """The topic that backs a processor's state table."""
    return f"{processor}.changelog.{table}.v1"


def outcome(workflow: str) -> Topic:
    """Declaration of a workflow's outcome topic."""
    return Topic(name=outcome_topic(workflow), messages=("InstanceOutcome",), retention_ms=30 * DAY_MS)


def changelog(processor: str, table: str) -> Topic:
    """Declaration of a changelog; `min.compaction.lag.ms` keeps the traces of a zombie writer until they were looked
    at."""
    return Topic(
        name=changelog_topic(processor, table),
        messages=(),
        compacted=True,
        config={
            "min.compaction.lag.ms": "3600000",
            "segment.bytes": str(100 * 2**20),
            "min.cleanable.dirty.ratio": "0.2",
            "delete.retention.ms": str(TOMBSTONES_KEPT_MS),
        },
    )


CHANGELOGS = (changelog("orchestrate", "instance"), changelog("call", "call"), changelog("human", "task"))


def business(settings: Settings) -> tuple[Topic, ...]:
    """Topics of business events that have a schema of their own, and those that the settings add."""
    typed = tuple(
        Topic(name=topic, messages=(name,), key="subject, or event id")
        for topic, name in sorted(EventTypes.load().topics().items())
        if topic != GENERIC_EVENT
    )
    known = {topic.name for topic in typed}
    more = (name.strip() for name in settings.business_topics.split(","))
    return typed + tuple(
        Topic(name=name, messages=(), key="as published") for name in more if name and name not in known
    )


def all_topics(settings: Settings) -> tuple[Topic, ...]:
    """Every topic that must exist before a worker starts; outcome topics come with their workflow's deployment."""
    return CATALOGUE + CHANGELOGS + business(settings)


async def provision(bootstrap: str, settings: Settings, topics: Iterable[Topic] | None = None) -> None:
    """Creates the topics that do not exist yet; existing ones keep their configuration.

    Raises UnavailableError if the brokers do not answer, ConfigurationError if they refuse.
    """
    await asyncio.to_thread(_provision, bootstrap, settings, tuple(all_topics(settings) if topics is None else topics))


def _provision(bootstrap: str, settings: Settings, topics: tuple[Topic, ...]) -> None:
    admin = AdminClient(client_config(settings, bootstrap))
    try:
        existing = admin.list_topics(timeout=30).topics
    except KafkaException as error:
        raise UnavailableError(
            f"Kafka at {bootstrap} does not answer ({error.args[0].str()}). Is it running?"
        ) from None
    missing = [_new_topic(topic, settings) for topic in topics if topic.name not in existing]
    for name, future in admin.create_topics(missing, operation_timeout=30).items() if missing else ():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise ConfigurationError(f"Topic {name} cannot be created: {error.args[0].str()}.") from None


def _new_topic(topic: Topic, settings: Settings) -> NewTopic:
    return NewTopic(
        topic.name,
        num_partitions=topic.partitions or settings.partitions,
        replication_factor=settings.replication,
        config=topic.settings(settings.min_insync),
    )
