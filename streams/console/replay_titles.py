"""What the report of a replay calls tasks and steps: titles as on every other page, where names are on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from streams.console import words
from streams.console.account import kind_of, title_of
from streams.definitions.book import DefinitionBook
from streams.language.graph import Graph, Task

STOPS = {"incident": "stopped here"}  # in place of a function, where no call stood still
Titles = Mapping[str, Callable[[str], str]]


def titles(book: DefinitionBook, definitions: Mapping[str, str]) -> Titles:
    """`task_title` of a task's name and `step_title` of where a run stopped, for templates. `definitions`: the digests
    that the replay has processed events with, by workflow; of one that was never deployed, the version in force tells.
    """
    graphs = [each for name, digest in definitions.items() for each in _graphs(book, name, digest)]
    tasks = [task for graph in graphs for task in graph.tasks]
    named = {task.name: title_of(task) for task in reversed(tasks) if task.name}

    def task_title(name: str) -> str:
        return named.get(name) or words.titled(name)

    def step_title(stopped_at: str) -> str:
        function, _, pointer = stopped_at.partition(" ")
        there = [task for task in tasks if task.pointer == pointer]
        what = STOPS.get(function) or words.kind(function)
        return f"{_title(there, function, pointer, task_title)}: {what}"

    return {"task_title": task_title, "step_title": step_title}


def _graphs(book: DefinitionBook, name: str, digest: str) -> list[Graph]:
    found = book.graph(digest) or book.latest(name)
    return [] if found is None else [found]


def _title(there: Sequence[Task], function: str, pointer: str, task_title: Callable[[str], str]) -> str:
    """Of the task at a pointer: the one that calls the function, where several workflows have one there."""
    ordered = sorted(there, key=lambda task: kind_of(task) != function)
    return title_of(ordered[0]) if ordered else task_title(pointer.rpartition("/")[2])
