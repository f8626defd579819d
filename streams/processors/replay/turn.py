"""One turn of a replay: some events are processed anew, beside what became of them first."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from models.serving.registry import Registry
from models.serving.shelf import Pin
from schemas import ids
from schemas.codec import Codec
from schemas.messages import REPLAY_RESULT
from streams.language.graph import Graph
from streams.processors import replay
from streams.processors.context import Context
from streams.processors.costs import NOTHING, Prices
from streams.processors.decide.pins import ModelPins
from streams.processors.decide.states import ModelBook
from streams.processors.orchestrate import outcome
from streams.processors.orchestrate.retrace import Entry
from streams.processors.replay.answers import Answers, Really, same_outputs
from streams.processors.replay.answers import Pin as Pinned
from streams.processors.replay.cases import Case
from streams.processors.replay.record import FirstRun, first_run
from streams.processors.replay.request import Selection
from streams.processors.replay.rerun import MAX_SECONDS, Rerun, rerun
from streams.processors.replay.tale import UNANSWERED
from streams.runtime.processor import Output

Fields = dict[str, Any]
MAX_REAL_SECONDS = 300.0  # of a run whose calls are really made, each bounded by the hub


class Instead(ModelBook):
    """A book in which other versions of some models decide."""

    def __init__(self, book: ModelBook, versions: Mapping[str, str]) -> None:
        super().__init__(())
        self._book = book
        self._versions = versions

    def pin(self, name: str, at_ms: int | None = None) -> Pin | None:
        """See `Shelf`."""
        version = self._versions.get(name)
        return self._book.pin(name, at_ms) if version is None else Pin(name, version)


class Done(NamedTuple):
    """One event processed anew."""

    fields: Fields  # of its ReplayResult
    run: Rerun

    @property
    def result(self) -> str:
        """What it showed, in a word."""
        told = self.fields
        if told["after"] == UNANSWERED:
            return "unanswered"
        same = told["before"] == told["after"] and told["before_routes"] == told["after_routes"]
        return "same" if same and told["same_output"] is not False else "changed"

    def outputs(self, codec: Codec) -> list[Output]:
        """Its records: the result, and the outcome on the topic of replays."""
        key = self.fields["instance_id"].encode()
        outputs = [Output(replay.RESULTS, key, codec.encode(REPLAY_RESULT, self.fields))]
        if self.run.outcome is not None:
            made = outcome.output(codec, self.run.outcome)
            headers = [*made.headers, (replay.HEADER, self.fields["replay"].encode())]
            outputs.append(Output(replay.OUTCOMES, key, made.value, headers))
        return outputs

    def note(self) -> None:
        """Counts it in the metrics."""
        replay.REPLAYED.labels(self.fields["workflow"], self.result).inc()


class Rig:
    """What the events of one replay are processed with: models as of its start, and what may act in the world."""

    def __init__(
        self,
        context: Context,
        registry: Registry,
        name: str,
        versions: Mapping[str, str],
        at_ms: int | None,
        prices: Prices = NOTHING,
    ) -> None:
        """`at_ms`: decisions are made by what was in force at this time (epoch); None: at their own."""
        pins = ModelPins(dataclasses.replace(context, models=Instead(context.models, versions)))
        self._pin: Pinned = lambda arguments, now_ms: pins.pin(arguments, now_ms if at_ms is None else at_ms)
        self._registry = registry
        self._name = name
        self.prices = prices

    def instance_id(self, case: Case) -> str:
        """The instance of the replay in which a case is processed."""
        start = case.start
        return ids.replay_instance_id(start.workflow, start.source, start.event_id, self._name)

    def carry_out(self, case: Case, first: FirstRun, really: Really | None = None) -> Done:
        """Processes one event anew. Blocks."""
        original, graph = case.start.instance_id, case.graph
        instance_id = self.instance_id(case)
        start = replace(case.start, instance_id=instance_id, digest=graph.digest, version=graph.version)
        answers = Answers(first, original, self._registry, self._pin, really)
        at_ms = case.at_ms if first.at_ms is None else first.at_ms
        seconds = MAX_SECONDS if really is None else MAX_REAL_SECONDS
        again = rerun(graph, start, at_ms, answers, first.received, seconds, self.prices)
        before, after = first.tale, again.tale
        fields = {
            "replay": self._name,
            "instance_id": instance_id,
            "original_id": original,
            **{name: getattr(start, name) for name in ("workflow", "version", "digest", "event_type", "source")},
            **{name: getattr(start, name) for name in ("event_id", "business_key", "time_ms")},
            "place": case.place,
            "before": before.ended,
            "after": after.ended,
            "before_routes": before.routes_text,
            "after_routes": after.routes_text,
            "same_output": same_outputs(before.output, after.output, instance_id, original),
            "stopped_at": again.stopped_at,
            "before_ms": before.took_ms,
            "after_ms": after.took_ms or 0,
            "before_calls": before.calls,
            "after_calls": after.calls,
            "before_people": before.people,
            "after_people": after.people,
            "before_cost": before.cost,
            "after_cost": after.cost,
            "assumed": answers.assumed,
            "real": answers.real,
        }
        return Done(fields, again)


def folded(
    rig: Rig,
    cases: Sequence[Case],
    histories: Mapping[str, tuple[str, list[Entry] | None]],
    graphs: Callable[[str], Graph | None],
    selection: Selection,
    really: Really | None = None,
) -> list[Done]:
    """Processes those cases anew whose first run is such as is meant. Blocks.

    `histories`: status and entries of the first runs, by instance.
    """
    done = []
    for case in cases:
        status, entries = histories.get(case.start.instance_id, (None, None))
        first = first_run(graphs, entries or (), status, rig.prices)
        if selection.takes_run(first.tale.ended):
            done.append(rig.carry_out(case, first, really))
    return done
