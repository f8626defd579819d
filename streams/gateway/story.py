"""What is told of an instance beside its rows: what its steps were asked with, and what it waits for, until when."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Any

from schemas import ids
from streams.gateway.answers import OPTIONAL_TEXT, TEXT
from streams.gateway.openapi import Schema, object_of
from streams.gateway.own import hosted
from streams.gateway.services import Services
from streams.ground.errors import UnavailableError
from streams.processors.human.fields import OPEN
from streams.processors.orchestrate import retrace
from streams.processors.orchestrate.retrace import Entry, Retraced, Wait
from streams.readmodel import presentation
from streams.readmodel.paging import Found
from streams.readmodel.stored import stored

WAITS_FOR: Schema = {
    "type": ["array", "null"],
    "items": object_of(
        {"pointer": TEXT, "kind": TEXT, "since": TEXT, "until": OPTIONAL_TEXT},
        function=OPTIONAL_TEXT,
        events={"type": "array", "items": TEXT, "description": "Types of the events that it listens for."},
        task={"type": ["object", "null"], "description": "The human task: its id, team, title and when it is due."},
        hosted={"type": ["boolean", "null"], "description": "Whether somebody carries the function out now."},
    ),
    "description": "What a live instance waits for; null where its history does not tell.",
}
TASK_MEMBERS = ("task_id", "team", "title", "due")
AT_ONCE = 200  # history entries of several instances that are in memory

Told = tuple[list[Entry], Retraced]


class Story:
    """An instance, and what folding its history gave."""

    def __init__(self, ours: Services, instance_id: str, found: Retraced | None) -> None:
        self._ours = ours
        self._instance_id = instance_id
        self._found = found

    def asked(self, seq: int) -> dict[str, Any]:
        """The member `asked` of a history entry, where it is known."""
        if self._found is None:
            return {}
        return {"asked": [presentation.message(each) for each in self._found.asked.get(seq, ())]}

    async def waits_for(self) -> list[dict[str, Any]] | None:
        """Everything that is waited for, the people who are asked by team and title."""
        if self._found is None:
            return None
        functions = {wait.function for wait in self._found.waits if wait.function}
        tasks = await self._tasks() if functions else {}
        there = await self._hosted(functions) if functions else {}
        return [
            {**_shown(wait), "task": tasks.get(self._step(wait)), "hosted": there.get(wait.function or "")}
            for wait in self._found.waits
        ]

    async def _hosted(self, functions: set[str]) -> dict[str, bool]:
        """Whether somebody carries each out now; empty while nobody can tell."""
        try:
            there = await hosted(self._ours, functions)
        except UnavailableError:
            return {}
        return {name: name in there for name in functions}

    async def _tasks(self) -> dict[str, Mapping[str, Any]]:
        filters = {"instance_id": self._instance_id, "status": OPEN}
        page = await asyncio.to_thread(self._ours.reader.tasks, filters)
        found = [presentation.message(each) for each in (await stored(self._ours.codec, page.rows)).messages]
        return {task["task_id"]: {name: task[name] for name in TASK_MEMBERS} for task in found}

    def _step(self, wait: Wait) -> str:
        return ids.step_id(self._instance_id, wait.pointer, wait.iteration, wait.attempt)


async def story(ours: Services, row: Found) -> Story:
    """The story of an instance; less of it where its history or its definition is not known whole."""
    found = await told_again(ours, row)
    return Story(ours, row["instance_id"], None if found is None else found[1])


async def told_again(ours: Services, row: Found) -> Told | None:
    """The history of an instance, and what folding it gives; None where it is not known whole, or is too long."""
    if row["seq"] >= retrace.MAX_ENTRIES:
        return None
    rows = await asyncio.to_thread(ours.reader.history, row["instance_id"], limit=retrace.MAX_ENTRIES)
    return await _folded(ours, [each["message"] for each in rows])


async def each_told_again(ours: Services, rows: Sequence[Found]) -> AsyncGenerator[tuple[Found, Told | None], None]:
    """As `told_again`, of each in their order; one question is asked for the histories of several."""
    for some in _portions(rows):
        instances = [row["instance_id"] for row in some]
        found: dict[str, list[bytes]] = defaultdict(list)
        known = some[0]["seq"] < retrace.MAX_ENTRIES  # one that is too long stands alone
        for each in await asyncio.to_thread(ours.reader.histories, instances, retrace.MAX_ENTRIES) if known else ():
            found[each["instance_id"]].append(each["message"])
        for row in some:
            yield row, await _folded(ours, found[row["instance_id"]]) if known else None


def _portions(rows: Sequence[Found]) -> Iterator[list[Found]]:
    """Instances whose histories are in memory together."""
    portion: list[Found] = []
    entries = 0
    for row in rows:
        count = row["seq"] + 1
        if portion and entries + count > AT_ONCE:
            yield portion
            portion, entries = [], 0
        portion.append(row)
        entries += count
    if portion:
        yield portion


async def _folded(ours: Services, messages: Sequence[bytes]) -> Told | None:
    entries = await retrace.decoded(ours.codec, messages)
    if not entries:
        return None
    found = await asyncio.to_thread(retrace.retraced, ours.definitions.graph, entries)
    return None if found is None else (entries, found)


def _shown(wait: Wait) -> dict[str, Any]:
    return presentation.message(wait._asdict())
