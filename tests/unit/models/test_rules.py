"""Decision tables: what a cell takes, which row decides, and what is wrong with a table before any case comes."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules import gaps
from models.rules.cells import CellError, read_cell
from models.rules.table import MAX_ROWS, TableError, read_table, rows_of, table_faults
from models.serving.held import Why


@pytest.mark.parametrize(
    ("cell", "holds", "fails", "unknown"),
    [
        ("A11", ["A11"], ["a11", ""], [None, 5, True, ["A11"]]),
        (["A11", 5], ["A11", 5, 5.0], ["A12", 6], [True, None]),
        (True, [True], [False], [1, "true", None]),
        (1, [1, 1.0], [2], [True]),
        ("> 10", [10.5, 11], [10, -1], ["11", None, True]),
        (">=10", [10], [9.9], []),
        ("< -1.5", [-2], [-1.5], []),
        ("<= 1e3", [1000], [1000.1], []),
        ("[1..5)", [1, 4.9], [5, 0], ["1"]),
        ("(1..5]", [5, 1.1], [1], []),
        ({"not": ["A1", "A2"]}, ["A3", ""], ["A1"], [None, 1]),
    ],
)
def test_cell_takes_what_it_says(cell: Any, holds: list[Any], fails: list[Any], unknown: list[Any]) -> None:
    read = read_cell(cell)
    assert [read.holds(value) for value in holds + fails + unknown] == (
        [True] * len(holds) + [False] * len(fails) + [None] * len(unknown)
    )


@pytest.mark.parametrize(
    "cell", [None, [], {}, {"nor": 1}, "> x", "=> 5", "[5..1]", "(1..1)", "[1..", ">", [None], [[1]], "> 1e999", "!= 4"]
)
def test_cell_that_is_none_is_refused_and_never_taken_for_a_text(cell: Any) -> None:
    with pytest.raises(CellError):
        read_cell(cell)


NUMBERS = st.integers(-3, 3)
SCALARS = st.one_of(NUMBERS, st.sampled_from(["a", "b"]), st.booleans())
RANGES = st.one_of(
    st.builds(lambda sign, number: f"{sign} {number}", st.sampled_from(["<", "<=", ">", ">="]), NUMBERS),
    st.builds(
        lambda start, low, more, end: f"{start}{low}..{low + more}{end}",
        st.sampled_from("[("), NUMBERS, st.integers(1, 3), st.sampled_from("])"),
    ),
)  # fmt: skip
LISTS = st.lists(SCALARS, min_size=1, max_size=3)
CELLS = st.one_of(SCALARS, LISTS, RANGES, LISTS.map(lambda values: {"not": values}))
TRIED = [*(n / 4 for n in range(-40, 41)), "a", "b", "another", True, False]


@given(CELLS, CELLS)
def test_what_is_said_of_two_cells_is_true_of_values(one: Any, other: Any) -> None:
    first, second = read_cell(one), read_cell(other)
    both = [value for value in TRIED if first.holds(value) and second.holds(value)]
    assert not both or first.meets(second)
    assert first.meets(second) == second.meets(first)
    if first.covers(second):
        assert all(first.holds(value) for value in TRIED if second.holds(value))


def rows(*rows: tuple[dict[str, Any], str], hit: str = "first") -> dict[str, Any]:
    return {"hit": hit, "rows": [{"when": when, "route": route} for when, route in rows]}


POLICY = rows(
    ({"amount": "> 15000"}, "reject"), ({"purpose": ["A40"], "amount": "> 9000"}, "review"), ({"vip": True}, "approve")
)


@pytest.mark.parametrize(
    ("values", "row"),
    [
        ({"amount": 20_000, "purpose": "A40", "vip": True}, 1),
        ({"amount": 10_000, "purpose": "A40", "vip": True}, 2),
        ({"amount": 10_000, "purpose": "A41", "vip": True}, 3),
        ({"amount": 5, "purpose": "A40", "vip": False}, None),
        ({"amount": 20_000}, 1),  # what comes later has no say
        ({"amount": 5, "vip": True}, 3),  # the second row fails whatever the purpose
    ],
)
def test_first_row_that_holds_decides(values: dict[str, Any], row: int | None) -> None:
    found = read_table(POLICY).judge(values)
    assert (found.row.number if found.row else None, found.held) == (row, ())


@pytest.mark.parametrize(
    ("values", "why", "field"),
    [
        ({"purpose": "A40", "vip": True}, Why.MISSING, "amount"),
        ({"amount": "20000", "purpose": "A40", "vip": True}, Why.UNKNOWN, "amount"),
        ({"amount": 10_000, "purpose": None, "vip": True}, Why.MISSING, "purpose"),
    ],
)
def test_nothing_is_decided_past_a_row_that_may_hold(values: dict[str, Any], why: Why, field: str) -> None:
    found = read_table(POLICY).judge(values)
    assert found.row is None
    assert [(each.why, each.field) for each in found.held] == [(why, field)]
    assert str(values.get(field)) not in found.held[0].text or values.get(field) is None


def test_rows_of_a_unique_table_may_not_meet() -> None:
    assert not table_faults(
        rows(({"n": "< 5"}, "a"), ({"n": "[5..9]"}, "b"), ({"n": "> 9", "m": 1}, "c"), hit="unique")
    )
    (fault,) = table_faults(rows(({"n": "<= 5"}, "a"), ({"n": "[5..9]", "m": 1}, "b"), hit="unique"))
    assert (fault.place, fault.what) == (("rows", 1), "can hold for the same case as row 1")


def test_row_that_can_never_decide_is_told() -> None:
    (fault,) = table_faults(rows(({"n": "> 5"}, "a"), ({"n": "> 7", "m": 1}, "b")))
    assert (fault.place, fault.what) == (("rows", 1), "can never decide: row 1 takes all of its cases")


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ([], ()),
        ({"rows": []}, ("rows",)),
        ({"rows": [{"when": {}, "route": "a"}] * (MAX_ROWS + 1)}, ("rows",)),
        ({"hit": "collect", "rows": [{"when": {}, "route": "a"}]}, ("hit",)),
        ({"rows": [{"when": {}, "route": "a"}], "row": 1}, ("row",)),
        ({"rows": [5]}, ("rows", 0)),
        ({"rows": [{"when": {}}]}, ("rows", 0)),
        ({"rows": [{"route": "a"}]}, ("rows", 0)),
        ({"rows": [{"when": {}, "route": 5}]}, ("rows", 0, "route")),
        ({"rows": [{"when": {}, "route": "a", "then": "b"}]}, ("rows", 0, "then")),
        ({"rows": [{"when": {"n": "> x"}, "route": "a"}]}, ("rows", 0, "when", "n")),
    ],
)
def test_table_that_is_none_is_refused_with_its_place(table: Any, place: tuple[str | int, ...]) -> None:
    assert [fault.place for fault in table_faults(table)] == [place]
    with pytest.raises(TableError):
        read_table(table)


JSON: Any = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["rows", "hit", "when", "route", "n", "not"]), inner, max_size=4),
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_any_json_is_a_table_or_refused(table: Any, values: Any) -> None:
    try:
        read = read_table(table)
    except (TableError, TypeError):  # a whole number of more than 64 bits is no JSON of ours
        return
    read.judge(values if isinstance(values, dict) else {})


@pytest.mark.parametrize(
    ("rows", "gap"),
    [
        ([{"amount": "> 10"}, {"amount": "< 10"}], {"amount": 10}),
        ([{"amount": ">= 10"}, {"amount": "< 10"}], None),
        ([{"amount": "> 10", "purpose": "A1"}, {"amount": "<= 10"}], {"amount": 11, "purpose": "anything else"}),
        ([{"purpose": ["A1", "A2"]}, {"purpose": {"not": "A1"}}], None),
        ([{"sure": True}], {"sure": False}),
        ([{"amount": "[1..5)"}, {"amount": "[5..9]"}, {"amount": "< 1"}, {"amount": ">9"}], None),
        ([{"amount": "> 1"}, {}], None),
        ([{"a": 1}, {"a": {"not": 1}, "b": "x"}, {"b": "y", "a": {"not": 1}}], {"a": 0, "b": "anything else"}),
    ],
)
def test_gap_is_a_case_that_no_row_decides(rows: list[dict[str, Any]], gap: dict[str, Any] | None) -> None:
    assert gaps.gap(rows_of([{"when": when, "route": "x"} for when in rows])) == gap


@given(st.lists(st.dictionaries(st.sampled_from("abc"), CELLS, max_size=3), min_size=1, max_size=4))
def test_case_of_a_gap_holds_in_no_row_and_without_one_each_case_that_can_be_judged_is_decided(
    whens: list[dict[str, Any]],
) -> None:
    rows = rows_of([{"when": when, "route": "x"} for when in whens])
    found = gaps.gap(rows)
    if found is not None:
        assert not any(
            all(cell.holds(found[f]) for f, cell in row.cells if f in found)
            and {f for f, _ in row.cells} <= found.keys()
            for row in rows
        )
        return
    fields = sorted({field for row in rows for field, _ in row.cells})
    for values in product([-9.5, -3, -1, 0, 0.25, 2, 9, "a", "another", True, False], repeat=len(fields)):
        held = [row.holds(dict(zip(fields, values, strict=True))) for row in rows]
        cells = [
            cell.holds(v) for f, v in zip(fields, values, strict=True) for r in rows for n, cell in r.cells if n == f
        ]
        assert any(held) or None in cells


def test_table_that_would_take_too_long_to_look_through_is_not_told_of() -> None:
    rows = [{"when": {f"f{n}": f"> {n}", f"f{(n * 7) % 97}": f"< {200 - n}"}, "route": "x"} for n in range(MAX_ROWS)]
    assert len(gaps.gaps({"rows": rows})) <= 1


@pytest.mark.parametrize(
    "rows",
    [
        [{"when": {f"f{n}": "a" for n in range(6_000)}, "route": "x"}],
        [{"when": {f"f{n}": [f"v{n}-{m}" for m in range(100)]}, "route": "x"} for n in range(MAX_ROWS)],
    ],
    ids=["fields", "values"],
)
def test_table_of_very_many_fields_or_values_is_not_told_of_either(rows: list[dict[str, Any]]) -> None:
    assert gaps.gaps({"rows": rows}) == []


def test_gap_is_told_with_the_case_and_what_to_write() -> None:
    table = {"rows": [{"when": {"amount": "> 15000"}, "route": "reject"}]}
    place, what, remedy = gaps.gaps(table)[0]
    assert (place, what) == (("rows",), "decides nothing where amount is 14999")
    assert remedy == "write a last row `when: {}`, or leave that to people"
