"""`metadata.compensate`: what it may be, what it becomes in the graph, and what lint says."""

from __future__ import annotations

import pytest

from streams.language.constructs.call import Call
from streams.language.undoing import Stand, is_undo, name_at
from tests.support.definitions import check, load

HEAD = "document: {dsl: '1.0.3', namespace: tests, name: undoing, version: '1.0.0'}\ndo:\n"
POST = "call: http, with: {method: post, endpoint: 'https://x.example/a'}"
UNDO = "{call: http, with: {method: delete, endpoint: '${ .output.href }'}}"


def found(*tasks: str) -> list[str]:
    """What lint says, as codes and messages."""
    return [f"{fault.code}: {fault.message}" for fault in check(HEAD + "\n".join(f"- {task}" for task in tasks))]


def test_undo_is_a_task_inside_its_step() -> None:
    graph = load(
        f"{HEAD}- a: {{{POST}, metadata: {{compensate: {UNDO}}}}}\n- b: {{{POST}, metadata: {{compensate: none}}}}"
    )
    step, undo, other = graph.tasks[1:]
    assert isinstance(step, Call) and isinstance(undo, Call) and isinstance(other, Call)
    assert (step.undo, undo.parent, undo.pointer) == (undo.index, step.index, "/do/0/a/metadata/compensate")
    assert (undo.name, name_at(undo.pointer), other.undo, undo.undo) == ("undo-a", "undo-a", -1, -1)
    assert graph.undoes and is_undo(undo.pointer) and not is_undo(step.pointer)


@pytest.mark.parametrize(
    ("task", "stands"),
    [
        (f"b: {{{POST}}}", True),
        ("b: {call: http, with: {method: get, endpoint: 'https://x.example/a'}}", False),
        (f"b: {{{POST}, metadata: {{effect: read}}}}", False),
        ("b: {call: human, with: {team: t, title: x, outcomes: [ok]}}", False),
        ("b: {call: sql.query, with: {connection: c, statement: SELECT 1}}", False),
        ("b: {emit: {event: {with: {type: tests.done.v1}}}}", True),
        ("b: {run: {workflow: {namespace: tests, name: other}}}", True),
    ],
)
def test_what_may_have_an_effect_and_says_nothing_is_for_people(task: str, stands: bool) -> None:
    first = f"a: {{{POST}, metadata: {{compensate: {UNDO}}}}}"
    graph = load(f"{HEAD}- {first}\n- {task}")
    assert isinstance(graph.tasks[-1], Stand) is stands
    assert [each for each in found(first, task) if each.startswith("no-undo")] == (
        ["no-undo: `b` may change something, and nothing says how that is undone"] if stands else []
    )


def test_elements_of_a_map_are_said_to_stand() -> None:
    each = "b: {call: map, with: {in: '${ [1] }', workflow: {namespace: sales, name: refund}}}"
    told = "no-undo: what the elements of `b` have done by then is not undone"
    assert told in found(f"a: {{{POST}, metadata: {{compensate: {UNDO}}}}}", each)
    assert told not in found(f"a: {{{POST}}}", each)


def test_a_workflow_that_undoes_nothing_is_as_it_was() -> None:
    graph = load(f"{HEAD}- a: {{{POST}}}")
    assert not graph.undoes and [getattr(task, "undo", -1) for task in graph.tasks] == [-1, -1]
    assert found(f"a: {{{POST}}}") == []


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            f"a: {{set: {{}}, metadata: {{compensate: {UNDO}}}}}",
            "compensate: `a` has no effect of its own that could be undone",
        ),
        (
            f"a: {{{POST}, metadata: {{compensate: 5}}}}",
            "type: `compensate` is a number where a task, or none, is needed",
        ),
        (
            f"a: {{{POST}, metadata: {{compensate: {{{POST}, metadata: {{compensate: {UNDO}}}}}}}}}",
            "compensate: an undo is not undone itself, and `compensate` says how",
        ),
        (
            f"a: {{{POST}, metadata: {{compensate: {{do: [{{x: {{set: {{}}, then: end}}}}]}}}}}}",
            "compensate: `then: end` in `x` would end the workflow",
        ),
        (
            f"a: {{{POST}, metadata: {{compensate: {{{POST}, then: exit}}}}}}",
            "compensate: the flow does not go on behind an undo",
        ),
        (
            f"l: {{for: {{in: [1]}}, do: [{{a: {{{POST}, metadata: {{compensate: {{set: '${{ $item }}'}}}}}}}}]}}",
            "unknown-variable: there is no variable `$item` here",
        ),
        (
            f"t: {{try: [{{a: {{{POST}}}}}], catch: {{}}, metadata: {{compensate: true}}}}",
            "compensate: no step in this `try` is undone",
        ),
    ],
)
def test_lint_says_what_an_undo_may_not_be(task: str, message: str) -> None:
    assert any(each.startswith(message) for each in found(task)), found(task)
