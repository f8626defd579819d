"""The report as a page."""

from __future__ import annotations

from tests.support.consoles import NOW_MS, Console, change, payload, result


async def test_time_is_drawn_only_where_there_is_some(console: Console) -> None:
    (order,) = console.gateway.services.definitions.deployed()
    of = {"workflow": order.name, "digest": order.digest, "version": order.version, "at_ms": NOW_MS - 1_000}
    console.began(**of)
    ended = [
        change("task.started", "/do/0/note"),
        change("task.completed", "/do/0/note"),
        change("workflow.completed", data=payload(1)),
    ]
    console.entered(1, "completed", result("/x", 1), ended, **of)
    status, page = await console.get("/report")
    assert status == 200 and "Automation rate" in page
    assert "Where the time of" not in page
    (told,) = (await console.data("/report"))["workflows"]
    assert [each["took_ms"] for each in told["steps"]] == [0]
