"""What a worker announces of a function is what others know of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from streams.definitions.own import announce, function_of
from streams.steps import Retries, step
from tests.support.gateways import CODEC, Outbox


@step("shipping.quote", effect="read", retries=Retries(5, delay=1, within=60))
def quote(weight: float, express: bool = False) -> dict[str, float]:
    """Says what it costs."""
    return {"price": weight + express}


async def announced() -> Any:
    outbox = Outbox()
    await announce(outbox, CODEC, [quote.function])
    (record,) = outbox.records
    assert record.key == b"shipping.quote"
    _, data = CODEC.decode(record.value)
    return json.loads(data["data"])


async def test_announcement_gives_the_function_again() -> None:
    found = function_of("shipping.quote", await announced())
    assert found.described() == quote.function.described()
    assert found.own
    arguments = [replace(each, example="") for each in quote.function.arguments]
    assert [replace(each, example="") for each in found.arguments] == arguments


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        {"name": "other.name"},
        {"name": "shipping.quote", "arguments": []},
        {"name": "shipping.quote", "arguments": {"properties": {"a": 1}}},
        {"name": "shipping.quote", "effect": "magic"},
        {"name": "shipping.quote", "recovery": {"retries": "many"}},
    ],
)
def test_what_is_no_announcement_is_refused(told: Any) -> None:
    with pytest.raises(ValueError):
        function_of("shipping.quote", told)


def test_announcement_of_another_language_may_be_short() -> None:
    found = function_of("shipping.quote", {"name": "shipping.quote", "effect": "idempotent"})
    assert (found.arguments, found.effect) == ((), "idempotent")
