"""`listen` in a definition: what is understood, what is refused and why, and which events a filter lets through."""

from __future__ import annotations

from typing import Any

import pytest

from streams.language.events import EventFilter, all_filters
from tests.support.definitions import check, load

DOCUMENT = "document: {dsl: '1.0.3', namespace: tests, name: listen, version: '1.0.0'}\ndo:\n  - w:\n      listen: "
PAID = "{with: {type: paid.v1}}"
RELATED = "{with: {type: paid.v1}, correlate: {order: {from: .order}}}"


def filter_of(text: str) -> EventFilter:
    return all_filters(load(f"{DOCUMENT}{{to: {{one: {text}}}}}"))[0]


@pytest.mark.parametrize(
    "text",
    [
        f"{{to: {{one: {PAID}}}}}",
        f"{{to: {{any: [{PAID}, {RELATED}]}}, read: envelope}}",
        f"{{to: {{any: [{PAID}], until: 'length > 2'}}}}",
        f"{{to: {{any: [{PAID}], until: false}}}}",
        f"{{to: {{any: [{PAID}], until: {{one: {PAID}}}}}}}",
        f"{{to: {{all: [{RELATED}, {RELATED}]}}}}",
        "{to: {one: {with: {type: paid.v1, source: /shop, subject: s, id: '1', data: '${ .sum > 3 }'}}}}",
        "{to: {any: []}}",
        "{to: {one: {with: {type: p}, correlate: {a: {from: '${ .a }', expect: '${ $context.a }'}}}}}",
    ],
)
def test_listen_is_understood(text: str) -> None:
    assert check(DOCUMENT + text) == []


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("{}", "missing", "lacks `to`"),
        ("{to: {}}", "listen", "one of `one`, `any` and `all`"),
        (f"{{to: {{one: {PAID}, all: [{PAID}]}}}}", "listen", "one of `one`, `any` and `all`"),
        ("{to: {all: []}}", "empty-list", "waits for nothing"),
        (f"{{to: {{all: [{PAID}], until: length > 2}}}}", "listen", "`until` belongs to `any`"),
        (f"{{to: {{one: {PAID}}}, read: body}}", "value", "none of data, envelope, raw"),
        ("{to: {one: {with: {source: /shop}}}}", "missing", "lacks `type`"),
        ("{to: {one: {with: {type: '${ .type }'}}}}", "not-in-profile", "an expression as `type`"),
        ("{to: {one: {with: {type: p, time: now}}}}", "not-in-profile", "`time`"),
        ("{to: {one: {with: {type: p, data: .sum > $input.sum}}}}", "unavailable-variable", "$input"),
        ("{to: {one: {with: {type: p}, correlate: {a: {expect: 1}}}}}", "missing", "lacks `from`"),
        ("{to: {one: {with: {type: p}, correlate: {a: {from: .a, expect: null}}}}}", "value", "related by null"),
        (
            "{to: {all: [{with: {type: p}, correlate: {a: {from: .a}}}, "
            "{with: {type: q}, correlate: {b: {from: .b}}}]}}",
            "correlate",
            "not all by the same values",
        ),
    ],
)
def test_listen_is_refused_with_the_reason(text: str, code: str, told: str) -> None:
    faults = check(DOCUMENT + text)
    assert [each.code for each in faults] == [code]
    assert told in str(faults[0])


@pytest.mark.parametrize(
    ("attributes", "data", "values"),
    [
        ({"type": "p", "source": "/a"}, {"n": 4, "o": 1}, {"o": 1}),
        ({"type": "p", "source": "/b"}, {"n": 4, "o": 1}, None),
        ({"type": "p", "source": "/a"}, {"n": 3, "o": 1}, None),
        ({"type": "p", "source": "/a"}, {"n": 4}, None),
        ({"type": "p", "source": "/a"}, "a text", None),
    ],
)
def test_event_passes_a_filter_by_attributes_and_data_and_has_what_relates_it(
    attributes: dict[str, str], data: Any, values: Any
) -> None:
    one = filter_of("{with: {type: p, source: /a, data: .n > 3}, correlate: {o: {from: .o, expect: 1}}}")
    assert one.read(attributes, data) == values


def test_filters_that_say_the_same_of_events_are_one_whatever_is_expected() -> None:
    said = [filter_of(f"{{with: {{type: p}}, correlate: {{o: {{from: .o, expect: {each}}}}}}}") for each in "12"]
    assert said[0].identity == said[1].identity
    assert said[0].key({"o": 1}) != said[0].key({"o": 2})
    another = filter_of("{with: {type: p}, correlate: {o: {from: .p, expect: 1}}}")
    assert another.identity != said[0].identity


def test_event_has_a_key_for_who_expects_a_value_and_one_for_who_does_not_yet() -> None:
    one = filter_of("{with: {type: p}, correlate: {a: {from: .a, expect: 1}, b: {from: .b}}}")
    assert one.keys({"a": 1, "b": 2}) == (one.key({"a": 1}), one.key({"a": 1, "b": 2}))
    sure = filter_of("{with: {type: p}, correlate: {a: {from: .a, expect: 1}}}")
    assert sure.keys({"a": 1}) == (sure.key({"a": 1}),)
