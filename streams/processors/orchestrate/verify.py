"""Whether history is what the engine makes of it: every recorded inbox record folded again, and compared byte by byte.

The engine is pure, so another entry than the one that stands there means that the engine, the definition or the record
has changed since.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from schemas.codec import Codec
from schemas.messages import HISTORY_ENTRY
from streams import engine
from streams.language.graph import Graph
from streams.processors.orchestrate.processor import EVENTS, another_digest, entry_of, graph_after
from streams.processors.orchestrate.retrace import LIMITS, MAX_SECONDS, Entry


class Finding(NamedTuple):
    """Where folding comes to something else, or cannot go on."""

    seq: int
    differs: bool  # else it cannot be told
    why: str


def verified(codec: Codec, graphs: Callable[[str], Graph | None], entries: Sequence[Entry]) -> Finding | None:
    """What is not as it should be in the history of one instance; None where all of it is. Blocks for a while."""
    state: engine.State | None = None
    until = time.monotonic() + MAX_SECONDS
    for number, (entry, name, cause) in enumerate(entries):
        if entry["seq"] != number:
            return Finding(number, True, f"the entry is missing; the next one is {entry['seq']}")
        if name not in EVENTS:
            return Finding(number, True, f"its cause is no record of the inbox but a {name}")
        event = EVENTS[name](**cause)
        graph = graphs(state.digest if type(state) is engine.Instance else getattr(event, "digest", ""))
        if graph is None:
            return Finding(number, False, "its definition is not known, or does not compile any more")
        if time.monotonic() > until:
            return Finding(number, False, f"folding takes longer than {MAX_SECONDS:g} s")
        another = graphs(another_digest(state, event) or "")
        step = engine.step(graph, state, event, entry["at_ms"], LIMITS, another)
        if step.state is None or not step.transitions:
            return Finding(number, True, "the engine does nothing here")
        made = entry_of(graph_after(graph, another, step), state, event, step, entry["at_ms"], entry["cause"])
        if codec.encode(HISTORY_ENTRY, made) != codec.encode(HISTORY_ENTRY, entry):
            other = [each for each in made if made[each] != entry[each]]
            return Finding(number, True, f"the engine makes another entry of it: {', '.join(other)}")
        state = step.state
    return None
