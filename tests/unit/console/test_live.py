"""Pages that change by themselves: one rendering for all, the newest wins, and no line end breaks out of a frame."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.console.live import Hub, frame
from tests.support.consoles import INSTANCE, Console, change, result
from tests.support.waiting import PATIENCE_S

STREAM = {"Accept": "text/event-stream"}


@given(st.text(alphabet="ab\r\n\u2028:\x00", max_size=30))
def test_frame_is_one_event_whatever_its_lines_end_with(text: str) -> None:
    """Read as browsers do: three line ends, fields by their name, an empty line ends the event."""
    lines = frame(text).decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert lines[0] == "event: parts" and lines[-2:] == ["", ""]
    assert all(line.startswith("data: ") for line in lines[1:-2])
    assert "\n".join(line[6:] for line in lines[1:-2]) == text.replace("\r\n", "\n").replace("\r", "\n")


async def test_change_reaches_whoever_looks(console: Console) -> None:
    console.began()
    async with console.gateway.client.get(f"/instances/{INSTANCE}", headers=STREAM) as response:
        assert response.content_type == "text/event-stream"
        await until(response, "Running")
        console.entered(1, "completed", result("/x", 1), [change("workflow.completed")])
        await until(response, "Completed")


async def test_stream_holds_nothing_of_a_session(console: Console) -> None:
    console.began()
    console.asked()
    _, page = await console.get("/inbox")
    async with console.gateway.client.get("/inbox", headers=STREAM) as response:
        sent = await until(response, "Review it")
    assert 'name="form_token"' in page and "You are" in page
    assert 'name="form_token"' not in sent and "You are" not in sent
    assert "<header" in page and "<script" in page and "<script" not in sent and 'class="top"' not in sent


async def test_hostile_text_stays_in_its_frame(console: Console) -> None:
    console.began(business_key="a\r\n\r\nevent: evil\rdata: <script>x</script>\n\n")
    async with console.gateway.client.get("/instances", headers=STREAM) as response:
        sent = await until(response, "&lt;script&gt;x")
    assert "\nevent: evil" not in sent and "\r" not in sent


async def test_pages_that_do_not_change_have_no_stream(console: Console) -> None:
    async with console.gateway.client.get("/find?q=a", headers=STREAM) as response:
        assert response.content_type == "text/html"


async def test_fifty_readers_cost_one_rendering(console: Console) -> None:
    async with running(console) as hub:
        made = 0

        async def render() -> str:
            nonlocal made
            made += 1
            return "one"

        readers = [hub.follow("/a", render) for _ in range(50)]
        first = await asyncio.gather(*(anext(reader) for reader in readers))
        assert set(first) == {frame("one")} and made == 1
        for reader in readers:
            await reader.aclose()  # type: ignore[attr-defined]


async def test_slow_reader_gets_the_newest_only(console: Console) -> None:
    async with running(console) as hub:
        texts = iter(["one", "two", "three"])
        shown = "none"

        async def render() -> str:
            nonlocal shown
            shown = next(texts, shown)
            return shown

        slow, quick = hub.follow("/a", render), hub.follow("/a", render)
        assert await anext(slow) == frame("one") and await anext(quick) == frame("one")
        for text in ("two", "three"):
            console.began(instance_id=f"{len(text):032x}")
            await heard(quick, frame(text))
        assert await anext(slow) == frame("three")


async def test_page_that_cannot_be_made_leaves_the_others(console: Console) -> None:
    async with running(console) as hub:

        async def broken() -> str:
            raise RuntimeError("no")

        async def fine() -> str:
            return "fine"

        async def look() -> None:
            await anext(hub.follow("/a", broken))

        lost = asyncio.create_task(look())
        assert await anext(hub.follow("/b", fine)) == frame("fine")
        lost.cancel()
        with suppress(asyncio.CancelledError):
            await lost


async def test_streams_end_with_the_gateway(console: Console) -> None:
    hub = Hub(console.gateway.services)

    async def render() -> str:
        return "one"

    reader = hub.follow("/a", render)
    await anext(reader)
    await hub.close()
    assert [each async for each in reader] in ([], [b""])


@asynccontextmanager
async def running(console: Console) -> AsyncIterator[Hub]:
    hub = Hub(console.gateway.services)
    try:
        yield hub
    finally:
        await hub.close()


async def until(response: Any, text: str) -> str:
    """What was sent until a text came."""
    got = ""
    async with asyncio.timeout(PATIENCE_S):
        while text not in got:
            got += (await response.content.readany()).decode()
    return got


async def heard(reader: AsyncIterator[bytes], wanted: bytes) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await anext(reader) != wanted:
            pass


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.console.live.TICK_S", 0.02)
