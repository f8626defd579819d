"""Two versions of a workflow side by side."""

from __future__ import annotations

from random import Random

import pytest

from streams.definitions.book import DefinitionBook
from streams.definitions.deploy import described
from tests.support.consoles import NOW_MS, Console, change, payload, result
from tests.support.definitions import load
from tests.support.gateways import YAML

LATER = YAML.replace("version: 1.0.0", "version: 1.1.0").replace(
    "- note: {set: {seen: true}}", "- note: {set: {seen: false}}\n  - look: {set: {done: true}}"
)
PROBLEM = {"type": "urn:x", "title": "It broke", "status": 500, "detail": None, "instance": "/do/0/note"}


def two(book: DefinitionBook) -> list[dict[str, str]]:
    book.learn(described(load(LATER), LATER, "test", NOW_MS))
    return [{"workflow": each.name, "digest": each.digest, "version": each.version} for each in book.deployed()]


async def test_versions_stand_side_by_side_with_figures_steps_and_difference(console: Console) -> None:
    old, new = two(console.gateway.services.definitions)
    for number, of in enumerate((old, old, new)):
        name = {"instance_id": f"{number:032x}", **of}
        console.began(**name)
        if number == 1:
            wrong = [change("task.faulted", "/do/0/note", data=payload(PROBLEM)),
                     change("workflow.faulted", data=payload(PROBLEM))]  # fmt: skip
            console.entered(
                1, "faulted", result("/do/0/note", 1), [change("task.started", "/do/0/note"), *wrong], **name
            )
        else:
            console.entered(1, "completed", result("/x", 1), [change("workflow.completed", data=payload(1))], **name)
    data = await console.data("/workflows/order/compare")
    assert (data["before"]["version"], data["after"]["version"]) == ("1.0.0", "1.1.0")
    names = ("started", "completed", "faulted", "automation_rate")
    assert [data["before"]["figures"][name] for name in names] == [2, 1, 1, 1.0]
    assert [data["after"]["figures"][name] for name in names] == [1, 1, 0, 1.0]
    assert [(each["title"], each["word"]) for each in data["steps"]] == [("Note", "changed"), ("Look", "new")]
    assert data["steps"][0]["before"]["failed"] == 1 and data["steps"][1]["before"] is None
    assert {"-  - note: {set: {seen: true}}", "+  - look: {set: {done: true}}"} <= set(data["difference"])
    _, page = await console.get("/workflows/order/compare")
    assert page.count('class="flow') == 2 and "Order: 1.0.0 and 1.1.0" in page
    _, page = await console.get(f"/workflows/order/compare?a={new['digest']}&b={old['digest']}")
    assert "Order: 1.1.0 and 1.0.0" in page and "<b>gone</b>" in page
    assert 'href="/workflows/order/compare?b=' in (await console.get("/workflows/order"))[1]


async def test_texts_that_take_too_long_to_compare_are_not(console: Console) -> None:
    """A thousand of a hundred comments each: the library would look for hours, and on the event loop."""
    book = console.gateway.services.definitions
    draw = Random(7)
    for number in (1, 2):
        comments = "\n".join(f"# {draw.randrange(110)}" for _ in range(12_000))
        text = YAML.replace("version: 1.0.0", f"version: 1.{number}.0") + comments + "\n"
        book.learn(described(load(text), text, "test", NOW_MS))
    told = "(too long, or too much alike, to be compared line by line)"
    assert (await console.data("/workflows/order/compare"))["difference"] == [told]
    assert (await console.data("/workflows/order"))["difference"] == [told]


async def test_one_version_is_compared_with_itself_and_an_unknown_workflow_is_none(console: Console) -> None:
    _, page = await console.get("/workflows/order/compare")
    assert "There is one version of it" in page and "their texts are the same" in page
    assert (await console.get("/workflows/other/compare"))[0] == 404


@pytest.mark.parametrize("asked", ["/compare?a={}", "/compare?b={}", "?digest={}", "/replay?definition={}"])
async def test_version_that_is_not_there_is_said_with_those_that_are(console: Console, asked: str) -> None:
    (there,) = console.gateway.services.definitions.deployed()
    status, page = await console.get("/workflows/order" + asked.format("nonsense"))
    assert status == 404 and "No version of order has the digest nonsense" in page
    assert f"Known: 1.0.0 ({there.digest[:8]})" in page
    assert (await console.get("/workflows/order" + asked.format(there.digest)))[0] == 200
