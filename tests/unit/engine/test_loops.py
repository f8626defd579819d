"""for: items, index, while, and what goes from one iteration to the next."""

from __future__ import annotations

from tests.support.trial import Trial, call

SUM = """
- sum:
    for: {in: '${ .items }', each: x, at: i}
    do:
      - add: {set: {items: [], total: '${ (.total // 0) + $x * $i }'}}
"""


def test_each_iteration_gets_the_output_of_the_last() -> None:
    trial = Trial(SUM, {"items": [1, 2, 3]})
    assert trial.output == {"items": [], "total": 8}
    assert trial.started == ["sum", "add", "add", "add"]


def test_item_and_index_are_the_default_names() -> None:
    trial = Trial("- l: {for: {in: '${ . }'}, do: [{a: {set: {at: '${ [$item, $index] }'}}}]}", ["x", "y"])
    assert trial.output == {"at": ["y", 1]}


def test_loop_over_nothing_passes_its_input() -> None:
    assert Trial(SUM, {"items": [], "total": 5}).output == {"items": [], "total": 5}


def test_while_is_asked_before_each_iteration() -> None:
    trial = Trial(
        "- l: {for: {in: '${ [1, 2, 3, 4] }'}, while: '${ .n + $item < 7 }', do: [{a: {set: {n: '${ .n + $item }'}}}]}",
        {"n": 0},
    )
    assert trial.output == {"n": 6}


def test_while_reads_the_input_of_the_loop_after_a_wait() -> None:
    loop = f"- l: {{for: {{in: '${{ [1, 2, 3] }}'}}, while: '${{ . != $input }}', do: [{call('a')[2:]}]}}"
    trial = Trial("- s: {set: {n: 0}}\n" + loop.replace(". != $input", "$index == 0 or . != $input"), {})
    trial.answer("a", {"n": 1})
    trial.answer("a", {"n": 0})
    assert trial.output == {"n": 0}
    assert trial.started.count("a") == 2


def test_steps_of_a_loop_are_numbered() -> None:
    trial = Trial(f"- l: {{for: {{in: '${{ . }}'}}, do: [{call('a')[2:]}]}}", [1, 2])
    assert trial.pending["/do/0/l/do/0/a"].iteration == 0
    trial.answer("a", "once")
    assert trial.pending["/do/0/l/do/0/a"].iteration == 1
    assert trial.input_of("a") == "once"
    trial.answer("a", "twice")
    assert trial.output == "twice"


def test_numbers_go_on_when_a_loop_is_entered_again() -> None:
    loop = f"- l: {{for: {{in: '${{ [1] }}'}}, do: [{call('a')[2:]}]}}"
    trial = Trial(loop + "\n- again: {switch: [{more: {when: '${ .more }', then: l}}]}")
    trial.answer("a", {"more": True})
    assert trial.pending["/do/0/l/do/0/a"].iteration == 1


def test_exit_in_a_loop_ends_the_iteration_only() -> None:
    trial = Trial(
        """
        - l:
            for: {in: '${ [1, 2] }'}
            do:
              - a: {switch: [{out: {when: '${ $item == 1 }', then: exit}}]}
              - b: {set: {n: '${ .n + $item }'}}
        """,
        {"n": 0},
    )
    assert trial.output == {"n": 2}


def test_inner_loop_hides_the_outer_name() -> None:
    trial = Trial(
        """
        - outer:
            for: {in: '${ [1, 2] }'}
            do:
              - inner:
                  for: {in: '${ [10, 20] }', at: inside}
                  do:
                    - a: {set: {seen: '${ .seen + [[$item, $index, $inside]] }'}}
        """,
        {"seen": []},
    )
    assert trial.output == {"seen": [[10, 0, 0], [20, 0, 1], [10, 1, 0], [20, 1, 1]]}


def test_items_already_done_leave_the_state() -> None:
    trial = Trial(f"- l: {{for: {{in: '${{ . }}'}}, do: [{call('a')[2:]}]}}", ["first" * 50, "second"])
    assert trial.row is not None
    assert b"first" in trial.row
    trial.answer("a", 1)
    assert b"first" not in trial.row
    assert b"second" in trial.row
