"""fork: branches side by side, the join, and what branches do to each other."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.engine import Limits
from streams.engine.constructs.fork import merge_exports
from tests.reference.interpreter import merged
from tests.support.trial import Trial, call

THREE = "- f:\n    fork:\n      branches:\n" + "".join(f"        {call(name)}\n" for name in "abc")


@pytest.mark.parametrize("order", list(permutations("abc")))
def test_outputs_stand_in_order_of_declaration(order: tuple[str, ...]) -> None:
    trial = Trial(THREE)
    assert trial.waiting_for == ["a", "b", "c"]
    for name in order:
        trial.answer(name, f"from {name}")
    assert trial.output == ["from a", "from b", "from c"]


def test_branches_run_on_independently() -> None:
    trial = Trial(
        """
        - f:
            fork:
              branches:
                - x:
                    do:
                      - a: {call: human, with: {team: t, title: x, outcomes: [ok]}}
                      - b: {call: human, with: {team: t, title: x, outcomes: [ok]}}
                - c: {call: human, with: {team: t, title: x, outcomes: [ok]}}
        """
    )
    trial.answer("a")
    assert trial.waiting_for == ["c", "b"]
    trial.answer("b", 1)
    trial.answer("c", 2)
    assert trial.output == [1, 2]


CONTEXTS = """
- before: {set: {}, export: {as: '${ {old: 1, both: 0} }'}}
- f:
    fork:
      branches:
        - x:
            do:
              - x1: {set: {}, export: {as: '${ $context + {x: 1, both: 1} }'}}
              - x2: {set: '${ $context }'}
        - y:
            do:
              - y1: {set: {}, export: {as: '${ $context + {y: 1} }'}}
              - y2: {set: '${ $context }'}
        - z: {set: '${ $context }'}
- after: {set: {branches: '${ . }', joined: '${ $context }'}}
"""


def test_each_branch_sees_its_own_context() -> None:
    trial = Trial(CONTEXTS)
    assert trial.output["branches"] == [
        {"old": 1, "both": 1, "x": 1},
        {"old": 1, "both": 0, "y": 1},
        {"old": 1, "both": 0},
    ]


def test_join_merges_what_branches_changed() -> None:
    assert Trial(CONTEXTS).output["joined"] == {"old": 1, "both": 1, "x": 1, "y": 1}


@pytest.mark.parametrize(
    ("context", "exported", "merged"),
    [
        ({}, [{"a": 1}, {"a": 2}], {"a": 2}),
        ({"a": 0}, [{"a": 1}, {"a": 0, "b": None}], {"a": 1, "b": None}),
        ({"a": 1}, [{"a": True}], {"a": True}),
        ({"a": 1}, [{}], {"a": 1}),
        ({"a": 1}, [[1]], [1]),
        (None, [{"a": 1}], {"a": 1}),
        # members of members, as deep as there are objects
        ({"m": {"a": 0, "b": 0}}, [{"m": {"a": 1, "b": 0}}, {"m": {"a": 0, "b": 1}}], {"m": {"a": 1, "b": 1}}),
        (
            {"m": {"n": {"a": 0}}},
            [{"m": {"n": {"a": 0, "b": 1}}}, {"m": {"n": {"a": 2}}}],
            {"m": {"n": {"a": 2, "b": 1}}},
        ),
        ({}, [{"m": {"a": 1}}, {"m": {"b": 2}}], {"m": {"a": 1, "b": 2}}),
        ({"m": {"a": 0}}, [{"m": {"a": 1}}, {"m": {"a": 2}}], {"m": {"a": 2}}),
        ({"m": {"a": 0}}, [{"m": 5}, {"m": {"a": 0}}], {"m": 5}),
        ({"m": {"a": 0, "c": 3}}, [{"m": 5}, {"m": {"a": 1, "c": 3}}], {"m": {"a": 1, "c": 3}}),
        ({"m": {"a": 0}}, [{"m": {"a": 1}}, {"m": [2]}], {"m": [2]}),
        ({"m": {"a": 0}}, [{"m": {"a": 1}}, {}], {"m": {"a": 1}}),
        ({"l": [{"a": 0}]}, [{"l": [{"a": 1}]}, {"l": [{"a": 0}], "x": 1}], {"l": [{"a": 1}], "x": 1}),
        # the order of members says nothing, nor the way in which a number is written; true is not 1
        ({"m": {"b": 1, "a": 2}}, [{"m": {"b": 1, "a": 99}}, {"m": {"a": 2, "b": 1}}], {"m": {"b": 1, "a": 99}}),
        ({"l": [{"b": 1, "a": 2}]}, [{"l": []}, {"l": [{"a": 2, "b": 1}]}], {"l": []}),
        ({"m": {"a": 1}}, [{"m": {"a": 7}}, {"m": {"a": 1.0}}], {"m": {"a": 7}}),
        ({"m": {"a": 1}}, [{"m": {"a": 7}}, {"m": {"a": True}}], {"m": {"a": True}}),
        ({"m": {"a": [0]}}, [{"m": {"a": [7]}}, {"m": {"a": [False]}}], {"m": {"a": [False]}}),
    ],
)
def test_later_branch_wins_where_both_changed(context: object, exported: list[object], merged: object) -> None:
    assert merge_exports(context, exported) == merged
    assert repr(merge_exports(context, exported)) == repr(merged)


CONTEXT = st.recursive(
    st.sampled_from([0, 1, 1.0, True, False, None, "x", [], [1], [True]]),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(CONTEXT, st.lists(CONTEXT, max_size=3))
def test_join_merges_as_reference_does(context: Any, exported: list[Any]) -> None:
    expected = context
    for export in exported:
        expected = merged(context, expected, export)
    assert repr(_sorted(merge_exports(context, exported))) == repr(_sorted(expected))


def _sorted(value: Any) -> Any:
    return {name: _sorted(value[name]) for name in sorted(value)} if isinstance(value, dict) else value


def test_branches_change_different_members_of_one_nested_object() -> None:
    trial = Trial(
        """
        - init: {set: {m: {a: 0, b: 0}}, export: {as: .}}
        - par:
            fork:
              branches:
                - a: {set: {q: 1}, export: {as: '$context | .m.a = 1'}}
                - b: {set: {q: 1}, export: {as: '$context | .m.b = 1'}}
        - after: {set: '${ $context }'}
        """
    )
    assert trial.output == {"m": {"a": 1, "b": 1}}


def test_failing_branch_cancels_the_others() -> None:
    trial = Trial(THREE)
    trial.answer("a", 1)
    trial.fail("b", status=409)
    assert trial.error["status"] == 409
    assert trial.error["instance"] == "/do/0/f/fork/branches/1/b"
    assert [(sent.pointer, sent.iteration, sent.function) for sent in trial.withdrawn] == [
        ("/do/0/f/fork/branches/2/c", 0, "human")
    ]
    assert trial.phases("c") == ["task.started", "task.cancelled"]
    assert trial.phases("f") == ["task.started", "task.faulted"]


def test_command_of_the_same_step_is_never_sent() -> None:
    trial = Trial(
        "- f:\n    fork:\n      branches:\n        "
        + call("a")
        + "\n        - b: {raise: {error: {type: 'https://e.com/x', status: 400}}}"
    )
    assert trial.error["type"] == "https://e.com/x"
    assert (trial.pending, trial.withdrawn) == ({}, [])
    assert trial.phases("a") == ["task.started", "task.cancelled"]


def test_branch_after_a_failed_one_never_starts() -> None:
    bad = "- a: {raise: {error: {type: 'https://e.com/x', status: 400}}}"
    trial = Trial(f"- f:\n    fork:\n      branches:\n        {bad}\n        {call('b')}")
    assert trial.phases("b") == []
    assert trial.outcome is not None


def test_end_in_a_branch_cancels_the_others() -> None:
    trial = Trial(
        "- f:\n    fork:\n      branches:\n        "
        + call("a", ", then: end")
        + "\n        "
        + call("b")
        + "\n- never: {set: {}}"
    )
    trial.answer("a", "the end")
    assert trial.output == "the end"
    assert [sent.pointer for sent in trial.withdrawn] == ["/do/0/f/fork/branches/1/b"]
    assert trial.phases("f") == ["task.started", "task.completed"]


def test_error_of_a_nested_fork_is_caught_outside() -> None:
    trial = Trial(
        """
        - t:
            try:
              - f:
                  fork:
                    branches:
                      - slow: {wait: {hours: 1}}
                      - bad: {call: human, with: {team: t, title: x, outcomes: [ok]}}
            catch:
              do:
                - mend: {set: {caught: '${ $error.status }'}}
        """
    )
    trial.fail("bad", status=418)
    assert trial.output == {"caught": 418}
    assert trial.phases("slow") == ["task.started", "task.cancelled"]


RACE = THREE.replace("fork:\n", "fork:\n      compete: true\n")


@pytest.mark.parametrize("winner", "abc")
def test_first_that_succeeds_wins_and_the_others_are_taken_back(winner: str) -> None:
    trial = Trial(RACE)
    late = {name: trial.result(name, "late") for name in "abc" if name != winner}
    trial.answer(winner, "first")
    assert trial.output == "first"
    assert sorted(each.pointer[-1] for each in trial.withdrawn) == sorted(late)
    for result in late.values():
        assert trial.send(result).transitions == []


def test_branch_that_fails_is_out_of_the_race_and_nobody_mends_it() -> None:
    trial = Trial(RACE, limits=Limits(incidents=True))
    trial.fail("a")
    assert trial.waiting_for == ["b", "c"]
    trial.fail("c")
    assert not trial.incidents
    trial.answer("b", "the last")
    assert trial.output == "the last"
    assert trial.withdrawn == []


def test_error_of_the_last_goes_on() -> None:
    trial = Trial(RACE)
    for name in "bca":
        trial.fail(name, title=f"no {name}")
    assert trial.error["title"] == "no a"


def test_last_that_fails_waits_for_people() -> None:
    trial = Trial(RACE, limits=Limits(incidents=True))
    for name in "bca":
        trial.fail(name)
    assert [each.pointer[-1] for each in trial.incidents.values()] == ["a"]


def test_branch_that_succeeds_at_once_ends_the_race_before_the_others_begin() -> None:
    trial = Trial(RACE.replace(call("a"), "- a: {set: {x: 1}}"))
    assert trial.output == {"x": 1}
    assert trial.pending == {}


def test_only_the_context_of_the_winner_counts() -> None:
    export = "export: {as: '${ {by: $task.name} }'}"
    race = f"""
- f:
    fork:
      compete: true
      branches:
        - x: {{do: [{{x1: {{set: {{}}, {export}}}}}, {{x2: {{raise: {{error: {{type: 'u:x', status: 400}}}}}}}}]}}
        - y: {{do: [{{y1: {{set: {{}}, {export}}}}}, {{y2: {{wait: PT1H}}}}]}}
        - z: {{do: [{{z1: {{wait: PT1S}}}}, {{z2: {{set: {{}}, {export}}}}}]}}
- out: {{set: '${{ $context }}'}}
"""
    trial = Trial(race)
    trial.pass_time(1_000)
    assert trial.output == {"by": "z2"}
