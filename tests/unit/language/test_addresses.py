"""Addresses filled from data: escaped, written one way, and never leading elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from streams.language.addresses import UriTemplate
from streams.language.expressions import ExpressionError


def _filled(template: str, data: Any) -> str:
    return UriTemplate(template).evaluate(data, {})


def test_address_is_filled_and_escaped() -> None:
    data = {"id": 7, "name": "a b/ü", "flag": True}
    assert _filled("https://host/{id}/{name}?v={flag}", data) == "https://host/7/a%20b%2F%C3%BC?v=true"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (5.0, "5"),
        (0.1, "0.1"),
        (1e16, "10000000000000000"),
        (2**64 - 1, "18446744073709551615"),
        (-0.0, "0"),
        (False, "false"),
    ],
)
def test_numbers_are_written_one_way(value: Any, written: str) -> None:
    assert _filled("https://host/{total}?t={total}", {"total": value}) == f"https://host/{written}?t={written}"


def test_dot_in_a_name_is_part_of_it() -> None:
    assert _filled("https://host/{pet.id}", {"pet.id": 3, "pet": {"id": 4}}) == "https://host/3"


@pytest.mark.parametrize("value", ["..", ".", ""])
@pytest.mark.parametrize(
    "template",
    [
        "http://h/c/{id}/orders",
        "http://h/c/{id}",
        "http://h/{id}?x=1",
        "connection://NAME/{id}/x",
        "http://h/{id}#f",
        "{id}/x",
    ],
)
def test_segment_that_leads_elsewhere_is_error(template: str, value: str) -> None:
    with pytest.raises(ExpressionError, match=r"the segment with \{id\} would be .*; give it a value"):
        _filled(template, {"id": value})


@pytest.mark.parametrize(
    ("template", "data"),
    [
        ("http://h/{a}{b}", {"a": ".", "b": "."}),
        ("http://h/.{a}/x", {"a": "."}),
        ("http://h/%2E{a}", {"a": "."}),
        ("http://h/{a}{b}/x", {"a": None}),
        ("http://{host}/x", {"host": ""}),
    ],
)
def test_segment_is_judged_as_a_whole(template: str, data: Any) -> None:
    with pytest.raises(ExpressionError, match="the segment with"):
        _filled(template, data)


def test_dots_that_are_a_part_of_a_segment_are_kept() -> None:
    assert _filled("http://h/{a}.json/v{b}?p={c}", {"a": "..", "b": ".", "c": ".."}) == "http://h/...json/v.?p=.."
    assert _filled("http://h/{a}/x", {"a": "../admin"}) == "http://h/..%2Fadmin/x"
    assert _filled("http://h/{a}/x", {"a": "%2e%2e"}) == "http://h/%252e%252e/x"
    assert _filled("http://h/{a}/x", {"a": "..."}) == "http://h/.../x"


@pytest.mark.parametrize("data", [{}, {"q": None}, [], "text", None])
def test_missing_name_gives_nothing_where_nothing_is_harmless(data: Any) -> None:
    assert _filled("http://h/list{q}?q={q}&n=1", data) == "http://h/list?q=&n=1"


@pytest.mark.parametrize("data", [{}, {"id": None}, {"id": {"x": 1}}, {"id": [1]}, [], "text"])
def test_address_with_hole_is_error(data: Any) -> None:
    with pytest.raises(ExpressionError, match="no scalar id"):
        _filled("https://host/{id}", data)


def test_what_stands_in_the_template_itself_is_the_authors() -> None:
    assert _filled("http://h//a/../{id}//", {"id": 1}) == "http://h//a/../1//"
