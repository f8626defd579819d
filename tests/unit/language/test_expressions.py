"""Expressions: what they give, what they promise, and what their errors say."""

from __future__ import annotations

import pytest

from streams.language.expressions import (
    Collection,
    Condition,
    Constant,
    ExpressionError,
    Milliseconds,
    evaluate_once,
    expression,
    inner_text,
    template,
)

DATA = {"a": {"b": [1, 2]}, "n": 3, "secret": "4711"}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        (".", DATA),
        (".a.b", [1, 2]),
        (".missing.deeper", None),
        ("$x", {"y": 5}),
        ("$x.y", 5),
        (".n + $x.y", 8),
        ('"\\(.n) apples"', "3 apples"),
        ("[.a.b[] | . * 2]", [2, 4]),
        ("if .n > 2 then {big: .n} else null end", {"big": 3}),
    ],
)
def test_expression_gives_value_of_jq(source: str, value: object) -> None:
    assert evaluate_once(source, DATA, {"x": {"y": 5}}) == value


def test_first_of_several_results_counts() -> None:
    assert evaluate_once(".a.b[]", DATA) == 1


def test_no_result_at_all_is_null() -> None:
    assert evaluate_once("empty", DATA) is None
    assert evaluate_once(".a.b[] | select(. > 5)", DATA) is None


def test_variables_are_those_left_unbound() -> None:
    assert expression(". as $own | $input + $own + $context.a").variables == {"input", "context"}
    assert expression("reduce .[] as $i (0; . + $i + $outer)").variables == {"outer"}
    assert expression("$item.name").variables == {"item"}


def test_missing_variable_fails_with_name() -> None:
    with pytest.raises(ExpressionError, match=r"\$nobody"):
        evaluate_once("$nobody", DATA)


@pytest.mark.parametrize(
    "source", [".secret.deeper", ".secret + 1", ".secret | .x", "{(.n): 1}", ".secret | tonumber | .[0]"]
)
def test_error_names_expression_but_no_data(source: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate_once(source, DATA)
    assert source in str(caught.value)
    assert "4711" not in str(caught.value)


def test_evaluation_leaves_data_unchanged() -> None:
    data = {"list": [3, 1, 2], "deep": {"x": 1}}
    evaluate_once(".deep.x = 9 | .list |= sort | del(.deep) | .list[0] += 1", data)
    assert data == {"list": [3, 1, 2], "deep": {"x": 1}}


def test_template_fills_only_whole_expressions() -> None:
    filled = template({"id": "${ .n }", "list": ["${ .a.b }", "plain"], "fixed": {"x": 1}})
    assert filled.evaluate(DATA, {}) == {"id": 3, "list": [[1, 2], "plain"], "fixed": {"x": 1}}
    assert filled.variables == frozenset()


def test_template_without_expressions_is_constant() -> None:
    fixed = template({"x": [1, {"y": None}]})
    assert isinstance(fixed, Constant)
    assert fixed.evaluate(DATA, {}) is fixed.evaluate(None, {})


def test_braces_around_whole_text_make_expression() -> None:
    assert inner_text(" ${ .a } ") == ".a"
    assert inner_text("${ {a: 1} }") == "{a: 1}"
    assert inner_text("Hello ${ .a }") is None


def test_condition_takes_booleans_and_null() -> None:
    assert Condition(expression(".n > 2")).evaluate(DATA, {}) is True
    assert Condition(expression(".missing")).evaluate(DATA, {}) is False


@pytest.mark.parametrize("source", [".n", ".secret", ".a", "0", '"false"'])
def test_condition_refuses_anything_else(source: str) -> None:
    with pytest.raises(ExpressionError, match="true or false"):
        Condition(expression(source)).evaluate(DATA, {})


def test_collection_has_to_be_list() -> None:
    assert Collection(expression(".a.b")).evaluate(DATA, {}) == [1, 2]
    with pytest.raises(ExpressionError, match="null where a list"):
        Collection(expression(".missing")).evaluate(DATA, {})


def test_duration_expression_gives_milliseconds() -> None:
    assert Milliseconds(expression('"PT1M"')).evaluate(DATA, {}) == 60_000
    assert Milliseconds(expression("{seconds: .n}")).evaluate(DATA, {}) == 3_000
    with pytest.raises(ExpressionError, match="a duration is"):
        Milliseconds(expression(".n")).evaluate(DATA, {})


def test_texts_with_two_expressions_are_no_expression() -> None:
    assert inner_text("${ .a } and ${ .b }") is None
    assert inner_text("${ .a }${ .b }") is None
    assert inner_text('${ "it costs ${x} in {braces}" }') == '"it costs ${x} in {braces}"'


@pytest.mark.parametrize("source", [".price", "$x.price", ".price * 1", "[.price][0]", ".price + 0.0"])
def test_whole_numbers_are_whole_wherever_they_come_from(source: str) -> None:
    value = evaluate_once(source, {"price": 5.0}, {"x": {"price": 5.0}})
    assert (value, type(value)) == (5, int)


@pytest.mark.parametrize("source", [".a.key", "$x.a.key"])
def test_error_on_the_way_names_the_member(source: str) -> None:
    with pytest.raises(ExpressionError, match=r'Cannot index string with "key"$'):
        evaluate_once(source, {"a": "4711"}, {"x": {"a": "4711"}})
