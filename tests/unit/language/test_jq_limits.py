"""What an expression may take is counted, the same on every machine, and nothing inside the expression can catch it."""

from __future__ import annotations

from itertools import count

import pytest

from streams.language.expressions import ExpressionError, ProgramError, evaluate_once, expression
from streams.language.jq.meter import METER
from streams.language.jq.program import compile_program
from tests.support.cost import costs_within

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


# each round reads or writes a text of four million characters
ROUNDS_ON_LONG_TEXTS = [
    "try tonumber catch 0",
    'try strptime("%Y") catch 0',
    "try fromdate catch 0",
    ". == $copy",
    ". < $copy",
    'ltrimstr("1")',
    "ltrimstr($copy)",
    "rtrimstr($copy)",
    "trim",
    "startswith($copy)",
    "endswith($copy)",
    "ascii_downcase",
    "ascii_upcase",
    "utf8bytelength",
    'test("2")',
    'sub("1"; "")',
    '[match("1"; "g")]',
    '[scan("1")]',
    'split("2")',
    'split("2"; null)',
    '. / "2"',
    '[.] | join(",")',
    "[., $copy] | sort",
    "[., $copy] | group_by(.)",
    "[., $copy] | unique",
    "[., $copy] | min",
    "[., $copy] | max_by(.)",
    'indices("2")',
    'indices("1")',
    "inside($copy)",
    'contains("2")',
    "[.] - [$copy]",
    "[.] | index($copy)",
    "[.] | bsearch($copy)",
    "tojson",
    "tostring | . + .",
    "try fromjson catch 0",
    "@base64",
    "@base64d",
    "@html",
    "@uri",
    "@urid",
    "[.] | @csv",
    '"\\(.)"',
    ".[1:]",
    '. + "x"',
    "explode",
    "{(.): 1}",
    "try error catch 0",
]
# each round does what no figure of its data shows
DEAR_ROUNDS = [
    '"ä" | test("\\\\w{9}" + ($i | tostring))',
    '"ä" | test("(\\\\p{L}+ [[:alpha:]])" + ($i | tostring))',
    '"a" | test("x{1000}" + ($i | tostring))',
    '"ä" | try test("((\\\\w{30}){30}){30}" + ($i | tostring)) catch 0',
    "null | .[500000] = 1",
    "[limit(40; repeat(0))] | tojson",
    '$long | strftime("%Y")?',
    "$long | mktime?",
    "$long | .[[5]]",
    "$long | keys",
    "$long | reverse",
    "$long + [1]",
    "$long | del(.[0])",
    "$long | .[0] = 1",
    "$long | implode?",
    "$long == $long",
    "null | try getpath($long) catch 0",
]


@pytest.mark.parametrize("round_", ROUNDS_ON_LONG_TEXTS)
def test_work_on_long_texts_is_paid_for(round_: str) -> None:
    source = (
        f'("1" * 4000000) as $copy | ("1" * 4000000) as $text | reduce range(100000) as $i (0; $text | {round_} | 0)'
    )
    _runs_out_soon(source)


@pytest.mark.parametrize("round_", DEAR_ROUNDS)
def test_work_that_data_does_not_show_is_paid_for(round_: str) -> None:
    _runs_out_soon(f"[range(100000)] as $long | reduce range(100000) as $i (0; {round_} | 0)")


def _runs_out_soon(source: str) -> None:
    def work() -> None:
        with pytest.raises(ExpressionError, match=r"more than .* (steps|characters|nodes|levels)"):
            evaluate_once(source, None)

    assert costs_within(150, work)  # the dearest of them takes 14


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


PLAIN_BOMBS = [
    "[" + ",".join([".text * 100"] * 500) + "]",
    "+".join([".text"] * 100),
    "[" + ",".join([".list + .list"] * 500) + "]",
    '"' + "\\(.text)" * 100 + '"',
    " or ".join([".deep == .deep | not"] * 100),
    "[" + ",".join(["(.text | trim | length)"] * 500) + "]",
    "[" + ",".join([".list - .list"] * 500) + "]",
]


@pytest.mark.parametrize("source", PLAIN_BOMBS)
def test_expression_without_loops_pays_for_large_data(source: str) -> None:
    data = {"text": " " * 900_000, "list": list(range(100_000)), "deep": [{"a": [n]} for n in range(100_000)]}
    with pytest.raises(ExpressionError, match=r"more than .* (steps|characters|nodes)"):
        evaluate_once(source, data)


@pytest.mark.parametrize("call", ["tonumber", "trim", "length", "floor", 'startswith("1")'])
def test_expression_without_loops_leaves_the_meter_alone(call: str) -> None:
    left = METER.left
    assert compile_program(f".x | {call}").plain
    for _ in range(100):
        evaluate_once(f".x | {call}", {"x": 1.5 if call == "floor" else "1" * 300})
    assert METER.left == left


NESTED = {
    "map": "map({})",
    "path": "path({})",
    "with_entries": "with_entries({})",
    "walk": "walk({})",
    "own function": "f({})",
    "brackets": "[{}]",
    "objects": "{{a: {}}}",
    "if": "if . then {} else 1 end",
    "reduce": "reduce 1 as $x (1; {})",
    "text": '"\\({})"',
    "label": "label $a | {}",
    "update": "(.a |= {})",
    "first": "first({})",
    "recurse": "recurse({}; 1)",
    "sort_by": "sort_by({})",
    "gsub": 'gsub("x"; {})',
}


def _nested(form: str, levels: int) -> str:
    source = "."
    for _ in range(levels):
        source = form.format(source)
    return f"def f(g): g | g; {source}"


@pytest.mark.parametrize("form", NESTED.values(), ids=NESTED.keys())
def test_nesting_costs_no_more_with_each_level(form: str) -> None:
    sources = (_nested(form, 18) + " " * number for number in count())  # never one that was read before
    assert costs_within(20, lambda: expression(next(sources)))  # doubling with each level took minutes


@pytest.mark.parametrize("form", NESTED.values(), ids=NESTED.keys())
@pytest.mark.parametrize("levels", [100, 700])
def test_nesting_without_end_is_refused(form: str, levels: int) -> None:
    with pytest.raises(ProgramError, match=r"(nests|chains or nests) more than \d+ (levels|operators)"):
        expression(_nested(form, levels))


@pytest.mark.parametrize("chain", ["+1", "//1", " and 1", "[0]", ".a", "[]", "?", " - 1", "[1:2]"])
def test_long_chain_of_operators_is_refused(chain: str) -> None:
    assert expression(f"(.){chain * 50}")
    with pytest.raises(ProgramError, match="chains or nests more than 120 operators"):
        expression(f"(.){chain * 2_000}")


@pytest.mark.parametrize("chain", [" | .", ", 1"])
def test_pipes_and_lists_may_be_long(chain: str) -> None:
    assert evaluate_once(f".{chain * 2_000}", 5) == 5


def test_many_cases_are_no_nesting() -> None:
    source = "if . == 0 then 0 " + "".join(f"elif . == {n} then {n * 2} " for n in range(1, 500)) + "else null end"
    assert evaluate_once(source, 499) == 998


def test_limits_of_nesting_hold_deep_inside_other_calls() -> None:
    def deep(levels: int, source: str) -> object:
        return deep(levels - 1, source) if levels else evaluate_once(source, None)

    assert deep(250, "[" * 38 + "1" + "]" * 38) is not None
    assert deep(250, "1" + "+1" * 110) == 111


@pytest.mark.parametrize(
    "source", ["9" * 5_000, "99999999999999999999", "-9223372036854775809", "1e999", "[1, {a: 2e400}]"]
)
def test_number_that_cannot_be_kept_is_refused(source: str) -> None:
    with pytest.raises(ProgramError) as caught:
        expression(source)
    assert caught.value.complaints[0][0].code == "number"


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
    hostile = "a" * 20_000 + "!"  # an engine that goes back would need longer than the universe has
    assert evaluate_once('test("^(a+)+$")', hostile) is False
    assert costs_within(20, lambda: evaluate_once('test("^(a+)+$")', hostile))


def test_ordinary_work_on_large_data_is_allowed() -> None:
    rows = [{"id": number, "amount": number % 7, "name": f"row {number}"} for number in range(2_000)]
    assert evaluate_once("[.[] | select(.amount > 3)] | length", rows) == sum(number % 7 > 3 for number in range(2_000))
    assert evaluate_once("group_by(.amount) | map({amount: .[0].amount, count: length}) | length", rows) == 7
    assert evaluate_once("map(.amount) | add", rows) == sum(number % 7 for number in range(2_000))


def test_deep_loops_do_not_use_the_stack() -> None:
    assert evaluate_once("until(. > 5000; . + 1)", 0) == 5001
    assert evaluate_once("last(recurse(if . < 5000 then . + 1 else empty end))", 0) == 5000
