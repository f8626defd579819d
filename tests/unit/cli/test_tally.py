"""What publishing says of its events: what starts, what has started before, what nobody waits for."""

from __future__ import annotations

import pytest

from schemas import ids
from streams.cli._tally import Tally
from streams.definitions.deploy import described
from tests.support.definitions import empty_book, load

YAML = """
document: {{dsl: 1.0.3, namespace: test, name: {name}, version: 1.0.0}}
schedule: {{on: {{one: {{with: {{type: t, source: {source}}}}}}}}}
do:
  - note: {{set: {{seen: true}}}}
"""
LISTEN = "note: {listen: {to: {one: {with: {type: heard}}}}}"
BOOK = empty_book()
for name, source in (("first", "/a"), ("second", "/a"), ("other", "/b")):
    text = YAML.format(name=name, source=source)
    BOOK.learn(described(load(text), text, "test", 0))


def event(id_: str, source: str = "/a") -> dict[str, str]:
    return {"type": "t", "source": source, "id": id_}


def tally(*known: str) -> Tally:
    return Tally(lambda asked: [each for each in asked if each in known])


def test_every_workflow_that_an_event_starts_is_counted() -> None:
    counted = tally()
    counted.add(counted.look(BOOK, [event("1"), event("2", "/b"), event("3", "/c")]))
    assert counted.told() == {
        "published": 3, "known": 0, "unmatched": 1, "starts": {"first": 1, "second": 1, "other": 1},
    }  # fmt: skip
    assert (
        str(counted)
        == "1 instance of first and 1 instance of other and 1 instance of second start, 1 event nobody waits for"
    )


def test_what_has_started_before_does_not_count_as_a_start() -> None:
    counted = tally(ids.instance_id("other", "/b", "1"))
    counted.add(counted.look(BOOK, [event("1", "/b"), event("2", "/b")]))
    assert (counted.known, counted.starts) == (1, {"other": 1})
    assert str(counted) == "1 instance of other starts, 1 was there already"


@pytest.mark.parametrize("chunks", [[["1", "1"]], [["1"], ["1"]]])
def test_event_that_comes_twice_in_one_run_starts_once(chunks: list[list[str]]) -> None:
    counted = tally()
    for chunk in chunks:
        counted.add(counted.look(BOOK, [event(each, "/b") for each in chunk]))
    assert (counted.published, counted.known, counted.starts) == (2, 1, {"other": 1})


def test_chunk_that_was_not_acknowledged_counts_for_nothing() -> None:
    counted = tally()
    counted.look(BOOK, [event("1", "/b")])
    assert (counted.published, counted.starts) == (0, {})


def test_nobody_to_ask_is_said() -> None:
    counted = Tally(lambda _: None)
    counted.add(counted.look(BOOK, [event("1", "/b")]))
    counted.add(counted.look(BOOK, [event("2", "/b")]))
    assert counted.told()["known"] is None
    assert str(counted) == "2 instances of other start, if they are new (no gateway says so)"


def test_events_of_a_paused_workflow_are_told_as_held() -> None:
    book = empty_book()
    text = YAML.format(name="first", source="/a")
    book.learn(described(load(text), text, "test", 0))
    book.learn_state({"name": "first", "state": "paused", "why": "x", "actor": "y", "at_ms": 1})
    counted = tally()
    counted.add(counted.look(book, [event("1"), event("2")]))
    assert counted.told()["kept"] == [{"workflow": "first", "state": "paused", "events": 2}]
    assert str(counted) == "no instance starts, 2 events of first, which is paused: held until it is active"


def test_event_that_a_task_may_listen_for_is_awaited_though_it_starts_nothing() -> None:
    listening = YAML.format(name="listens", source="/c").replace("note: {set: {seen: true}}", LISTEN)
    book = empty_book()
    book.learn(described(load(listening), listening, "test", 0))
    counted = tally()
    counted.add(counted.look(book, [event("1") | {"type": "heard"}, event("2") | {"type": "unheard"}]))
    assert counted.unmatched == 1
