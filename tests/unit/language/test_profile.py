"""PROFILE.md is true: its examples lint and run, its tables agree with the code."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest

import streams.language
from streams.catalogue import FUNCTIONS
from streams.language import profile
from streams.language.expressions import evaluate_once
from streams.language.jq import meter
from streams.language.jq.check import known_signatures
from tests.reference.interpreter import Answer, interpret
from tests.support.definitions import check, read

PAGE = (Path(streams.language.__file__).parent / "PROFILE.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
EVALUATIONS = re.findall(r"^\| `(.+)` \| `([{\[].*)` \| `(.+)` \|$", PAGE, re.MULTILINE)


def test_page_has_examples_to_hold_it_to() -> None:
    assert len(EXAMPLES) > 1, "the page was cut into examples wrongly"
    assert len(EVALUATIONS) == 7


@pytest.mark.parametrize("text", EXAMPLES)
def test_example_has_no_faults(text: str) -> None:
    assert check(text) == []


def test_first_example_ends_as_it_reads() -> None:
    outputs = {"decide": {"route": "review"}, "human": {"outcome": "accept"}}

    def calls(pointer: str, function: str, arguments: object) -> Answer:
        conflict = {"type": "about:blank", "status": 409, "title": "Already there"}
        return Answer(error=conflict) if function == "http" else Answer(output=outputs[function])

    result = interpret(read(EXAMPLES[0]), {"id": 7, "amount": 90}, calls)
    assert result.output == {"id": 7, "booked": False, "because": "Already there"}
    assert [pointer.rpartition("/")[2] for pointer in result.tasks] == [
        "assess",
        "choose",
        "review",
        "book",
        "send",
        "note",
    ]


@pytest.mark.parametrize(("source", "data", "value"), EVALUATIONS)
def test_expression_gives_what_page_says(source: str, data: str, value: str) -> None:
    assert evaluate_once(source.replace("\\|", "|"), orjson.loads(data)) == orjson.loads(value)


@pytest.mark.parametrize(
    "table",
    [
        *(profile.ROOT, profile.TASKS, profile.RETRY),
        *(profile.SCHEMAS, profile.CALLS, profile.USE),
    ],
)
def test_every_refusal_is_on_the_page(table: dict[str, profile.Refusal]) -> None:
    later, never = PAGE.split("In the profile and not built yet")[1].split("Not in the profile:")
    for name, refusal in table.items():
        if name not in ("foreach", "until"):
            assert f"`{name}`" in (later if refusal.built_later else never.split("##")[0]) or f"call: {name}`" in never


def test_functions_and_limits_on_the_page_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `([a-z.]+)` \|", PAGE.split("<!-- functions:")[1].split("<!-- end")[0], re.MULTILINE)
    assert rows == list(FUNCTIONS)
    assert f"{meter.MAX_STEPS:,} steps" in PAGE
    assert f"{meter.MAX_WEIGHT:,} nodes" in PAGE
    assert f"{meter.MAX_DEPTH} levels" in PAGE


def test_what_page_calls_unavailable_is_unavailable() -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| not available |"))
    names = set(re.findall(r"`([a-z_]+)`", row))
    assert len(names) >= 12
    assert not names & {name for name, _ in known_signatures()}
