"""One real instance: its records go through the engine's processor, and what history says of them comes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.codec import Codec
from schemas.messages import (
    CANCEL_INSTANCE,
    HISTORY_ENTRY,
    INCIDENT,
    REPAIR_STEP,
    START_INSTANCE,
    STEP_RESULT,
    STEP_RETRYING,
    TIMER_FIRED,
)
from streams.definitions.deploy import described
from streams.language.graph import Graph
from streams.processors.orchestrate import INBOX
from streams.processors.orchestrate.processor import Orchestrate
from streams.runtime.processor import Message, Record
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.definitions import empty_book, load
from tests.support.tables import Table

CODEC = Codec.offline()
START_MS = 1_790_000_000_000


class Story:
    """An instance of a definition; each method is a record of the inbox, a second after the one before."""

    def __init__(self, yaml: str, instance_id: str = "ab" * 16) -> None:
        self.graph, self.instance_id = load(yaml), instance_id
        self.incidents: list[dict[str, Any]] = []  # as they were written
        self.definition = described(self.graph, yaml, "test", 0)
        self.book = empty_book()
        self.book.learn(self.definition)
        self._processor, self._table, self._offset = Orchestrate(context(CODEC, definitions=self.book)), Table(), 0

    def start(self, data: Any, **fields: Any) -> list[dict[str, Any]]:
        graph = self.graph
        event = {
            "workflow": graph.name, "version": graph.version, "digest": graph.digest, "source": "test", "event_id": "1",
            "event_type": "test.v1", "time_ms": START_MS, "data": payload(data),
        }  # fmt: skip
        return self._take(START_INSTANCE, event | fields)

    def result(self, pointer: str, output: Any = None, **fields: Any) -> list[dict[str, Any]]:
        step = {"pointer": pointer, "iteration": 0, "attempt": 0, "status": "completed", "output": payload(output)}
        return self._take(STEP_RESULT, step | fields)

    def fault(self, pointer: str, **error: Any) -> list[dict[str, Any]]:
        return self.result(pointer, status="faulted", output=None, error=error)

    def failed_try(self, pointer: str, due_ms: int, retry: int = 1, **fields: Any) -> list[dict[str, Any]]:
        """A try has failed, and the next one is to begin."""
        step = {"pointer": pointer, "iteration": 0, "attempt": 0, "retry": retry, "retries": 3, "due_ms": due_ms}
        return self._take(STEP_RETRYING, step | fields)

    def retry(self, incident: int) -> list[dict[str, Any]]:
        """Somebody has a failed step done again."""
        said = {"repair_id": "r", "incident": incident, "action": "retry", "why": "they are back", "actor": "kim"}
        return self._take(REPAIR_STEP, said)

    def timer(self, due_ms: int) -> list[dict[str, Any]]:
        return self._take(TIMER_FIRED, {"due_ms": due_ms})

    def learn(self, yaml: str) -> Graph:
        """Another definition is deployed, with which it may go on."""
        graph = load(yaml)
        self.book.learn(described(graph, yaml, "test", 0))
        return graph

    def cancel(self, reason: str, actor: str) -> list[dict[str, Any]]:
        return self._take(CANCEL_INSTANCE, {"reason": reason, "actor": actor})

    def _take(self, name: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
        """The history entries that a record gives: one, or none."""
        value, key = CODEC.encode(name, {"instance_id": self.instance_id, **fields}), self.instance_id.encode()
        self._offset += 1
        record = Record(INBOX.name, 0, self._offset, START_MS + 1_000 * self._offset, key, value)
        effects = self._processor.handle([Message(record, *CODEC.decode(value))], self._table)
        self._table.apply(effects)
        written = list(self._decoded(effects.outputs))
        self.incidents += [data for name, data in written if name == INCIDENT]
        return [data for name, data in written if name == HISTORY_ENTRY]

    def _decoded(self, outputs: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        return (CODEC.decode(output.value) for output in outputs)
