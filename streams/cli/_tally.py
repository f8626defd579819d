"""What became of events that were published, as far as it can be known before they are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from streams.cli._findings import many

if TYPE_CHECKING:
    from streams.definitions.book import DefinitionBook

REMEMBERED = 200_000  # ids of one run, to recognise an event that stands in a file twice

Known = Callable[[list[str]], Iterable[str] | None]
"""Of ids of instances those that have started before; None where nobody can tell."""


_FATES = {"paused": ": held until it is active", "retired": ": counted only"}


@dataclass
class Tally:
    """Counts. `known` counts instances, `unmatched` events."""

    ask: Known
    published: int = 0
    starts: Counter[str] = field(default_factory=Counter)  # by workflow
    known: int | None = 0
    unmatched: int = 0
    kept: Counter[tuple[str, str]] = field(default_factory=Counter)  # that start nothing now, by workflow and its state
    _seen: set[str] = field(default_factory=set)

    def look(self, book: DefinitionBook, events: Iterable[Mapping[str, str]]) -> Tally:
        """What publishing events with these attributes will have added; to be asked before they are."""
        from schemas import ids

        found = Tally(self.ask, known=self.known if self.known is None else 0)
        wanted: dict[str, str] = {}  # workflow by instance
        again = 0
        for event in events:
            found.published += 1
            graphs = book.started_by(event)
            found.unmatched += not book.is_awaited(event)
            for graph in graphs:
                if (state := book.state(graph.name)) != "active":
                    found.kept[graph.name, state] += 1
                    continue
                instance = ids.instance_id(graph.name, event["source"], event["id"])
                again += instance in wanted or instance in self._seen
                wanted[instance] = graph.name
        asked = [instance for instance in wanted if instance not in self._seen]
        before = self.ask(asked) if asked and found.known is not None else ()
        if before is None:
            found.known = None
        before = set(before or ())
        if found.known is not None:
            found.known = again + len(before)
        found.starts = Counter(wanted[instance] for instance in asked if instance not in before)
        found._seen = set(wanted)
        return found

    def add(self, found: Tally) -> None:
        """Those events have been acknowledged."""
        self.published += found.published
        self.unmatched += found.unmatched
        self.kept += found.kept
        self.starts += found.starts
        self.known = None if self.known is None or found.known is None else self.known + found.known
        self._seen = found._seen if len(self._seen) > REMEMBERED else self._seen | found._seen

    def told(self) -> dict[str, Any]:
        """For machines."""
        names = ("published", "known", "unmatched")
        told = {**{name: getattr(self, name) for name in names}, "starts": dict(self.starts)}
        kept = [{"workflow": name, "state": state, "events": count} for (name, state), count in self.kept.items()]
        return told | ({"kept": kept} if kept else {})

    def __str__(self) -> str:
        each = [f"{many(number, 'instance')} of {workflow}" for workflow, number in sorted(self.starts.items())]
        starts = f"{' and '.join(each) or 'no instance'} start{'s' if sum(self.starts.values()) <= 1 else ''}"
        if self.known is None:
            starts += ", if they are new (no gateway says so)"
        elif self.known:
            starts += f", {self.known} {'was' if self.known == 1 else 'were'} there already"
        for (workflow, state), number in sorted(self.kept.items()):
            starts += f", {many(number, 'event')} of {workflow}, which is {state}" + _FATES[state]
        return starts + (f", {many(self.unmatched, 'event')} nobody waits for" if self.unmatched else "")
