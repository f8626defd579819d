"""Folds a recorded inbox, or a history, through the engine again, and reads what the site itself has come to.

Everything is compared as bytes. The history entry is put together here from its schema, not by the processor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from schemas.codec import Codec
from schemas.messages import HISTORY_ENTRY, WORKFLOW_DEFINITION
from streams import engine
from streams.definitions import DEFINITIONS
from streams.language.graph import Graph
from streams.processors.orchestrate import DECLARATION, HISTORY, INBOX, OrchestrateSettings
from streams.processors.orchestrate.processor import EVENTS, another_digest, encode_row, row_offset
from streams.runtime.epochs import EpochReader
from streams.runtime.processor import Row
from streams.runtime.store import Store, decode_row
from streams.runtime.table import Changelog
from tests.acceptance.site import Site
from tests.support.definitions import load

Entries = dict[bytes, list[bytes]]  # by instance, in the order of their numbers


def graphs(site: Site) -> dict[str, Graph]:
    """Every definition that was deployed to a site, by whichever test, by digest."""
    codec = Codec.offline()
    told = [codec.decode(record.value) for record in site.read(DEFINITIONS) if record.value]
    loaded = [load(data["yaml"]) for name, data in told if name == WORKFLOW_DEFINITION]
    return {graph.digest: graph for graph in loaded}


@dataclass(frozen=True)
class Table:
    """The instance table: rows without the offsets that they carry, and those."""

    rows: dict[bytes, Row]
    offsets: dict[bytes, int]


@dataclass
class Fold:
    """What folding gives: rows of the table and entries of the history."""

    graphs: Mapping[str, Graph]
    limits: engine.Limits
    codec: Codec = field(default_factory=Codec.offline)
    states: dict[bytes, engine.State] = field(default_factory=dict)
    rows: dict[bytes, Row] = field(default_factory=dict)  # the states' bytes and when they are due
    offsets: dict[bytes, int] = field(default_factory=dict)  # of the last record that went into each
    entries: Entries = field(default_factory=lambda: defaultdict(list))

    def take(self, key: bytes, value: bytes, at_ms: int, offset: int = 0) -> None:
        """One record of the inbox."""
        self.offsets[key] = offset
        name, data = self.codec.decode(value)
        event = EVENTS[name](**data)
        before = self.states.get(key)
        graph = self._graph(before, event)
        another = self.graphs.get(another_digest(before, event) or "")
        step = engine.step(graph, before, event, at_ms, self.limits, another)
        if step.state is None or step.row is None:
            self.states.pop(key, None)
            self.rows.pop(key, None)
            self.offsets.pop(key, None)
            return
        self.states[key] = step.state
        self.rows[key] = Row(step.row, engine.next_due_ms(step.state))
        if step.transitions:
            holder: Any = before if type(before) is engine.Instance else event
            after = self.graphs.get(getattr(step.outcome or step.state, "digest", ""), graph)  # it may have been moved
            self.entries[key].append(self._entry(after, holder.business_key, step, key, value, at_ms))

    def _graph(self, before: engine.State | None, event: engine.Event) -> Graph:
        digest = getattr(before, "digest", None) or getattr(event, "digest", None)
        return self.graphs[digest] if digest else next(iter(self.graphs.values()))  # not looked at

    def _entry(
        self, graph: Graph, business_key: str | None, step: engine.Step, key: bytes, cause: bytes, at_ms: int
    ) -> bytes:
        assert step.state is not None
        fields = {
            "instance_id": key.decode(),
            "seq": step.state.seq,
            "at_ms": at_ms,
            "workflow": graph.name,
            "version": graph.version,
            "digest": graph.digest,
            "status": step.state.status,
            "business_key": business_key,
            "cause": cause,
            "transitions": [msgspec.structs.asdict(each) for each in step.transitions],
        }
        return self.codec.encode(HISTORY_ENTRY, fields)


def folded_inbox(site: Site) -> Fold:
    """The recorded inbox, record by record."""
    fold = _fold(site)
    for record in site.read(INBOX):
        assert record.key is not None and record.value is not None
        fold.take(record.key, record.value, record.timestamp_ms, record.offset)
    return fold


def folded_history(site: Site, entries: Mapping[bytes, Iterable[bytes]]) -> Fold:
    """The history alone: every entry holds the record that caused it."""
    fold = _fold(site)
    for key, values in entries.items():
        for value in values:
            _, entry = fold.codec.decode(value)
            fold.take(key, entry["cause"], entry["at_ms"])
    return fold


def _fold(site: Site) -> Fold:
    window_ms = site.settings.of(OrchestrateSettings).deduplication_window_ms
    return Fold(graphs(site), engine.Limits(deduplication_window_ms=window_ms, incidents=True))


def history(site: Site) -> Entries:
    """The entries on the topic; one that is there again must be the same bytes, and none may be missing."""
    codec = Codec.offline()
    found: dict[bytes, dict[int, bytes]] = defaultdict(dict)
    for record in site.read(HISTORY):
        assert record.key is not None and record.value is not None
        _, entry = codec.decode(record.value)
        assert found[record.key].setdefault(entry["seq"], record.value) == record.value
    for key, numbered in found.items():
        assert sorted(numbered) == list(range(len(numbered))), f"history of {key!r} has gaps"
    return {key: [numbered[seq] for seq in sorted(numbered)] for key, numbered in found.items()}


def changelog_table(site: Site) -> Table:
    """The instance table as its changelog gives it."""
    rows: dict[bytes, bytes | None] = {}
    topic = DECLARATION.changelog
    assert topic is not None
    for number in range(site.settings.partitions):
        reader = EpochReader()
        for batch in Changelog(site.settings, topic, number).read(0):
            rows |= {record.key: record.value for record in batch if reader.accept(record)}
        assert not reader.touched
    return _table((key, decode_row(value)) for key, value in rows.items() if value is not None)


def stored_table(site: Site) -> Table:
    """The instance table as the engine's local stores hold it; the engine must not run."""
    return _table(row for store in _stores(site) for row in store)


def _table(rows: Iterable[tuple[bytes, Row]]) -> Table:
    found = dict(rows)
    states = {key: Row(row.value[len(encode_row(0, b"")) :], row.due_ms) for key, row in found.items()}
    return Table(states, {key: row_offset(row.value) for key, row in found.items()})


def _stores(site: Site) -> Iterator[list[tuple[bytes, Row]]]:
    folders = sorted(site.settings.data_dir.glob("state/engine/*/orchestrate/instance-*"))
    assert len(folders) == site.settings.partitions
    for folder in folders:
        store = Store(folder)
        yield list(store.rows())
        store.close()
