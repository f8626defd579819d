"""The book of definitions: which version starts, and that a broken one harms no other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import ruamel.yaml

from streams.definitions.deploy import described
from streams.language.compiler import digest_of
from tests.support.definitions import empty_book, load
from tests.support.waiting import PATIENCE_S

READER = ruamel.yaml.YAML(typ="safe", pure=True)
YAML = """
document: {{dsl: 1.0.3, namespace: test, name: {name}, version: {version}}}
schedule:
  on: {{one: {{with: {{type: {type}, source: /shop}}}}}}
do:
  - note: {{set: {{seen: true}}}}
"""


def message(name: str = "order", version: str = "1.0.0", type_: str = "com.example.order.v1") -> dict[str, Any]:
    yaml = YAML.format(name=name, version=version, type=type_)
    return described(load(yaml), yaml, "test", 1)


def test_version_deployed_last_starts_instances() -> None:
    book = empty_book()
    first, second = message(), message(version="1.1.0")
    book.learn(first)
    book.learn(second)
    assert [graph.version for graph in book.for_event("com.example.order.v1")] == ["1.1.0"]
    book.learn(first)  # deployed again: the way back
    assert [graph.version for graph in book.for_event("com.example.order.v1")] == ["1.0.0"]
    assert [each.version for each in book.deployed()] == ["1.0.0", "1.1.0"]


def test_of_several_with_one_version_the_one_deployed_last_is_meant() -> None:
    book = empty_book()
    first, other = message(), message(type_="com.example.other.v1")
    for each in (first, other, first):
        book.learn(each)
    found, graph = book.of_version("order", "1.0.0"), book.version("test", "order", "1.0.0")
    assert found is not None and graph is not None
    assert (found.digest, graph.digest) == (first["digest"], first["digest"])
    assert book.of_version("order", "1.1.0") is None


def removal(data: dict[str, Any]) -> dict[str, Any]:
    return {key: data[key] for key in ("digest", "name", "version")} | {"why": "old", "actor": "kim", "at_ms": 2}


def test_removed_version_cannot_be_named_and_keeps_its_definition() -> None:
    book = empty_book()
    first, second = message(), message(version="1.1.0")
    for each in (first, second):
        book.learn(each)
    book.learn_removal(removal(first))
    assert [each.version for each in book.deployed()] == ["1.1.0"]
    assert (book.named("order", "1.0.0"), [each.version for each in book.removals()]) == (None, ["1.0.0"])
    assert book.graph(first["digest"]) is not None  # what ran on it can be told
    assert book.version("test", "order", "1.0.0") is not None  # a command that comes again finds what it found
    book.learn(first)
    assert (len(book.deployed()), book.removals()) == (2, [])


def test_version_in_force_is_there_whatever_compaction_has_left_of_what_was_said() -> None:
    first, second = message(), message(version="1.1.0")
    whole, left = empty_book(), empty_book()
    for book, deployed in ((whole, (first, second)), (left, (first,))):
        for each in deployed:
            book.learn(each)
        book.learn_removal(removal(first))
        book.learn(second)  # once more: its record before is compacted away
        assert [each.version for each in book.deployed()] == ["1.1.0"]
    whole.learn_removal(removal(second))
    assert [each.version for each in whole.deployed()] == ["1.1.0"]


def test_older_versions_stay_known_by_digest() -> None:
    book = empty_book()
    first = message()
    book.learn(first)
    book.learn(message(version="1.1.0"))
    graph = book.graph(first["digest"])
    assert graph is not None and graph.version == "1.0.0"


def test_version_that_waits_for_another_event_leaves_the_old_one() -> None:
    book = empty_book()
    book.learn(message())
    book.learn(message(version="1.1.0", type_="com.example.other.v1"))
    assert book.for_event("com.example.order.v1") == []
    assert len(book.for_event("com.example.other.v1")) == 1


def test_several_workflows_start_on_one_event() -> None:
    book = empty_book()
    book.learn(message("a"))
    book.learn(message("b"))
    assert [graph.name for graph in book.for_event("com.example.order.v1")] == ["a", "b"]


def test_state_that_is_not_known_changes_nothing() -> None:
    book = empty_book()
    word = {"name": "order", "state": "paused", "why": "x", "actor": "y", "at_ms": 1}
    book.learn_state(word)
    book.learn_state(word | {"state": "dancing"})
    assert (book.state("order"), book.state("other")) == ("paused", "active")


READS_INPUT = YAML.replace("true", "'${{ $workflow.input.id }}'")


@pytest.mark.parametrize(("yaml", "lists"), [(READS_INPUT, False), (READS_INPUT.replace(".id", "[0].data.id"), True)])
def test_what_was_deployed_keeps_the_meaning_of_its_input(yaml: str, lists: bool) -> None:
    """Before `$workflow.input` was a list of events, the digest was that of the document alone."""
    text = yaml.format(name="order", version="1.0.0", type="com.example.order.v1")
    before = digest_of(READER.load(text))
    book = empty_book()
    book.learn({**message(), "yaml": text, "digest": before})
    found = book.graph(before)
    assert found is not None and found.reads_input and not found.lists_events
    if lists:
        now = load(text)
        assert now.lists_events and now.digest != before
        book.learn(described(now, text, "test", 2))
        again = book.graph(now.digest)
        assert again is not None and again.lists_events


def test_digest_is_the_same_where_no_input_is_read() -> None:
    for read in ("$workflow.id", "$workflow.startedAt.iso8601", "$workflow | 1"):
        text = YAML.replace("true", f"'${{{{ {read} }}}}'").format(name="order", version="1.0.0", type="a.b.v1")
        assert (load(text).digest == digest_of(READER.load(text))) is ("|" not in read)


def test_filter_looks_at_all_its_members() -> None:
    book = empty_book()
    book.learn(message())
    attributes = {"type": "com.example.order.v1", "source": "/shop"}
    assert len(book.started_by(attributes)) == 1
    assert book.started_by(attributes | {"source": "/other"}) == []


def test_broken_definition_harms_no_other() -> None:
    book = empty_book()
    book.learn(message())
    broken = book.learn(message(version="2.0.0") | {"yaml": "document: {}", "digest": "f" * 64})
    assert broken.graph is None and broken.fault
    latest = book.latest("order")
    assert latest is not None and latest.version == "1.0.0"


def test_text_that_does_not_match_its_digest_is_broken() -> None:
    broken = empty_book().learn(message() | {"digest": "f" * 64})
    assert (broken.graph, "digest" in (broken.fault or "")) == (None, True)


def test_known_digest_is_compiled_once() -> None:
    book = empty_book()
    assert book.learn(message()).graph is book.learn(message()).graph


async def test_waiting_ends_when_the_definition_comes() -> None:
    book = empty_book()
    data = message()
    waiting = asyncio.create_task(book.wait_for(data["digest"], PATIENCE_S))
    await asyncio.sleep(0)
    book.learn(message("another"))
    await asyncio.sleep(0)
    assert not waiting.done()
    book.learn(data)
    graph = await waiting
    assert graph is not None and graph.digest == data["digest"]


async def test_waiting_in_vain_ends() -> None:
    assert await empty_book().wait_for("f" * 64, 0.01) is None
