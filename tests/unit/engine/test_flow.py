"""Sequence, data and flow directives: do, set, switch, if, then, input, output, export."""

from __future__ import annotations

import pytest

from tests.support.data import payload
from tests.support.trial import Trial, call


def test_output_of_each_task_feeds_the_next() -> None:
    trial = Trial("- a: {set: {n: '${ .n + 1 }'}}\n- b: {set: {n: '${ .n * 10 }'}}", {"n": 1})
    assert trial.output == {"n": 20}
    assert trial.started == ["a", "b"]


def test_set_replaces_instead_of_merging() -> None:
    assert Trial("- a: {set: {b: 1}}", {"gone": True}).output == {"b": 1}


def test_lists_inside_lists_run_in_place() -> None:
    trial = Trial(
        "- outer:\n    do:\n      - a: {set: {n: 1}}\n      - b: {set: {n: '${ .n + 1 }'}}\n- c: {set: '${ . }'}"
    )
    assert trial.output == {"n": 2}
    assert trial.started == ["outer", "a", "b", "c"]
    assert [entry.pointer for entry in trial.history][1:3] == ["/do/0/outer", "/do/0/outer/do/0/a"]


def test_skipped_task_passes_its_raw_input() -> None:
    trial = Trial(
        "- a: {if: '${ .go }', input: {from: '${ {} }'}, set: {n: 1}, then: end}\n- b: {set: '${ . }'}", {"go": False}
    )
    assert trial.output == {"go": False}
    assert trial.phases("a") == ["task.skipped"]
    assert trial.started == ["b"]


def test_input_is_shaped_before_the_task() -> None:
    trial = Trial("- a: {input: {from: '${ .inner }'}, set: {got: '${ . }', same: '${ $input }'}}", {"inner": 7})
    assert trial.output == {"got": 7, "same": 7}


def test_output_is_shaped_with_input_at_hand() -> None:
    trial = Trial(call("a", ", output: {as: '${ {new: ., old: $input} }'}"), {"n": 1})
    trial.answer("a", 5)
    assert trial.output == {"new": 5, "old": {"n": 1}}


def test_raw_input_of_a_task_is_kept_where_read() -> None:
    trial = Trial(
        call("a", ", input: {from: '${ .x }'}, output: {as: '${ [$task.input, $input, $task.output, .] }'}"), {"x": 1}
    )
    trial.answer("a", 2)
    assert trial.output == [{"x": 1}, 1, 2, 2]


def test_export_replaces_the_whole_context() -> None:
    trial = Trial(
        """
        - a: {set: {n: 1}, export: {as: '${ {first: $output.n} }'}}
        - b: {set: {n: 2}, export: {as: '${ $context + {second: .n} }'}}
        - c: {set: '${ $context }'}
        - d: {set: {}, export: {as: '${ {only: 1} }'}}
        - e: {set: {then: '${ $context }', before: '${ . }'}}
        """
    )
    assert trial.output == {"then": {"only": 1}, "before": {}}


def test_context_is_an_empty_object_at_first() -> None:
    assert Trial("- a: {set: '${ $context }'}", {"n": 1}).output == {}


def test_context_survives_the_wait_for_a_step() -> None:
    trial = Trial(
        "- a: {set: {}, export: {as: '${ {kept: $input.n} }'}}\n" + call("b") + "\n- c: {set: '${ $context }'}",
        {"n": 4},
    )
    trial.answer("b", "else")
    assert trial.output == {"kept": 4}


def test_workflow_shapes_its_input_and_output() -> None:
    trial = Trial("- a: {set: {n: '${ .n }', raw: '${ $workflow.input }'}}", {"body": {"n": 1}},
                  more="input: {from: '${ .body }'}\noutput: {as: '${ {result: .} }'}")  # fmt: skip
    assert trial.output == {"result": {"n": 1, "raw": {"body": {"n": 1}}}}


SWITCH = """
- route:
    switch:
      - other: {then: fallback}
      - big: {when: '${ .n > 10 }', then: high}
      - small: {when: '${ .n < 3 }', then: continue}
- low: {set: {went: low}, then: exit}
- high: {set: {went: high}, then: exit}
- fallback: {set: {went: fallback}}
"""


@pytest.mark.parametrize(("n", "went"), [(11, "high"), (1, "low"), (5, "fallback")])
def test_first_matching_case_wins_over_default(n: int, went: str) -> None:
    trial = Trial(SWITCH, {"n": n})
    assert trial.output == {"went": went}
    assert trial.started == ["route", went]


def test_chosen_case_stands_in_history() -> None:
    trial = Trial(SWITCH, {"n": 11})
    completed = next(entry for entry in trial.history if entry.phase == "task.completed")
    assert (completed.pointer, completed.data) == ("/do/0/route", payload({"case": "big"}))


def test_switch_without_match_follows_its_own_then() -> None:
    trial = Trial(
        "- a: {switch: [{x: {when: '${ false }', then: b}}], then: c}\n- b: {set: {at: b}}\n- c: {set: '${ . }'}",
        {"n": 1},
    )
    assert trial.output == {"n": 1}
    assert trial.started == ["a", "c"]


def test_goto_may_go_back() -> None:
    trial = Trial(
        "- count: {set: {n: '${ .n + 1 }'}}\n- again: {switch: [{more: {when: '${ .n < 3 }', then: count}}]}", {"n": 0}
    )
    assert trial.output == {"n": 3}
    assert trial.started == ["count", "again"] * 3


def test_exit_leaves_only_the_own_list() -> None:
    trial = Trial(
        """
        - outer:
            do:
              - a: {switch: [{out: {when: .go, then: exit}}]}
              - b: {set: {n: 2}}
        - c: {set: '${ . }'}
        """,
        {"go": True},
    )
    assert trial.output == {"go": True}
    assert trial.started == ["outer", "a", "c"]


def test_end_anywhere_ends_the_workflow() -> None:
    trial = Trial(
        """
        - outer:
            do:
              - a: {set: {n: 1}, then: end}
            output: {as: '${ {never: 1} }'}
        - c: {set: {n: 3}}
        """,
        more="output: {as: '${ {out: .} }'}",
    )
    assert trial.output == {"out": {"n": 1}}
    assert trial.phases("outer") == ["task.started", "task.completed"]


def test_steps_wait_for_one_another() -> None:
    trial = Trial(call("a") + "\n" + call("b"), {"n": 1})
    assert trial.waiting_for == ["a"]
    assert trial.input_of("a") == {"n": 1}
    trial.answer("a", {"n": 2})
    assert trial.waiting_for == ["b"]
    assert trial.input_of("b") == {"n": 2}
    trial.answer("b", None)
    assert trial.output is None
