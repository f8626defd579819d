"""The definitions known so far, the latest of each workflow, and which of them an event starts; knows no Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from schemas.business import EventTypes
from schemas.functions import Function, WithAssumed
from streams import definitions, language
from streams.definitions.outcome_types import OutcomeType, outcome_type_of
from streams.definitions.removing import Removal
from streams.definitions.states import State, Word
from streams.language import DefinitionError
from streams.language.events import EventFilter, all_filters
from streams.language.graph import PRIORITIES, Graph

log = structlog.get_logger()

_TOLD = ("digest", "name", "version", "namespace", "yaml", "event_types", "deployed_at_ms", "deployed_by")


@dataclass(frozen=True, slots=True)
class Deployed:
    """A definition as it stands on the topic.

    `graph` is None where it does not compile any more, then `fault` says why.
    """

    digest: str
    name: str
    version: str
    namespace: str
    yaml: str
    event_types: tuple[str, ...]
    deployed_at_ms: int
    deployed_by: str
    outcome: OutcomeType | None = None
    graph: Graph | None = None
    fault: str | None = None


class DefinitionBook:
    """The definitions known so far. `functions` are those that they can call."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions
        self.callable = WithAssumed(functions)  # also by definitions that were checked before
        self._by_digest: dict[str, Deployed] = {}
        self._learnt: dict[str, None] = {}  # digests, the one learnt last behind all others
        self._latest: dict[str, Deployed] = {}
        self._by_event: dict[str, list[Graph]] = {}
        self._triggered: dict[str, list[Graph]] = {}  # by type; the empty one is of those that every event is for
        self._words: dict[str, Word] = {}
        self._ranks: Mapping[str, int] = {}  # of workflows that others outrank
        self._removed: dict[str, Removal] = {}  # by digest, of what was not deployed again
        self._listened: dict[str, dict[str, EventFilter]] = {}  # by type and identity, of every definition
        self._changed = asyncio.Event()
        self.types = EventTypes.load()

    async def start(self) -> None:
        """Returns once it knows what it can know before anything is learnt: at once, unless it follows a topic."""

    async def catch_up(self) -> None:
        """Returns once it knows what was deployed before now: at once, unless it follows a topic."""

    def learn(self, data: Mapping[str, Any]) -> Deployed:
        """Takes note of a WorkflowDefinition; the one learnt last is the latest of its workflow."""
        known = self._by_digest.get(data["digest"])
        graph, fault = (known.graph, known.fault) if known else _compiled(data, self.callable)
        fields = {name: data[name] for name in _TOLD} | {"event_types": tuple(data["event_types"])}
        deployed = Deployed(**fields, outcome=outcome_type_of(data), graph=graph, fault=fault)
        self._by_digest[deployed.digest] = deployed
        self._removed.pop(deployed.digest, None)
        self._learnt.pop(deployed.digest, None)
        self._learnt[deployed.digest] = None
        if graph is not None:
            self._latest[deployed.name] = deployed
            self._listen(graph)
        self._by_event = _by_event(self._latest)
        self._triggered = _triggered(self._latest)
        self._rank()
        _count(self.deployed())
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        return deployed

    def learn_state(self, data: Mapping[str, Any]) -> None:
        """Takes note of a WorkflowState; of one that says what is not known here, nothing changes."""
        try:
            word = msgspec.convert(data, Word)
        except msgspec.ValidationError as error:
            log.error("state of a workflow not understood", workflow=data.get("name"), reason=str(error))
            return
        self._words[word.name] = word
        self._rank()

    def learn_removal(self, data: Mapping[str, Any]) -> None:
        """Takes note of a VersionRemoved."""
        removal = msgspec.convert(data, Removal)
        self._removed[removal.digest] = removal
        _count(self.deployed())

    def removal(self, digest: str) -> Removal | None:
        """Who has removed it; None of what is there, as the version in force always is, whatever was said about it.

        What is in force is asked now, not when it was said: compaction may leave the one record without the other.
        """
        found = self._removed.get(digest)
        in_force = self._latest.get(found.name) if found is not None else None
        return None if in_force is not None and in_force.digest == digest else found

    def removals(self) -> list[Removal]:
        """What was removed and not deployed again."""
        return [each for each in self._removed.values() if self.removal(each.digest)]

    def word(self, name: str) -> Word | None:
        """What somebody has said last about a workflow."""
        return self._words.get(name)

    def words(self) -> list[Word]:
        """The last word about each workflow."""
        return list(self._words.values())

    def state(self, name: str) -> State:
        """Whether a workflow may start instances: it may, unless somebody has said otherwise."""
        word = self._words.get(name)
        return State.ACTIVE if word is None else word.state

    def rank(self, name: str) -> int:
        """How many priorities stand above that of a workflow, of those that workflows have which events may start."""
        return self._ranks.get(name, 0)

    @property
    def lowest_rank(self) -> int:
        """That of the lowest priority that there is; 0 where all have the same."""
        return max(self._ranks.values(), default=0)

    def _rank(self) -> None:
        said = {
            name: each.graph.priority
            for name, each in self._latest.items()
            if each.graph and each.graph.event_types and self.state(name) is not State.RETIRED
        }
        there = [each for each in PRIORITIES if each in said.values()]
        self._ranks = {name: there.index(priority) for name, priority in said.items() if priority != there[0]}

    def _listen(self, graph: Graph) -> None:
        for each in all_filters(graph):
            self._listened.setdefault(each.type, {})[each.identity] = each

    def graph(self, digest: str) -> Graph | None:
        """The graph of a digest; None if it is not known or does not compile."""
        found = self._by_digest.get(digest)
        return found.graph if found else None

    def outcome_type(self, digest: str) -> OutcomeType | None:
        """What the outcomes of a definition are on the wire; None where they carry JSON."""
        found = self._by_digest.get(digest)
        return found.outcome if found else None

    def latest(self, name: str) -> Graph | None:
        """The graph that new instances of a workflow start on."""
        found = self._latest.get(name)
        return found.graph if found else None

    def version(self, namespace: str, name: str, version: str | None) -> Graph | None:
        """The graph of a version of a workflow, learnt last; of its latest where none is named."""
        if version is None:
            found = self.latest(name)
            return found if found is not None and found.namespace == namespace else None
        deployed = self.of_version(name, version, namespace)
        return deployed.graph if deployed is not None else None

    def named(self, name: str, version: str) -> Deployed | None:
        """The definition that somebody means by a name and a version: as `of_version`, unless it was removed."""
        return _runnable(each for each in self._with(name, version) if self.removal(each.digest) is None)

    def of_version(self, name: str, version: str, namespace: str | None = None) -> Deployed | None:
        """The definition with this version, of several the one learnt last: of those that can run, if any can.

        Also a removed one, so that a command which comes again after a crash finds what it found before.
        """
        return _runnable(each for each in self._with(name, version) if namespace in (None, each.namespace))

    def _with(self, name: str, version: str) -> Iterator[Deployed]:
        """The definitions of this version, the one learnt last in front."""
        known = map(self._by_digest.__getitem__, reversed(self._learnt))
        return (each for each in known if (each.name, each.version) == (name, version))

    def for_event(self, ce_type: str) -> list[Graph]:
        """The latest graphs of the workflows that an event of this type may start.

        Filters are for the caller to apply.
        """
        return self._by_event.get(ce_type, [])

    def started_by(self, attributes: Mapping[str, str]) -> list[Graph]:
        """The graphs that an event with these CloudEvents attributes starts: one of their filters fits entirely."""
        return [graph for graph in self.for_event(attributes["type"]) if matches(graph, attributes)]

    def triggered_by(self, ce_type: str) -> Sequence[Graph]:
        """The latest graphs whose trigger an event of this type may be one of; what it says of the event is to be
        asked."""
        found = self._triggered
        return [*found.get(ce_type, ()), *found.get("", ())] if found else ()

    def listened_for(self, ce_type: str) -> Collection[EventFilter]:
        """What tasks of any definition listen for among events of this type; instances of old ones run on."""
        found, all_types = self._listened.get(ce_type), self._listened.get("")
        if all_types is not None:
            return [*(found or {}).values(), *all_types.values()]
        return found.values() if found is not None else ()

    def is_awaited(self, attributes: Mapping[str, str]) -> bool:
        """Whether an event with these CloudEvents attributes starts a workflow, or a task may listen for its type."""
        ce_type = attributes["type"]
        return bool(self.listened_for(ce_type) or self.triggered_by(ce_type) or self.started_by(attributes))

    def deployed(self) -> list[Deployed]:
        """Everything that is known and was not removed, in the order in which it was learnt first."""
        return [each for each in self._by_digest.values() if self.removal(each.digest) is None]

    def ever(self) -> list[Deployed]:
        """Everything known, also what was removed."""
        return list(self._by_digest.values())

    def find(self, name_or_digest: str) -> Deployed | None:
        """The definition with a digest, or the latest of a name."""
        return self._by_digest.get(name_or_digest) or self._latest.get(name_or_digest)

    async def wait_for(self, digest: str, timeout_s: float) -> Graph | None:
        """The graph of a digest as soon as it is known; None if the time passes or it does not compile."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.find(digest) is None:
                    await self._changed.wait()
        except TimeoutError:
            return None
        return self.graph(digest)


def _runnable(given: Iterable[Deployed]) -> Deployed | None:
    """The first that can run, or the first if none can."""
    known = list(given)
    return next((each for each in known if each.graph is not None), known[0] if known else None)


def _compiled(data: Mapping[str, Any], functions: Mapping[str, Function]) -> tuple[Graph | None, str | None]:
    try:
        graph = language.load_deployed(data["yaml"], data["digest"], functions)
    except DefinitionError as error:
        fault = str(error.faults[0])
    else:
        if graph.digest == data["digest"]:
            return graph, None
        fault = f"its digest is {graph.digest} now"
    log.error("definition broken", workflow=data["name"], digest=data["digest"], fault=fault)
    return None, fault


def matches(graph: Graph, attributes: Mapping[str, str]) -> bool:
    """Whether an event with these CloudEvents attributes starts an instance: one of the filters fits entirely."""
    return any(all(attributes.get(name) == wanted for name, wanted in each.items()) for each in graph.event_filters)


def _triggered(latest: Mapping[str, Deployed]) -> dict[str, list[Graph]]:
    index: dict[str, list[Graph]] = {}
    for graph in (each.graph for each in latest.values()):
        for ce_type in (graph.trigger.types or ("",)) if graph is not None and graph.trigger is not None else ():
            index.setdefault(ce_type, []).append(graph)  # type: ignore[arg-type]  # it has a trigger
    return index


def _by_event(latest: Mapping[str, Deployed]) -> dict[str, list[Graph]]:
    index: dict[str, list[Graph]] = {}
    for deployed in latest.values():
        for event_type in dict.fromkeys(deployed.graph.event_types if deployed.graph else ()):
            index.setdefault(event_type, []).append(deployed.graph)  # type: ignore[arg-type]  # it has event types
    return index


def _count(known: Sequence[Deployed]) -> None:
    broken = sum(deployed.graph is None for deployed in known)
    definitions.KNOWN.labels("usable").set(len(known) - broken)
    definitions.KNOWN.labels("broken").set(broken)
