"""Station 2, intake: a business event becomes the start of an instance of every workflow that waits for its type.

Intake keeps no state. The instance id is derived from workflow, source and event id, so the same event delivered or
published twice names the same instance, and `orchestrate` starts that once. An event that no workflow waits for is
counted, no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemas import ids
from schemas.business import EventTypes
from schemas.codec import Codec, UndecodableRecord, UnknownSchemaId
from schemas.messages import START_INSTANCE
from schemas.payload import Door, Payload
from streams.definitions import DefinitionFeed
from streams.ground import metrics, topics
from streams.ground.settings import Settings
from streams.language.graph import Graph
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, Message, NotYet, Output, Record, Row, StateView, TableSpec


class Intake:
    """Business topics in, starts out."""

    name = "intake"
    table: TableSpec | None = None
    framed = False

    def __init__(self, settings: Settings, codec: Codec, feed: DefinitionFeed) -> None:
        self.inputs = (topics.GENERIC_EVENT, *(topic.name for topic in topics.business(settings)))
        self._types = EventTypes.load()
        self._partitions = settings.partitions
        self._codec = codec
        self._feed = feed

    async def open(self) -> None:
        """Waits until the definitions deployed so far are known."""
        await self._feed.start()

    async def close(self) -> None:
        """Leaves the feed to the process, which other processors share it with."""

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """One start for each event and workflow that waits for it."""
        effects = Effects([], {})
        for message in batch:
            effects.outputs.extend(self._starts(message.record))
        return effects

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """Never called: there is no table."""
        raise NotImplementedError

    def _starts(self, record: Record) -> list[Output]:
        try:
            attributes, data = self._types.decode_event(self._codec, record.headers, record.value)
        except UnknownSchemaId as unknown:
            schema_id = unknown.schema_id
            raise NotYet(f"schema {schema_id}", lambda: self._codec.learn(schema_id)) from None
        except UndecodableRecord as error:
            metrics.INTAKE.labels("parked").inc()
            return [parked(record, self.name, str(error))]
        graphs = self._feed.started_by(attributes)
        metrics.INTAKE.labels("started" if graphs else "unmatched").inc()
        return [self._start(graph, attributes, data, record) for graph in graphs]

    def _start(self, graph: Graph, attributes: Mapping[str, str], data: Any, record: Record) -> Output:
        source = attributes.get("source", f"kafka:{record.topic}/{record.partition}")
        event_id = attributes.get("id", str(record.offset))
        instance_id = ids.instance_id(graph.name, source, event_id)
        value = self._codec.encode(
            START_INSTANCE,
            {
                "instance_id": instance_id,
                "workflow": graph.name,
                "version": graph.version,
                "digest": graph.digest,
                "source": source,
                "event_id": event_id,
                "event_type": attributes["type"],
                "business_key": attributes.get("subject"),
                "time_ms": record.timestamp_ms,
                "data": Payload.from_outside(data, Door.INTAKE),
            },
        )
        return Output(topics.INBOX, instance_id.encode(), value, (), ids.partition_of(instance_id, self._partitions))
