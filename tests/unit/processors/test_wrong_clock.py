"""A producer whose clock is wrong reaches nothing but what its event says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.codec import Codec
from schemas.messages import GENERIC_EVENT
from schemas.times import rfc3339
from streams.definitions.deploy import described
from streams.processors.intake.processor import Intake
from streams.runtime.processor import Message, Record
from tests.support.contexts import context
from tests.support.definitions import empty_book, load
from tests.support.tables import Table

CODEC = Codec.offline()
NOW_MS = 1_790_000_000_000
YAML = """
document: {dsl: 1.0.3, namespace: test, name: order, version: 1.0.0}
schedule: {on: {one: {with: {type: com.example.order.v1}}}}
do: [note: {set: {seen: true}}]
"""


def started(stamp_ms: int) -> dict[str, Any]:
    """The start that intake makes of an event whose record carries this stamp."""
    book = empty_book()
    book.learn(described(load(YAML), YAML, "test", 1))
    headers = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/x"), ("ce_type", b"com.example.order.v1")]
    record = Record("business.event.generic.v1", 0, 7, stamp_ms, b"k", b"", headers)
    outputs = Intake(context(CODEC, definitions=book)).handle(
        [Message(record, GENERIC_EVENT, {"data": b"{}"})], Table()
    )
    (output,) = outputs.outputs
    return CODEC.decode(output.value or b"")[1]


@pytest.mark.parametrize("stamp_ms", [-1, 0, NOW_MS + 7_200_000, NOW_MS * 1_000, NOW_MS * 1_000_000])
def test_the_stamp_of_a_record_is_what_an_event_says_of_its_time_and_no_more(stamp_ms: int) -> None:
    found, usual = started(stamp_ms), started(NOW_MS)
    assert {name for name in found if found[name] != usual[name]} == {"time_ms"}
    assert rfc3339(found["time_ms"]), "also where no calendar reaches"
