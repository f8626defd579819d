"""A signature becomes JSON Schema; data becomes what the function takes, and a result is held to its type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Any, Literal

import msgspec
import pytest

from streams.steps import Context, Retries, step
from streams.steps.types import WrongDataError, WrongSignatureError, signature_of


class Speed(Enum):
    SLOW = "slow"
    FAST = "fast"


class Size(msgspec.Struct):
    length: float
    width: float = 1.0


@dataclass
class Parcel:
    weight: float
    size: Size
    tags: list[str] = field(default_factory=list)


def send(parcel: Parcel, day: date, speed: Speed = Speed.SLOW, note: str | None = None) -> dict[str, int]:
    return {}


SEND = signature_of(send)
GIVEN = {"parcel": {"weight": 2, "size": {"length": 3}}, "day": "2026-11-26"}


def test_data_arrives_as_the_types_that_the_function_names() -> None:
    read = SEND.read(GIVEN)
    assert read == {"parcel": Parcel(2.0, Size(3.0)), "day": date(2026, 11, 26)}


def test_null_counts_as_left_out_where_there_is_a_default() -> None:
    assert "speed" not in SEND.read({**GIVEN, "speed": None})


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "lacks|missing"),
        ({**GIVEN, "parcel": {"weight": "secret-7", "size": {"length": 1}}}, r"`parcel\.weight`"),
        ({**GIVEN, "speed": "secret-7"}, "enum value"),
        ({**GIVEN, "secret-7": 1}, "unknown field"),
        ({**GIVEN, "day": "secret-7"}, "`day`"),
        (["secret-7"], "no object"),
    ],
)
def test_wrong_data_is_told_by_its_place_and_never_quoted(given: Any, complaint: str) -> None:
    with pytest.raises(WrongDataError, match=complaint) as wrong:
        SEND.read(given)
    assert "secret-7" not in str(wrong.value)


def test_arguments_are_declared_with_their_schemas() -> None:
    parcel, day, speed, note = SEND.arguments
    assert parcel.json_schema()["properties"]["size"]["required"] == ["length"]
    assert (parcel.required, day.required, speed.required, note.required) == (True, True, False, False)
    assert speed.json_schema()["enum"] == ["fast", "slow"]


def test_type_that_contains_itself_has_a_schema_that_ends() -> None:
    assert signature_of(_tree).arguments[0].json_schema()["properties"]["below"] == {"type": "array", "items": {}}


def _tree(tree: Tree) -> None: ...


class Tree(msgspec.Struct):
    below: list[Tree]


def test_argument_for_the_context_is_none_of_the_command() -> None:
    def book(weight: float, told: Context) -> str:
        return told.key

    signature = signature_of(book)
    assert [each.name for each in signature.arguments] == ["weight"]
    assert signature.context == "told"


def _positional(*parts: int) -> None: ...
def _odd(value: complex) -> None: ...
def _misspelt(value: Nothing) -> None: ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("function", "complaint"),
    [(_positional, "name every argument"), (_odd, "the argument value"), (_misspelt, "Nothing")],
)
def test_function_that_cannot_be_a_step_is_refused(function: Callable[..., Any], complaint: str) -> None:
    with pytest.raises(WrongSignatureError, match=complaint):
        signature_of(function)


@pytest.mark.parametrize("name", ["quote", "Shipping.quote", "shipping.", "shipping_quote.x", "a.b.c.d.e"])
def test_name_without_an_area_is_refused(name: str) -> None:
    with pytest.raises(WrongSignatureError, match=r"such as shipping\.quote"):
        step(name)(send)


@pytest.mark.parametrize(
    ("gives", "result"),
    [
        (dict[str, int], {"a": "text"}),
        (int, 1.5),
        (Literal["a"], "b"),
        (Parcel, {"weight": 1}),
        (Any, object()),
        (Any, 2**70),
        (float, float("nan")),
        (str, "\ud800"),
        (None, 1),
    ],
)
def test_result_that_its_type_forbids_is_noticed(gives: Any, result: Any) -> None:
    def made() -> Any: ...

    made.__annotations__["return"] = gives
    with pytest.raises(WrongDataError):
        signature_of(made).written(result)


def test_result_becomes_json() -> None:
    def made() -> Parcel: ...  # type: ignore[empty-body]

    assert signature_of(made).written(Parcel(1.5, Size(2))).value() == {
        "weight": 1.5,
        "size": {"length": 2, "width": 1.0},
        "tags": [],
    }


@pytest.mark.parametrize("retries", [-1, 2.5, True, "often", Retries(5_000), Retries(2, delay=float("nan"))])
def test_retries_that_are_none_are_refused(retries: Any) -> None:
    with pytest.raises(WrongSignatureError, match=r"retries is a whole number|are seconds"):
        step("tests.odd", retries=retries)(send)
