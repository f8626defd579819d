"""History entries of the read model, decoded for an account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from schemas.codec import Codec, UndecodableRecord
from streams.console.account import Account, Entry
from streams.language.graph import Graph
from streams.processors.orchestrate import retrace
from streams.processors.orchestrate.retrace import Retraced

KEPT = 128
Graphs = Callable[[str], Graph | None]  # by digest

_retraced: dict[tuple[str, int], Retraced | None] = {}


async def entry(codec: Codec, message: bytes) -> Entry:
    """One entry with the record that caused it; without that where it cannot be decoded."""
    _, found = await codec.decode_learning(message)
    try:
        cause, caused_by = await codec.decode_learning(found["cause"])
    except UndecodableRecord:
        cause, caused_by = "", {}
    known = {name: found[name] for name in ("seq", "at_ms", "status", "transitions")}
    return Entry(**known, cause=cause, caused_by=caused_by)


def facts(entries: Sequence[Entry]) -> list[retrace.Entry]:
    """The entries as those who fold them take them."""
    return [({"seq": each.seq, "at_ms": each.at_ms, "transitions": each.transitions}, each.cause, each.caused_by)
            for each in entries]  # fmt: skip


async def retold(instance_id: str, told: Account, entries: Sequence[Entry], graphs: Graphs) -> None:
    """Adds to the steps what history does not hold and the engine can tell: what they were asked with, and until when
    they wait. Folded once for each new entry."""
    key = (instance_id, len(entries))
    if key not in _retraced:
        while len(_retraced) >= KEPT:
            _retraced.pop(next(iter(_retraced)))
        _retraced[key] = await asyncio.to_thread(retrace.retraced, graphs, facts(entries))
    found = _retraced[key]
    if found is None:
        return
    steps = {(step.pointer, step.iteration): step for step in told.steps}
    for commands in found.asked.values():
        for command in commands:
            if (step := steps.get((command["pointer"], command["iteration"]))) is not None:
                step.asked = command["arguments"]
    for wait in found.waits:
        if (step := steps.get((wait.pointer, wait.iteration))) is not None:
            step.until_ms = wait.until_ms
