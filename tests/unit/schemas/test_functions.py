"""What a declaration says of a function, and what it makes of the arguments of a command."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas.functions import Argument, ArgumentError, Function, Kind, Values, by_name
from streams.catalogue import FUNCTIONS

PARCEL = Function(
    name="parcel.send",
    summary="Sends a parcel.",
    arguments=(
        Argument(name="to", summary="Whom.", kind=Kind.LINE, required=True, max_length=9, example="to: Ada"),
        Argument(
            name="by",
            summary="How.",
            kind=Kind.NAME,
            members=(
                Argument(name="carrier", summary="Who.", kind=Kind.NAME, required=True, example="carrier: post"),
                Argument(name="insured", summary="Whether.", kind=Kind.FLAG),
            ),
        ),
        Argument(name="speed", summary="How fast.", kind=Kind.CHOICE, choices=("Slow", "Fast"), example="speed: fast"),
        Argument(name="marks", summary="Marks.", kind=Kind.OBJECT, values=Values.SCALARS),
        Argument(name="stops", summary="Over.", kind=Kind.CHOICES),
        Argument(name="content", summary="What."),
    ),
    output={},
    example="{to: Ada}",
)


def test_arguments_come_out_as_they_are_declared() -> None:
    given = {"to": "Ada", "by": {"carrier": "post", "insured": True}, "speed": "FAST", "content": None, "stops": None}
    assert PARCEL.read(given) == {**{name: given[name] for name in ("to", "by", "content")}, "speed": "Fast"}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("Jane", "the arguments are no object; write with: {to: Ada}"),
        ({}, "to is missing; write to: Ada"),
        ({"to": None}, "to is missing; write to: Ada"),
        ({"to": ""}, "to is empty; write to: Ada"),
        ({"to": "Jane Doe the second"}, "to has more than 9 characters; write to: Ada"),
        ({"to": ["Jane"]}, "to is not a text; write to: Ada"),
        ({"to": "A", "by": 1}, "by is not a name or an object of carrier, insured"),
        ({"to": "A", "by": {}}, "by.carrier is missing; write carrier: post"),
        ({"to": "A", "by": {"carrier": 1}}, "by.carrier is not a name; write carrier: post"),
        ({"to": "A", "more": 1}, "there is no argument more; known are to, by, speed, marks, stops, content"),
        ({"to": "A", "by": {"carrier": "c", "Jane": 1}}, "by has a member that it cannot have; known are carrier, ins"),
        ({"to": "A", "speed": "Jane"}, "speed is none of Slow, Fast; write speed: fast"),
        ({"to": "A", "marks": {"Jane": None}}, "marks has values other than texts, numbers, true and false, and lists"),
        ({"to": "A", "marks": {"Jane": [[1]]}}, "marks has values other than texts, numbers, true and false, and"),
        ({"to": "A", "stops": ["Jane", ""]}, "stops is not a list of one text or more"),
        ({"to": "A", "stops": []}, "stops is not a list of one text or more"),
    ],
)
def test_faults_say_place_reason_and_remedy(given: Any, text: str) -> None:
    with pytest.raises(ArgumentError) as raised:
        PARCEL.read(given)
    assert str(raised.value).startswith(f"parcel.send: {text}")
    assert "Jane" not in str(raised.value)


def test_faults_of_connectors_read_like_those_of_declarations() -> None:
    assert str(PARCEL.fault("to", "lives nowhere")) == "parcel.send: to lives nowhere; write to: Ada"
    assert str(PARCEL.fault("by.carrier", "is shut", "wait")) == "parcel.send: by.carrier is shut; wait"


@pytest.mark.parametrize("function", [PARCEL, *FUNCTIONS.values()], ids=lambda each: each.name)
def test_description_is_a_schema_of_the_arguments(function: Function) -> None:
    Draft202012Validator.check_schema(function.described()["arguments"])


def test_schema_and_reading_agree_about_arguments() -> None:
    schema = Draft202012Validator(PARCEL.described()["arguments"])
    taken = {"to": "Ada", "by": {"carrier": "post"}, "speed": "Fast", "marks": {"a": [1, "b"]}, "stops": ["c"]}
    assert schema.is_valid(taken) and PARCEL.read(taken) == taken
    faults: list[dict[str, Any]] = [
        {"to": ""}, {"by": {"x": 1}}, {"speed": "no"}, {"marks": {"a": {}}}, {"stops": []}, {"more": 1},
    ]  # fmt: skip
    for wrong in faults:
        assert not schema.is_valid(taken | wrong)
        with pytest.raises(ArgumentError):
            PARCEL.read(taken | wrong)


def test_functions_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"parcel\.send"):
        by_name((PARCEL,), (PARCEL,))
