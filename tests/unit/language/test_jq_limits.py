"""What an expression may take is counted, the same on every machine, and nothing inside the expression can catch it."""

from __future__ import annotations

import time

import pytest

from streams.language.expressions import ExpressionError, evaluate_once

ENDLESS = [
    "[range(1000000000)]",
    "last(repeat(1))",
    "[recurse(. + 1)] | length",
    "last(while(true; . + 1))",
    "until(false; . + 1)",
    "[{a: range(1000), b: range(1000), c: range(1000)}] | length",
    '["\\(range(1000))\\(range(1000))\\(range(1000))"] | length',
    "reduce range(1000000) as $i (0; . + 1)",
    "last(foreach range(1000000) as $i (0; . + 1; [.]))",
    "[limit(1000000; repeat(0))]",
    "def f: range(1000); [f as $a | f as $b | f as $c | 1] | length",
    "try [range(1000000000)] catch 0",
    "[range(1000000000)]? // 0",
    "[[range(1000)], [range(1000)], [range(1000)]] | [combinations] | length",
]
BOMBS = [
    '"x" * 100000000',
    'reduce range(40) as $i ("x"; . + .)',
    "reduce range(60) as $i (.; [., .])",
    "reduce range(60) as $i (.; [., .]) | tojson",
    "reduce range(60) as $i ({}; {a: ., b: .}) | . == .",
    "reduce range(60) as $i ([1]; . + .)",
    ".[9999999] = 1",
    "reduce range(1000) as $i (0; [.])",
    "reduce range(60) as $i ([1]; [., .]) | flatten",
    "reduce range(60) as $i ({}; {a: ., b: .}) | . * .",
    "reduce range(60) as $i ([1]; [., .]) | error",
    "reduce range(60) as $i ([1]; [., .]) | [., .] | sort",
    "reduce range(60) as $i ([1]; [., .]) | group_by(.)",
    "[range(20)] | sort_by(reduce range(60) as $i (.; [., .]))",
    '"\\(reduce range(60) as $i ([1]; [., .]))"',
    "reduce range(60) as $i ([1]; [., .]) | @json",
    "[range(20000)] | del(.[])",
    "[range(20000)] | map_values(. + 1)",
    "reduce range(20000) as $i ({a: []}; .a[$i] = 1)",
    "reduce range(20000) as $i ([]; . + [$i])",
    "[range(5000)] - [range(5000)] | length",
    "[range(3000)] | contains([range(3000)])",
]


@pytest.mark.parametrize("source", ENDLESS)
def test_endless_expression_runs_out_of_steps(source: str) -> None:
    with pytest.raises(ExpressionError, match=r"needs more than .* steps"):
        evaluate_once(source, 0)


@pytest.mark.parametrize("source", BOMBS)
def test_value_that_explodes_is_refused(source: str) -> None:
    with pytest.raises(ExpressionError, match=r"more than .* (steps|nodes|levels|characters)"):
        evaluate_once(source, None)


@pytest.mark.parametrize(
    "source", ["pow(10; 400)", "reduce range(20) as $i (9; . * .)", "1e308 * 10", "exp", "log", "-1 | sqrt"]
)
def test_number_that_json_cannot_hold_is_error(source: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate_once(f"{'0' if source == 'log' else '1000'} | {source}", None)


@pytest.mark.parametrize(
    "failing", ["floor", ". + 1", ".x", "path(1)", "tonumber", "-.", "keys | .a", "pow(.; 2)", "gmtime"]
)
def test_failing_on_huge_value_costs_little(failing: str) -> None:
    huge = "reduce range(60) as $i ([1]; [., .])"
    assert evaluate_once(f"{huge} | [limit(500; repeat(.)) | try ({failing}) catch 0] | length", None) == 500


def test_whole_numbers_are_exact_up_to_64_bits() -> None:
    assert evaluate_once("9007199254740993 + 1", None) == 9007199254740994
    assert isinstance(evaluate_once("18446744073709551615 + 1", None), float)


def test_limit_is_met_at_same_count_each_time() -> None:
    assert evaluate_once("[limit(10000; repeat(1))] | length", None) == 10000
    with pytest.raises(ExpressionError):
        evaluate_once("[limit(200000; repeat(1))] | length", None)
    assert evaluate_once("[limit(10000; repeat(1))] | length", None) == 10000


def test_hostile_text_cannot_stall_regular_expression() -> None:
    started = time.process_time()
    assert evaluate_once('test("^(a+)+$")', "a" * 20_000 + "!") is False
    assert time.process_time() - started < 1.0  # a backtracking engine would need longer than the universe has


def test_ordinary_work_on_large_data_is_allowed() -> None:
    rows = [{"id": number, "amount": number % 7, "name": f"row {number}"} for number in range(2_000)]
    assert evaluate_once("[.[] | select(.amount > 3)] | length", rows) == sum(number % 7 > 3 for number in range(2_000))
    assert evaluate_once("group_by(.amount) | map({amount: .[0].amount, count: length}) | length", rows) == 7
    assert evaluate_once("map(.amount) | add", rows) == sum(number % 7 for number in range(2_000))


def test_deep_loops_do_not_use_the_stack() -> None:
    assert evaluate_once("until(. > 5000; . + 1)", 0) == 5001
    assert evaluate_once("last(recurse(if . < 5000 then . + 1 else empty end))", 0) == 5000
