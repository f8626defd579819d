"""`schedule.on` with `all`, `until`, `correlate`, filters on data and every event: what is read and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from streams.language.graph import Graph
from tests.support.definitions import check, load

HEAD = (
    "document: {{dsl: '1.0.3', namespace: shop, name: meet, version: '1.0.0'{more}}}\ndo: [{{a: {{set: {{x: 1}}}}}}]\n"
)
OF_ORDER = "{with: {type: %s}, correlate: {order: {from: .order}}}"
BOTH = f"{{all: [{OF_ORDER % 'paid.v1'}, {OF_ORDER % 'packed.v1'}]}}"


def written(on: str, more: str = "") -> str:
    return HEAD.format(more=more) + f"schedule: {{on: {on}}}\n"


def graph(on: str, more: str = "") -> Graph:
    return load(written(on, more))


def event(kind: str, **more: str) -> dict[str, str]:
    return {"specversion": "1.0", "type": kind, "source": "/s", "id": "1", **more}


def keys(one: Graph, kind: str, data: Any) -> dict[str, list[int]]:
    assert one.trigger is not None
    return one.trigger.keys(one.name, event(kind), data)


@pytest.mark.parametrize(
    "on", ["{one: {with: {type: a}}}", "{any: [{with: {type: a}}, {with: {type: b, source: /s}}]}"]
)
def test_what_attributes_say_needs_no_trigger(on: str) -> None:
    assert graph(on).trigger is None
    assert graph(on).event_filters


def test_events_of_one_value_belong_together() -> None:
    one = graph(BOTH)
    assert one.event_types == ("paid.v1", "packed.v1")
    (paid,), (packed,) = keys(one, "paid.v1", {"order": 5}), keys(one, "packed.v1", {"order": 5.0})
    assert paid == packed
    assert keys(one, "paid.v1", {"order": 6}).keys() != {paid}
    assert keys(one, "paid.v1", {"other": 5}) == {}
    assert keys(one, "sent.v1", {"order": 5}) == {}


def test_set_of_another_workflow_is_another_one() -> None:
    one = graph(BOTH)
    assert one.trigger is not None
    assert one.trigger.keys("other", event("paid.v1"), {"order": 5}).keys() != keys(one, "paid.v1", {"order": 5}).keys()


def test_all_take_the_first_of_each_kind() -> None:
    trigger = graph(BOTH).trigger
    assert trigger is not None
    assert trigger.complete([[0], [0]], [1, 2]) is None
    assert trigger.complete([[0], [0], [1]], [1, 2, 3]) == [0, 2]


def test_condition_sees_the_list_of_what_has_come() -> None:
    trigger = graph("{any: [{with: {type: a}}], until: 'map(.sum) | add >= 10'}").trigger
    assert trigger is not None
    assert trigger.complete([[0]], [{"sum": 4}]) is None
    assert trigger.complete([[0], [0]], [{"sum": 4}, {"sum": 6}]) == [0, 1]


def test_events_end_a_set_and_are_not_part_of_it() -> None:
    trigger = graph("{any: [{with: {type: a}}], until: {all: [{with: {type: b}}, {with: {type: c}}]}}").trigger
    assert trigger is not None
    assert trigger.complete([[0], [1]], [1, 2]) is None
    assert trigger.complete([[0], [1], [2]], [1, 2, 3]) == [0]
    assert trigger.complete([[1], [2]], [2, 3]) is None


@pytest.mark.parametrize(
    ("on", "data", "fits"),
    [
        ("{one: {with: {type: a, data: .sum > 3}}}", {"sum": 4}, True),
        ("{one: {with: {type: a, data: .sum > 3}}}", {"sum": 3}, False),
        ("{one: {with: {type: a}, correlate: {c: {from: .c, expect: x}}}}", {"c": "x"}, True),
        ("{one: {with: {type: a}, correlate: {c: {from: .c, expect: x}}}}", {"c": "y"}, False),
        ("{one: {with: {type: a, id: '1'}}}", {}, True),
        ("{any: []}", {}, True),
    ],
)
def test_single_event_is_asked_for_its_data(on: str, data: Any, fits: bool) -> None:
    trigger = graph(on).trigger
    assert trigger is not None
    assert not trigger.gathers
    assert trigger.fits(event("a"), data) is fits


@pytest.mark.parametrize(
    ("on", "more", "code", "told"),
    [
        ("{all: []}", "", "empty-list", "waits for nothing"),
        ("{all: [{with: {type: a}}], until: true}", "", "listen", "belongs to `any`"),
        ("{any: [{with: {type: a}}], until: false}", "", "value", "never starts"),
        ("{any: [{with: {type: a}}], until: $workflow.id == 1}", "", "variable", "the list of what has come"),
        (
            "{all: [{with: {type: a}, correlate: {c: {from: .c, expect: '${ .x }'}}}]}",
            "",
            "correlate",
            "nothing is known",
        ),
        (f"{{all: [{OF_ORDER % 'a'}, {{with: {{type: b}}}}]}}", "", "correlate", "some of these events"),
        ("{all: [{with: {type: '${ .x }'}}]}", "", "not-in-profile", "an expression as `type`"),
        ("{one: {with: {type: a}}}", ", metadata: {schedule: {within: {days: 1}}}", "schedule", "several events"),
        ("{all: [{with: {type: a}}]}", ", metadata: {schedule: {within: {days: 91}}}", "value", "90 days"),
    ],
)
def test_what_cannot_start_anything_is_told(on: str, more: str, code: str, told: str) -> None:
    (fault,) = check(written(on, more))
    assert fault.code == code
    assert told in fault.message


def test_every_event_and_an_emit_are_a_circle() -> None:
    text = written("{any: []}").replace("set: {x: 1}", "emit: {event: {with: {source: /s, type: a.v1, data: {}}}}")
    assert [fault.code for fault in check(text)] == ["event-circle"]


def test_time_to_wait_for_the_others_is_declared() -> None:
    trigger = graph("{all: [{with: {type: a}}]}", ", metadata: {schedule: {within: {hours: 2}}}").trigger
    assert trigger is not None
    assert trigger.within_ms == 7_200_000
