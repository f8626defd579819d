"""An instance told again: what its history does not hold, folding it through the engine gives back.

History holds the cause of every engine step, and the engine is pure. So what steps were asked with, and what an
instance waits for until when, need not be written down: they are computed when somebody asks. Told is only what is
certain: nothing where the history is not whole, or is not what this engine makes of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from msgspec.structs import asdict

from schemas.codec import Codec, UndecodableRecord
from streams import engine
from streams.language.constructs import KINDS
from streams.language.constructs.listen import Listen
from streams.language.graph import Graph
from streams.processors.orchestrate.processor import EVENTS, another_digest

MAX_ENTRIES = 2_000
MAX_BYTES = 32 * 1024 * 1024
MAX_SECONDS = 2.0
LIMITS = engine.Limits(incidents=True)  # as the workers have it; how long an ended instance is remembered is not told
KEYS = {each.task: each.key for each in KINDS}


class Wait(NamedTuple):
    """What an instance waits for."""

    pointer: str
    kind: str  # the keyword of its task: call, wait
    function: str | None  # of a call
    iteration: int
    attempt: int
    since_ms: int
    until_ms: int | None
    events: list[str]  # types of those that it listens for


@dataclass
class Retraced:
    """What folding gives: the steps that each entry asked for, by its number, and what is waited for after the last."""

    asked: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    waits: list[Wait] = field(default_factory=list)


Entry = tuple[Mapping[str, Any], str, Mapping[str, Any]]  # a history entry; its cause by name and fields


async def decoded(codec: Codec, messages: Iterable[bytes]) -> list[Entry] | None:
    """The entries of an instance from their framed values, in order; None where they are too many or unreadable."""
    values = list(messages)
    if len(values) > MAX_ENTRIES or sum(map(len, values)) > MAX_BYTES:
        return None
    entries: list[Entry] = []
    for value in values:
        try:
            _, entry = await codec.decode_learning(value)
            entries.append((entry, *await codec.decode_learning(entry["cause"])))
        except UndecodableRecord:
            return None
    return entries


def retraced(graphs: Callable[[str], Graph | None], entries: Sequence[Entry]) -> Retraced | None:
    """Folds a whole history, with the definitions by digest that it went by.

    None where it is not whole, where a definition is not known, or where this engine makes another of it. Blocks for a
    while.
    """
    found = Retraced()
    state: engine.State | None = None
    deadline = time.monotonic() + MAX_SECONDS
    for number, (entry, name, cause) in enumerate(entries):
        if time.monotonic() > deadline or entry["seq"] != number or name not in EVENTS:
            return None
        event = EVENTS[name](**cause)
        graph = graphs(state.digest if type(state) is engine.Instance else getattr(event, "digest", ""))
        if graph is None:
            return None
        corrected = graphs(another_digest(state, event) or "")
        step = engine.step(graph, state, event, entry["at_ms"], LIMITS, corrected)
        if step.state is None or [asdict(each) for each in step.transitions] != entry["transitions"]:
            return None
        found.asked[number] = [_asked(each) for each in step.commands if type(each) is engine.StepCommand]
        state = step.state
    graph = graphs(state.digest) if type(state) is engine.Instance else None
    if graph is not None and type(state) is engine.Instance:
        found.waits = [_wait(graph, each) for each in engine.waits(state)]
    return found


def _asked(command: engine.StepCommand) -> dict[str, Any]:
    names = ("pointer", "iteration", "attempt", "function", "arguments", "deadline_ms")
    known = {name: getattr(command, name) for name in names}
    return known if command.key is None else {**known, "key": command.key}


def _wait(graph: Graph, wait: engine.Waiting) -> Wait:
    task = graph.tasks[wait.task]
    return Wait(
        task.pointer,
        KEYS[type(task)],
        getattr(task, "function", None),
        wait.iteration,
        wait.attempt,
        wait.since_ms,
        wait.until_ms,
        sorted({each.type for each in task.filters}) if isinstance(task, Listen) else [],
    )
