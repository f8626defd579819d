"""A call that asks for a list in pages: each page is a step of its own, and the list is their items."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from schemas.steps import id_of
from streams.engine import Limits
from streams.engine.paging import USUAL_PAGES
from tests.support.definitions import check
from tests.support.trial import HEADER, Trial

PAGED = "- list: {{call: http, with: {{method: get, endpoint: 'https://e.com/l', pages: {pages}}}{more}}}\n"
AFTER = "- after: {set: '${ {all: ., more: $context} }'}"


def trial(pages: str = "{by: page, most: 3}", more: str = "", **options: Any) -> Trial:
    return Trial(PAGED.format(pages=pages, more=more) + AFTER, {"n": 1}, **options)


def page(items: list[Any], at: Any = None) -> dict[str, Any]:
    return {"items": items, "next": at}


def test_list_is_the_items_of_all_pages() -> None:
    it = trial()
    steps = []
    for items, at in ([1, 2], "b"), ([3], "c"), ([], None):
        (command,) = it.pending.values()
        steps.append((id_of(structs.asdict(command)), command.arguments.value()["pages"].get("at")))
        it.answer("list", page(items, at))
    assert it.output["all"] == [1, 2, 3]
    assert [at for _, at in steps] == [None, "b", "c"]
    assert len({step for step, _ in steps}) == 3
    assert it.phases("list") == ["task.started", "task.completed"] * 3


def test_page_that_comes_again_counts_once() -> None:
    it = trial()
    first = it.result("list", page([1], "b"))
    it.send(first)
    it.send(first)
    assert [each.arguments.value()["pages"]["at"] for each in it.pending.values()] == ["b"]
    it.answer("list", page([2]))
    assert it.output["all"] == [1, 2]


def test_list_of_more_pages_than_were_meant_is_an_error_and_not_cut() -> None:
    it = trial("{by: page, most: 2}")
    it.answer("list", page([1], "b"))
    it.answer("list", page([2], "c"))
    assert (it.error["reason"], it.error["effect"]) == ("REPLY_TOO_LARGE", "none")
    assert "more than 2 pages" in it.error["detail"]


def test_list_has_a_bound_where_none_is_said() -> None:
    it = trial("{by: page}")
    for number in range(USUAL_PAGES):
        it.answer("list", page([number], number + 1))
    assert it.error["reason"] == "REPLY_TOO_LARGE"


def test_list_that_is_too_large_for_a_record_is_an_error_that_can_be_caught() -> None:
    it = trial("{by: page, most: 9}", limits=Limits(record_bytes=2_000))
    it.answer("list", page(["x" * 900], "b"))
    it.answer("list", page(["x" * 900], "c"))
    it.answer("list", page(["x" * 900], "d"))
    assert it.error["reason"] == "REPLY_TOO_LARGE"


@pytest.mark.parametrize("answer", [None, [], {"items": 7}, page([], "b")])
def test_what_is_no_page_or_names_itself_is_an_error(answer: Any) -> None:
    it = trial()
    it.answer("list", page([1], "b"))
    it.answer("list", answer)
    assert it.error["reason"] == "CONTRACT_DRIFT"


def test_page_that_fails_fails_the_task_and_is_begun_anew_by_people() -> None:
    it = trial(limits=Limits(incidents=True))
    it.answer("list", page([1], "b"))
    it.fail("list", reason="UNREACHED", effect="none")
    assert it.open_incidents
    it.repair("list", "retry")
    assert [each.arguments.value()["pages"].get("at") for each in it.pending.values()] == [None]
    it.answer("list", page([1]))
    assert it.output["all"] == [1]


def test_who_is_asked_instead_gives_the_whole_list() -> None:
    instead = "{call: http, with: {method: get, endpoint: 'https://f.com/l'}, as: .rows}"
    it = trial(more=f", metadata: {{recovery: {{fallback: [{instead}]}}}}")
    it.answer("list", page([1], "b"))
    it.fail("list", reason="UNREACHED", effect="none")
    it.answer("list", {"rows": [7]})
    assert it.output["all"] == [7]


def test_time_of_the_task_is_that_of_all_pages() -> None:
    it = trial(more=", timeout: {after: PT10S}")
    it.pass_time(9_000)
    it.answer("list", page([1], "b"))
    it.pass_time(2_000)
    assert it.error["status"] == 408
    assert len(it.withdrawn) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{method: post, endpoint: 'https://e.com', pages: {by: link}}", "only a call that reads asks for pages"),
        ("{method: get, endpoint: 'https://e.com', pages: '${ .p }'}", "`pages` is written out"),
        ("{method: get, endpoint: 'https://e.com', pages: {by: leaf}}", "`by` is none of link, cursor, offset, page"),
        ("{method: get, endpoint: 'https://e.com', pages: {by: link, most: 0}}", "`most`"),
        ("{method: get, endpoint: 'https://e.com', pages: {by: link, mots: 1}}", "`mots`"),
    ],
)
def test_lint_tells_of_pages_that_cannot_be(given: str, said: str) -> None:
    faults = check(HEADER.format(more="", tasks=f"  - list: {{call: http, with: {given}}}"))
    assert any(said in str(each) for each in faults), faults


@pytest.mark.parametrize(
    "metadata",
    [
        "{recovery: {fallback: [{call: http, with: {method: get, endpoint: 'https://f.com', pages: {by: link}}}]}}",
        "{effect: probed, probe: {call: http, with: {method: get, endpoint: 'https://f.com', pages: {by: link}}}}",
    ],
)
def test_only_the_call_of_a_task_asks_for_pages(metadata: str) -> None:
    given = "{method: post, endpoint: 'https://e.com', body: {}}"
    faults = check(HEADER.format(more="", tasks=f"  - l: {{call: http, with: {given}, metadata: {metadata}}}"))
    assert [each.message for each in faults] == ["only the call of a task asks for pages"]


def test_search_that_says_that_it_reads_may_have_pages() -> None:
    given = "{method: post, endpoint: 'https://e.com', body: {}, pages: {by: link}}"
    assert (
        check(HEADER.format(more="", tasks=f"  - l: {{call: http, with: {given}, metadata: {{effect: read}}}}")) == []
    )
