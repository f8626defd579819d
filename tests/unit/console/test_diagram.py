"""Diagrams: nothing overlaps, no line crosses a task, every task is there once, and the path is that of history."""

from __future__ import annotations

import json
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from hypothesis import given, settings

from streams.cli import group
from streams.console.account import Account, Step
from streams.console.diagram.layout import layout
from streams.console.diagram.mermaid import mermaid
from streams.console.diagram.outline import blocks, outline
from streams.console.diagram.path import passed, states
from streams.console.diagram.shapes import Box, Line, Picture
from streams.console.diagram.svg import State, Told, svg
from streams.language.graph import Graph
from streams.language.undoing import is_undo
from tests.reference.strategies import definitions
from tests.support.definitions import load

GOLDEN = Path(__file__).parent / "golden"
ONBOARDING = Path("streams/workflows/customer-onboarding.yaml")
NESTED = GOLDEN / "nested.yaml"


@given(definitions())
@settings(max_examples=60, deadline=None)
def test_random_workflows_are_drawn_without_a_collision(definition: dict[str, Any]) -> None:
    graph = load(json.dumps(definition))
    for narrow in (False, True):
        picture = layout(outline(graph), narrow=narrow)
        check(picture, graph)
        ElementTree.fromstring(svg(picture, Told(alone=True)))


def test_hundred_tasks_with_jumps_are_drawn_without_a_collision() -> None:
    tasks: list[dict[str, Any]] = []
    for number in range(100):
        cases = [{"a": {"when": ".a", "then": f"t{(number * 7) % 100}"}}, {"b": {"then": f"t{min(99, number + 3)}"}},
                 {"c": {"when": ".c", "then": f"t{min(99, number + 1)}"}}]  # fmt: skip
        tasks.append({f"t{number}": {"switch": cases} if number % 3 else {"set": {"a": 1}}})
    graph = load(json.dumps(definition_of(tasks)))
    check(layout(outline(graph)), graph)


def test_deep_nesting_is_drawn_without_a_collision() -> None:
    tasks: list[dict[str, Any]] = [{"leaf": {"set": {"a": 1}}}]
    for depth in range(12):
        kind = depth % 3
        holder: dict[str, Any] = (
            {"fork": {"branches": [{f"b{depth}": {"do": tasks}}, {f"c{depth}": {"set": {"a": 1}}}]}}
            if kind == 0
            else {"for": {"in": "${ . }", "each": "x"}, "do": tasks}
            if kind == 1
            else {"try": tasks, "catch": {"do": [{f"h{depth}": {"set": {"a": 1}}}]}}
        )
        tasks = [{f"n{depth}": holder}]
    graph = load(json.dumps(definition_of(tasks)))
    for narrow in (False, True):
        check(layout(outline(graph), narrow=narrow), graph)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("file", [ONBOARDING, NESTED], ids=lambda path: path.stem)
def test_pictures_are_as_they_were_looked_at(file: Path, narrow: bool) -> None:
    """After a change that is wanted: `python -m tests.unit.console.golden`, and look at them."""
    golden = GOLDEN / f"{file.stem}{'-narrow' if narrow else ''}.svg"
    assert svg(layout(outline(load(file.read_text())), narrow=narrow)) + "\n" == golden.read_text()


def test_path_of_an_instance_is_that_of_its_history() -> None:
    graph = load(ONBOARDING.read_text())
    told = Account()
    at = {task.name: task.pointer for task in graph.tasks}
    told.steps = [
        step(at, "assessRisk", "decide", "completed"),
        step(at, "routeByRisk", "switch", "completed", case="highRisk"),
        step(at, "reviewApplication", "human", "running"),
    ]
    went = passed(outline(graph), told)
    assert went == {
        ("", at["assessRisk"]),
        (at["assessRisk"], at["routeByRisk"]),
        (at["routeByRisk"], at["reviewApplication"]),
    }
    assert states(told, 1000)[at["reviewApplication"]].status == "waiting"
    assert 'class="task s-waiting"' in svg(layout(outline(graph)), Told(states=states(told, 1000), passed=went))


LISTENING = {"hear": {
    "listen": {"to": {"any": [{"with": {"type": "a.v1", "data": "${ .order != null }"}}], "until": "${ false }"}},
    "foreach": {"item": "event", "do": [{"note": {"set": {"a": 1}}}]},
}}  # fmt: skip


def test_counts_stand_on_their_tasks_and_names_are_only_text() -> None:
    hostile = '<script>"&\x1b\u202e'
    graph = load(json.dumps(definition_of([{hostile: {"set": {"a": 1}, "metadata": {"title": hostile}}}])))
    pointer = graph.tasks[1].pointer
    drawn = svg(layout(outline(graph)), Told(states={pointer: State(counts={"waiting": 1284, "faulted": 3})}))
    assert "1,284" in drawn and "<script>" not in drawn and not {"\x1b", "\u202e"} & set(drawn)
    ElementTree.fromstring(drawn)
    assert "<script>" not in mermaid(outline(graph))


def test_tasks_for_each_event_stand_in_the_frame_of_the_listening() -> None:
    (listening,) = outline(load(json.dumps(definition_of([LISTENING])))).items
    assert (listening.kind, listening.note) == ("foreach", "for each event")
    assert [each.pointer for each in listening.lists[0].items] == ["/do/0/hear/foreach/do/0/note"]


def test_flowchart_has_every_task_and_every_way() -> None:
    text = mermaid(outline(load(ONBOARDING.read_text())))
    assert 't1 -->|"low risk"| t5' in text and 'subgraph t5["Open account"]' in text and text.count("finish") == 5


def test_command_draws_a_file(tmp_path: Path) -> None:
    drawn = tmp_path / "drawn.svg"
    assert CliRunner().invoke(group, ["graph", str(ONBOARDING), "--output", str(drawn)]).exit_code == 0
    assert ElementTree.fromstring(drawn.read_text()).tag.endswith("svg") and "<style>" in drawn.read_text()
    assert CliRunner().invoke(group, ["graph", str(NESTED), "--format", "mermaid"]).output.startswith("flowchart TD")


def check(picture: Picture, graph: Graph) -> None:
    told = sorted(task.pointer for task in graph.tasks if task.told and not is_undo(task.pointer))
    assert sorted(block.pointer for block in blocks(outline(graph))) == told
    assert sorted(box.block.pointer for box in picture.boxes if box.block) == told
    solid = [box for box in picture.boxes if box.form in ("task", "switch", "start", "end")]
    for one, other in combinations(solid, 2):
        assert not overlap(one, other), (one, other)
    frames = [box for box in picture.boxes if box.form in ("frame", "handler")]
    for frame in frames:
        for box in picture.boxes:
            assert box is frame or inside(box, frame) or inside(frame, box) or not overlap(box, frame), (frame, box)
    for line in picture.lines:
        for box in solid:
            assert not crosses(line, box), (line, box)
    for box in picture.boxes:
        assert box.x >= 0 and box.y >= 0 and box.x + box.width <= picture.width and box.y + box.height <= picture.height
    for line in picture.lines:
        assert all(0 <= x <= picture.width and 0 <= y <= picture.height for x, y in line.points), line


def overlap(a: Box, b: Box) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


def inside(a: Box, b: Box) -> bool:
    return b.x <= a.x and b.y <= a.y and a.x + a.width <= b.x + b.width and a.y + a.height <= b.y + b.height


def crosses(line: Line, box: Box) -> bool:
    """Whether a part of the line runs through the inside of a box."""
    for (x1, y1), (x2, y2) in pairwise(line.points):
        assert x1 == x2 or y1 == y2, f"not at a right angle: {line}"
        left, right, top, bottom = min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2)
        edge = 0.5
        if (
            left < box.x + box.width - edge
            and right > box.x + edge
            and top < box.y + box.height - edge
            and bottom > box.y + edge
        ):
            return True
    return False


def step(at: dict[str, str], name: str, kind: str, status: str, case: str | None = None) -> Step:
    return Step(pointer=at[name], iteration=0, name=name, title=name, kind=kind, depth=0, status=status, started_ms=0,
                ended_ms=None if status == "running" else 5, case=case)  # fmt: skip


def definition_of(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"document": {"dsl": "1.0.3", "namespace": "test", "name": "drawn", "version": "1.0.0"}, "do": tasks}


def test_function_of_the_definition_and_tasks_for_each_event_are_frames() -> None:
    task = {"set": {"a": 1}}
    listening = {
        "listen": {"to": {"one": {"with": {"type": "a.b"}}}},
        "foreach": {"item": "event", "do": [{"in": task}]},
    }
    document = definition_of([{"call-it": {"call": "greet"}}, {"each": listening}])
    graph = load(json.dumps(document | {"use": {"functions": {"greet": {"do": [{"hello": task}]}}}}))
    found = outline(graph)
    called, each = found.items
    assert (called.kind, called.note, called.lists[0].items[0].lists[0].items[0].name) == ("function", "greet", "hello")
    assert (each.kind, each.note, each.lists[0].items[0].name) == ("foreach", "for each event", "in")
    check(layout(found), graph)
