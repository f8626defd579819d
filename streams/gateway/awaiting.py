"""How a request waits for what a processor makes of it: it looks again and again, ever more seldom, for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

from schemas.lifecycle import TERMINAL, Phase
from streams.gateway.services import Services

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.25
T = TypeVar("T")


async def awaited(ours: Services, look: Callable[[], Awaitable[T | None]]) -> T | None:
    """What `look` sees, once it sees something; None after the time that a request waits for an answer."""
    pause_s = FIRST_PAUSE_S
    try:
        async with asyncio.timeout(ours.answer_timeout_s):
            while not (seen := await look()):
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    except TimeoutError:
        return None
    return seen


async def engine_words(
    ours: Services, row: Mapping[str, Any], member: str, phases: Collection[Phase], names: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """What the engine has made of each wish about an instance: whether it was `taken`, and why not (`detail`); None of
    both where it has said nothing in time. In history transitions of these phases name the wish as this member.
    """
    words: dict[str, dict[str, Any]] = {name: {"taken": None, "detail": None} for name in names}
    seen = row["seq"]

    async def look() -> bool:
        nonlocal seen
        for found in await asyncio.to_thread(ours.reader.history, row["instance_id"], after_seq=seen):
            seen = found["seq"]
            _hear(words, member, phases, (await ours.codec.decode_learning(found["message"]))[1])
        return all(word["taken"] is not None for word in words.values())

    await awaited(ours, look)
    return words


def _hear(
    words: Mapping[str, dict[str, Any]], member: str, phases: Collection[Phase], entry: Mapping[str, Any]
) -> None:
    for transition in entry["transitions"]:
        if transition["phase"] in phases:
            about = transition["data"].value()
            if about.get(member) in words:
                refused = about.get("refused")
                words[about[member]].update(taken=refused is None, detail=refused)
    if entry["status"] in TERMINAL:
        for word in words.values():
            if word["taken"] is None:
                word.update(taken=False, detail=f"the instance has ended: {entry['status']}")
