"""The graph: numbers in document order, links and jumps resolved, one digest for one text."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings

from streams.language.constructs.call import Call
from streams.language.constructs.do import Do
from streams.language.constructs.for_ import For
from streams.language.constructs.fork import Fork
from streams.language.constructs.switch import Switch
from streams.language.constructs.try_ import Try
from streams.language.graph import Directive, Flow, Graph, Task
from tests.reference.strategies import definitions
from tests.support.definitions import load

TEXT = """
document: {dsl: '1.0.3', namespace: test, name: sample, version: '1.0.0'}
schedule: {on: {any: [{with: {type: a.v1}}, {with: {type: b.v1, source: /shop}}]}}
timeout: {after: {minutes: 1}}
do:
- choose:
    switch:
    - left: {when: .x == 1, then: last}
    - right: {when: .x == 2, then: exit}
- both:
    if: .go
    fork:
      branches:
      - list: {do: [{one: {set: {x: 1}}}, {two: {set: {x: 2}}}]}
      - single: {call: decide, with: {model: m}, metadata: {effect: read}, output: {as: '${ $input + . }'}}
- last:
    try: [{loop: {for: {in: .items}, do: [{body: {wait: PT1S}}]}}]
    catch: {errors: {with: {status: 500}}, do: [{handle: {set: {x: '${ $workflow.input }'}}}]}
"""


def by_pointer(graph: Graph) -> dict[str, Task]:
    return {task.pointer: task for task in graph.tasks}


def test_tasks_are_numbered_in_document_order() -> None:
    assert [task.pointer for task in load(TEXT).tasks] == [
        "/do",
        "/do/0/choose",
        "/do/1/both",
        "/do/1/both/fork/branches/0/list",
        "/do/1/both/fork/branches/0/list/do/0/one",
        "/do/1/both/fork/branches/0/list/do/1/two",
        "/do/1/both/fork/branches/1/single",
        "/do/2/last",
        "/do/2/last/try",
        "/do/2/last/try/0/loop",
        "/do/2/last/try/0/loop/do",
        "/do/2/last/try/0/loop/do/0/body",
        "/do/2/last/catch/do",
        "/do/2/last/catch/do/0/handle",
    ]


def test_links_and_jumps_are_numbers() -> None:
    tasks = by_pointer(load(TEXT))
    root, choose, both, last = (tasks[at] for at in ("/do", "/do/0/choose", "/do/1/both", "/do/2/last"))
    assert isinstance(root, Do) and isinstance(choose, Switch) and isinstance(both, Fork) and isinstance(last, Try)
    assert (root.first, choose.next, both.next, last.next) == (choose.index, both.index, last.index, -1)
    assert [case.then for case in choose.cases] == [Flow(Directive.GOTO, last.index), Flow(Directive.EXIT)]
    assert [load(TEXT).tasks[branch].name for branch in both.branches] == ["list", "single"]
    assert load(TEXT).tasks[last.body].pointer == "/do/2/last/try"
    assert load(TEXT).tasks[last.handler].pointer == "/do/2/last/catch/do"
    loop = tasks["/do/2/last/try/0/loop"]
    assert isinstance(loop, For) and (loop.each, loop.at) == ("item", "index")


def test_workflow_carries_events_and_timeout() -> None:
    graph = load(TEXT)
    assert graph.event_types == ("a.v1", "b.v1")
    assert graph.event_filters[1] == {"type": "b.v1", "source": "/shop"}
    assert graph.timeout is not None and graph.timeout.evaluate(None, {}) == 60_000


def test_frames_keep_input_only_where_it_is_read() -> None:
    graph = load(TEXT)
    assert [task.name for task in graph.tasks if task.keeps_input] == ["single"]
    assert graph.keeps_input
    assert not load(TEXT.replace("$workflow.input", "1")).keeps_input


def test_call_carries_function_arguments_and_effect() -> None:
    call = by_pointer(load(TEXT))["/do/1/both/fork/branches/1/single"]
    assert isinstance(call, Call) and (call.function, call.effect) == ("decide", "read")
    assert call.arguments.evaluate({"n": 1}, {}) == {"model": "m", "input": {"n": 1}}


def test_digest_depends_on_content_not_on_layout() -> None:
    other_layout = TEXT.replace("{one: {set: {x: 1}}}", "{one:   {set:  {'x': 1}}}").replace(
        "- last:", "# note\n- last:"
    )
    assert load(TEXT).digest == load(other_layout).digest
    assert load(TEXT).digest != load(TEXT.replace("{x: 1}", "{x: 3}")).digest


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(definitions())
def test_same_text_gives_same_graph(document: dict[str, Any]) -> None:
    text = orjson.dumps(document).decode()
    first, second = load(text), load(text)
    assert first.digest == second.digest
    assert [(type(task), task.pointer, task.next, task.then) for task in first.tasks] == [
        (type(task), task.pointer, task.next, task.then) for task in second.tasks
    ]
    for index, task in enumerate(first.tasks):
        assert task.index == index
        assert task.parent < index
        assert task.next == -1 or first.tasks[task.next].parent == task.parent
