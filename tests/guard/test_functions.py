"""What a function declares of itself is true in the language: its examples lint, its kinds of arguments are known."""

from __future__ import annotations

import pytest

from schemas.functions import Argument, Function, Kind
from streams.catalogue import FUNCTIONS
from streams.language.arguments import WAYS
from streams.language.constructs import BY_KEY
from tests.support.definitions import check, load

HEAD = "document: {dsl: '1.0.3', namespace: test, name: example, version: '1.0.0'}\n"

CALLED = [each for each in FUNCTIONS.values() if not each.by_task]
ASKED = [each for each in CALLED if f"call: {each.name}" not in BY_KEY]  # others are tasks around steps, not commands

every_function = pytest.mark.parametrize("function", CALLED, ids=lambda each: each.name)
every_argument = pytest.mark.parametrize(
    ("function", "argument"),
    [(function, argument) for function in CALLED for argument in function.arguments],
    ids=lambda each: each.name,
)


def _definition(function: Function, arguments: str) -> str:
    return f"{HEAD}do:\n- sample:\n    call: {function.name}\n    with: {arguments}\n"


def test_language_can_read_every_kind_of_argument() -> None:
    assert set(WAYS) == set(Kind)


@every_function
def test_example_of_function_has_no_faults(function: Function) -> None:
    assert check(_definition(function, function.example)) == []


@pytest.mark.parametrize("function", ASKED, ids=lambda each: each.name)
def test_command_of_example_is_what_processor_reads(function: Function) -> None:
    (call,) = (task for task in load(_definition(function, function.example)).tasks if hasattr(task, "arguments"))
    command = call.arguments.evaluate({"id": 7, "application": {}}, {})
    assert function.read(command) == command


@every_argument
def test_example_of_argument_has_no_faults(function: Function, argument: Argument) -> None:
    if not argument.example:
        assert not argument.required, "a required argument needs an example: lint tells it"
        return
    faults = check(_definition(function, f"{{{argument.example}}}"))
    assert {fault.code for fault in faults} <= {"missing"}  # of the other arguments that are required
    assert not any(f"`{argument.name}`" in fault.message for fault in faults)
