"""A step that is not wanted any more and may have to be undone: the engine is told what became of it, in each case."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connectors.assembly import standard_hub
from schemas.codec import Codec
from schemas.messages import CANCEL_STEP, STEP_COMMAND, STEP_RESULT
from streams.ground.settings import Settings
from streams.processors.call.processor import Call
from streams.processors.orchestrate import INBOX
from streams.runtime.processor import Message
from tests.support import peers
from tests.support.calls import Bench, cancel, command, message
from tests.support.contexts import context
from tests.support.hubs import CALM


@pytest.fixture
async def bench() -> Any:
    codec = Codec.offline()
    processor = Call(context(codec), standard_hub({}, limits=CALM))
    await processor.open()
    yield Bench(processor, codec)
    await processor.close()


def asked_back() -> Message:
    return message(CANCEL_STEP, {**cancel().data, "answer": True})


def to_undo(url: str, effect: str | None = None, method: str = "POST") -> Message:
    return message(STEP_COMMAND, {**command(url, method, effect).data, "followed": True})


async def told(bench: Bench, one: Message) -> tuple[str, str]:
    """Reason and effect of the answer, or its status."""
    result = bench.answered((await bench.handle(one)).outputs, INBOX, STEP_RESULT)
    error = result["error"] or {"reason": result["status"], "effect": "done"}
    return error["reason"], error["effect"]


async def crash(bench: Bench, sent: peers.Peer, one: Message) -> None:
    under_way = asyncio.create_task(bench.processor.handle_one(one, bench.table))
    await sent.asked.wait()
    under_way.cancel()
    await asyncio.gather(under_way, return_exceptions=True)


async def test_what_had_not_begun_was_not_done(bench: Bench) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        assert (await bench.handle(asked_back())).outputs == []
        assert await told(bench, to_undo(peer.url)) == ("WITHDRAWN", "none")
        assert peer.count == 0


async def test_who_has_asked_is_told_whatever_comes_after(bench: Bench) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        await bench.handle(asked_back())
        await bench.handle(cancel())
        assert await told(bench, to_undo(peer.url)) == ("WITHDRAWN", "none")


async def test_what_is_under_way_is_answered_as_it_ends(bench: Bench) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        under_way = asyncio.create_task(bench.processor.handle_one(to_undo(peer.url), bench.table))
        await peer.asked.wait()
        assert (await bench.handle(asked_back())).outputs == []
        result = bench.answered((await under_way).outputs, INBOX, STEP_RESULT)
    assert result["status"] == "completed"


@pytest.mark.parametrize(("peer", "effect"), [(peers.resets, "unknown"), (peers.status(422), "none")])
async def test_what_waits_for_another_try_gets_none_and_is_answered(bench: Bench, peer: Any, effect: str) -> None:
    async with peers.peer(peer) as there:
        await bench.letter(to_undo(there.url))
        assert await told(bench, asked_back()) == ("WITHDRAWN", effect)
        before = there.count
        await bench.handle(to_undo(there.url))
        assert there.count == before


@pytest.mark.parametrize("asks", [True, False])
async def test_what_takes_long_and_changes_nothing_is_given_up(tmp_path: Path, asks: bool) -> None:
    codec = Codec.offline()
    async with peers.peer(peers.trickles) as peer:
        (tmp_path / "connections.yaml").write_text(f"slow: {{url: '{peer.url}', timeout: 5m}}\n")
        processor = Call(context(codec, Settings(site_dir=tmp_path)), standard_hub({"slow": peer.url}, limits=CALM))
        bench = Bench(processor, codec)
        await processor.open()
        asked = to_undo("connection://slow", method="GET")
        under_way = asyncio.create_task(processor.handle_one(asked, bench.table))
        await peer.asked.wait()
        assert (await bench.handle(asked_back() if asks else cancel())).outputs == []
        effects = await under_way
        await processor.close()
    assert bench.table.told_to_take == [300.0]
    if not asks:
        assert effects.outputs == []
        return
    result = bench.answered(effects.outputs, INBOX, STEP_RESULT)
    assert (result["error"]["reason"], result["error"]["effect"]) == ("WITHDRAWN", "none")


async def test_after_a_crash_what_does_no_harm_is_done_again_to_know(bench: Bench) -> None:
    async with peers.peer(peers.never_answers, peers.answers(peers.OK)) as peer:
        asked = to_undo(peer.url, "keyed")
        await crash(bench, peer, asked)
        await bench.handle(asked_back())
        assert await told(bench, asked) == ("completed", "done")
        assert peer.header("Idempotency-Key", 0) == peer.header("Idempotency-Key", 1)


async def test_after_a_crash_what_may_not_be_done_again_stays_in_doubt(bench: Bench) -> None:
    async with peers.peer(peers.never_answers) as peer:
        asked = to_undo(peer.url)
        await crash(bench, peer, asked)
        await bench.handle(asked_back())
        assert await told(bench, asked) == ("OUTCOME_UNKNOWN", "unknown")
        assert peer.count == 1


async def test_who_does_not_ask_is_told_nothing(bench: Bench) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        await bench.handle(cancel())
        assert (await bench.handle(to_undo(peer.url))).outputs == []
