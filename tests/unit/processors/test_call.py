"""Station 4, call: what happens to a command that comes once, twice, after a crash, or not wanted any more."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from prometheus_client import REGISTRY

from connectors.assembly import standard_hub
from schemas.codec import Codec
from schemas.messages import STEP_COMMAND, STEP_RESULT
from schemas.payload import Payload
from schemas.reasons import Effect, Reason
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.ground.topic import MAX_WRITTEN_BYTES
from streams.processors import call
from streams.processors.call import CallSettings
from streams.processors.call.connections import Addresses, ConnectionSettings
from streams.processors.call.processor import Call, carry_out, hub_for
from streams.runtime.clock import now_ms
from streams.runtime.letters import retry_headers
from streams.runtime.once import KEPT_MS, StepRow
from streams.runtime.parking import PARKING
from streams.runtime.processor import Message, Row
from tests.support import peers
from tests.support.calls import INSTANCE, NOW_MS, POINTER, Bench, cancel, command, key, message
from tests.support.contexts import context
from tests.support.hubs import CALM
from tests.support.tables import Table


@pytest.fixture
async def bench() -> Any:
    codec = Codec.offline()
    processor = Call(context(codec), standard_hub({}, limits=CALM))
    await processor.open()
    yield Bench(processor, codec)
    await processor.close()


async def test_answer_goes_to_the_inbox(bench: Bench) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        result = await bench.result(command(peer.url, effect="KEYED"))
        assert peer.header("Idempotency-Key") == key()
    assert (result["status"], result["output"].value(), result["error"]) == ("completed", {"ok": True}, None)
    assert (result["instance_id"], result["pointer"], result["attempt"]) == (INSTANCE, POINTER, 0)


async def test_result_tells_when_the_step_was_taken_up(bench: Bench) -> None:
    before_ms = now_ms()
    async with peers.peer(peers.answers(peers.OK)) as peer:
        result = await bench.result(command(peer.url))
    assert before_ms <= result["taken_ms"] <= now_ms()


async def test_command_again_is_answered_from_the_record(bench: Bench) -> None:
    async with peers.peer(peers.answers(peers.OK), peers.status(500)) as peer:
        first = await bench.handle(command(peer.url))
        again = await bench.handle(command(peer.url))
        assert peer.count == 1
    assert first.outputs == again.outputs
    assert again.changes == {}


async def test_command_twice_at_once_is_carried_out_once(bench: Bench) -> None:
    async with peers.peer(peers.answers(peers.OK), peers.status(500)) as peer:
        twins = await asyncio.gather(*(bench.processor.handle_one(command(peer.url), bench.table) for _ in range(3)))
        late = await bench.processor.handle_one(command(peer.url), bench.table)  # finished, and not written yet
        assert peer.count == 1
    assert all(each.outputs == late.outputs for each in twins)
    assert [bool(each.changes) for each in (*twins, late)].count(True) == 1, "who did it writes its row"


async def test_failure_becomes_a_problem_at_the_task(bench: Bench) -> None:
    async with peers.peer(peers.status(404)) as peer:
        letter = await bench.letter(command(peer.url))
    error = letter["error"]
    assert (letter["retry"], letter["function"], letter["again"]) == (0, "http", "harmful")
    assert (error["status"], error["instance"], error["reason"], error["effect"]) == (404, POINTER, "NOT_FOUND", "none")


async def test_what_the_system_said_with_its_error_goes_beside_the_problem(bench: Bench) -> None:
    refused = peers.status(422, "Content-Type: application/json", body=b'{"code":"LIMIT","holder":"Ada"}')
    async with peers.peer(refused) as peer:
        letter = await bench.letter(command(peer.url))
        again = await bench.letter(command(peer.url))  # from the record
        assert peer.count == 1
    assert letter["answer"].value() == again["answer"].value() == {"code": "LIMIT", "holder": "Ada"}
    assert "Ada" not in str(letter["error"])


async def test_command_that_fills_a_letter_leaves_no_place_for_what_the_system_said(bench: Bench) -> None:
    refused = peers.status(422, "Content-Type: text/plain", body=b"x" * 30_000)
    async with peers.peer(refused) as peer:
        large = command(peer.url)
        large = Message(
            msgspec.structs.replace(large.record, value=bytes(MAX_WRITTEN_BYTES - 80_000)), large.name, large.data
        )
        letter = await bench.letter(large)
    assert (letter["answer"], letter["error"]["status"]) == (None, 422)


async def crash(bench: Bench, sent: peers.Peer, message: Message) -> None:
    """Lets the call go out, then ends the worker before the answer comes: only what was written stays."""
    under_way = asyncio.create_task(bench.processor.handle_one(message, bench.table))
    await sent.asked.wait()
    under_way.cancel()
    await asyncio.gather(under_way, return_exceptions=True)


async def test_blind_call_is_not_repeated_after_a_crash(bench: Bench) -> None:
    async with peers.peer(peers.never_answers, peers.answers(peers.OK)) as peer:
        await crash(bench, peer, command(peer.url))
        result = await bench.letter(command(peer.url))
        assert peer.count == 1
    assert result["error"]["reason"] == Reason.OUTCOME_UNKNOWN
    assert result["error"]["effect"] == Effect.UNKNOWN


async def test_doubt_after_a_crash_is_reported_the_same_again(bench: Bench) -> None:
    async with peers.peer(peers.never_answers) as peer:
        await crash(bench, peer, command(peer.url))
        first = await bench.handle(command(peer.url))
        assert (await bench.handle(command(peer.url))).outputs == first.outputs


@pytest.mark.parametrize(("method", "effect"), [("POST", "keyed"), ("PUT", None), ("GET", None)])
async def test_repeatable_call_is_repeated_after_a_crash(bench: Bench, method: str, effect: str | None) -> None:
    async with peers.peer(peers.never_answers, peers.answers(peers.OK)) as peer:
        await crash(bench, peer, command(peer.url, method, effect))
        assert bench.table.writes == []
        result = await bench.result(command(peer.url, method, effect))
        assert peer.count == 2
        assert peer.header("Idempotency-Key", 0) == peer.header("Idempotency-Key", 1)
    assert result["status"] == "completed"


def followed(asked: Message) -> Message:
    """The command of a step that others are asked to do if it fails."""
    return message(STEP_COMMAND, {**asked.data, "followed": True})


async def test_where_others_follow_a_crash_is_not_forgotten(bench: Bench) -> None:
    async with peers.peer(peers.never_answers, peers.status(503)) as peer:
        asked = followed(command(peer.url, effect="keyed"))
        await crash(bench, peer, asked)
        letter = await bench.letter(asked)
        assert peer.count == 2
        assert peer.header("Idempotency-Key", 0) == peer.header("Idempotency-Key", 1)
    error = letter["error"]
    assert (error["reason"], error["effect"], letter["again"]) == ("UNREACHED", "unknown", "harmless")


async def test_without_a_crash_there_is_no_doubt_for_those_who_follow(bench: Bench) -> None:
    async with peers.peer(peers.status(503)) as peer:
        letter = await bench.letter(followed(command(peer.url, effect="keyed")))
    assert letter["error"]["effect"] == "none"


async def test_of_a_read_nothing_is_written_whoever_follows(bench: Bench) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        await bench.result(followed(command(peer.url, "GET")))
    assert bench.table.writes == []


async def test_intent_is_durable_before_a_blind_call(bench: Bench) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        await bench.handle(command(peer.url))
    (written,) = bench.table.writes
    row = written[key().encode()]
    assert row is not None and row.due_ms == NOW_MS + KEPT_MS
    assert msgspec.msgpack.decode(row.value, type=StepRow) == StepRow(key(), sent=True)


def test_row_that_was_written_before_doubts_were_kept_is_read_as_it_was() -> None:
    written = msgspec.msgpack.encode(["key", True, False, "none", b"letter", 1, True])
    assert msgspec.msgpack.decode(written, type=StepRow) == StepRow(
        "key", sent=True, effect="none", result=b"letter", retry=1, dead=True
    )


async def test_refused_call_leaves_no_intent(bench: Bench) -> None:
    result = await bench.letter(command("ftp://nowhere"))
    assert result["error"]["reason"] == Reason.INPUT_INVALID
    assert bench.table.writes == []


async def test_failed_intent_stops_the_call(bench: Bench) -> None:
    class Broken(Table):
        async def write(self, changes: dict[bytes, Row | None]) -> None:
            raise ConnectionError("no changelog")

    async with peers.peer(peers.answers(peers.OK)) as peer:
        with pytest.raises(ConnectionError):
            await bench.processor.handle_one(command(peer.url), Broken())
        assert peer.count == 0


async def test_withdrawn_step_is_not_called(bench: Bench) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        await bench.handle(cancel())
        assert (await bench.handle(command(peer.url))).outputs == []
        assert peer.count == 0


async def test_step_withdrawn_while_waiting_is_not_called_again(bench: Bench) -> None:
    async with peers.peer(peers.status(503, "Retry-After: 1"), peers.answers(peers.OK)) as peer:
        waiting = asyncio.create_task(bench.handle(command(peer.url, effect="keyed")))
        await peer.asked.wait()
        await bench.handle(cancel())
        await waiting
        assert peer.count == 1


async def test_result_outlives_a_late_withdrawal(bench: Bench) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        first = await bench.handle(command(peer.url))
        await bench.handle(cancel())
        assert (await bench.handle(command(peer.url))).outputs == first.outputs


async def test_attempt_after_a_doubt_reuses_its_key(bench: Bench) -> None:
    bench.processor = Call(context(bench.codec), standard_hub({}, limits=CALM))
    await bench.processor.open()
    async with peers.peer(peers.resets, peers.resets, peers.answers(peers.OK)) as peer:
        for attempt in range(3):
            await bench.handle(command(peer.url, effect="keyed", attempt=attempt))
        assert [peer.header("Idempotency-Key", index) for index in range(3)] == [key(0)] * 3
    await bench.processor.close()


async def test_step_that_was_answered_is_not_tried_again_by_who_heard_of_a_failure_before(bench: Bench) -> None:
    """A worker tells of a failure and dies before that is on record; the next finds that the step was done."""
    async with peers.peer(peers.answers(peers.OK)) as peer:
        first = await bench.handle(command(peer.url))
        again = command(peer.url)
        record = msgspec.structs.replace(again.record, headers=retry_headers(1))
        late = await bench.handle(Message(record, again.name, again.data))
        assert (late.outputs, late.changes, peer.count) == (first.outputs, {}, 1)


async def test_what_a_step_has_come_to_is_on_record_before_it_is_told(bench: Bench) -> None:
    processor = bench.processor
    async with peers.peer(peers.answers(peers.OK), peers.status(422)) as peer:
        assert processor.on_record(await bench.handle(command(peer.url)))
        assert processor.on_record(await bench.handle(command(peer.url, attempt=1)))
        assert not processor.on_record(await bench.handle(cancel(attempt=2)))
        assert not processor.on_record(await bench.handle(command(peer.url, attempt=2)))
        assert peer.count == 2


async def test_attempt_after_a_certain_failure_has_its_own_key(bench: Bench) -> None:
    async with peers.peer(peers.status(422), peers.answers(peers.OK)) as peer:
        for attempt in range(2):
            await bench.handle(command(peer.url, effect="keyed", attempt=attempt))
        assert [peer.header("Idempotency-Key", index) for index in range(2)] == [key(0), key(1)]


async def test_row_is_forgotten_when_it_is_due(bench: Bench) -> None:
    effects = bench.processor.on_due(b"k", Row(msgspec.msgpack.encode(StepRow("key", result=b"r"))), NOW_MS)
    assert effects.changes == {b"k": None} and effects.outputs == []


async def test_foreign_message_is_parked(bench: Bench) -> None:
    (output,) = (await bench.handle(message(STEP_RESULT, {}))).outputs
    assert output.topic == PARKING


async def test_arguments_that_are_not_json_are_refused(bench: Bench) -> None:
    broken = command("http://127.0.0.1:1")
    broken.data["arguments"] = Payload.inside(b"{")
    assert (await bench.letter(broken))["error"]["reason"] == Reason.INPUT_INVALID


async def test_output_nested_too_deeply_is_refused(bench: Bench) -> None:
    deep = peers.status(200, "Content-Type: application/json", body=b"[" * 400 + b"]" * 400)
    async with peers.peer(deep) as peer:
        error = (await bench.letter(command(peer.url)))["error"]
    assert (error["reason"], error["effect"]) == (Reason.CONTRACT_DRIFT, Effect.DONE)


async def test_undeclared_effect_class_is_refused(bench: Bench) -> None:
    result = await bench.letter(command("http://127.0.0.1:1", effect="maybe"))
    assert result["error"]["reason"] == Reason.INPUT_INVALID


async def test_output_beyond_a_record_is_refused() -> None:
    # One byte on the wire, six as JSON.
    text = peers.status(200, "Content-Type: text/plain", body=b"\x01" * 300_000)
    async with peers.peer(text) as peer, standard_hub({}) as hub:
        result = await carry_out(command(peer.url, "GET").data, hub)
    assert result["error"]["reason"] == Reason.REPLY_TOO_LARGE


async def test_time_is_noted_of_refused_calls_too(tmp_path: Path) -> None:
    def noted(result: str) -> float:
        labels = {"function": "http", "result": result}
        return REGISTRY.get_sample_value("exlify_call_seconds_count", labels) or 0.0

    before = [noted(reason) for reason in ("OK", "INPUT_INVALID")]
    async with (
        peers.peer(peers.answers(peers.OK)) as peer,
        hub_for(Settings(), Addresses(Settings(), Site(tmp_path))) as hub,
    ):
        await carry_out(command(peer.url).data, hub)
        await carry_out(command("ftp://nowhere").data, hub)
    assert [noted(reason) for reason in ("OK", "INPUT_INVALID")] == [each + 1 for each in before]


async def test_settings_say_where_calls_may_go(tmp_path: Path) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        strict = Settings().with_(
            CallSettings(allow_private=False, allow_hosts="*.example.com"), ConnectionSettings(urls={"erp": peer.url})
        )
        async with hub_for(strict, Addresses(strict, Site(tmp_path))) as hub:
            named = await carry_out(command("connection://erp/x").data, hub)
            literal = await carry_out(command("http://127.0.0.2:1/x").data, hub)
    assert named["status"] == "completed"
    assert literal["error"]["reason"] == Reason.POLICY_DENIED


async def test_system_that_keeps_failing_shows_its_open_breaker(bench: Bench) -> None:
    async with peers.peer(*[peers.resets] * 6) as peer:
        for attempt in range(6):  # the sixth failure in a row is one too many
            await bench.handle(command(peer.url, "GET", attempt=attempt))
    shown = {sample.labels["connection"] for metric in call.BREAKERS.collect() for sample in metric.samples}
    assert any(connection.endswith(f":{urlsplit(peer.url).port}") for connection in shown)


async def test_changed_connection_counts_for_the_next_call(tmp_path: Path) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        (tmp_path / "connections.yaml").write_text("erp: http://127.0.0.1:1\n")
        site = Site(tmp_path, {})
        async with hub_for(Settings(), Addresses(Settings(), site)) as hub:
            before = await carry_out(command("connection://erp/x").data, hub)
            (tmp_path / "connections.yaml").write_text(f"erp: {peer.url}\n")
            site.look()
            site.look()
            after = await carry_out(command("connection://erp/x").data, hub)
    assert (before["status"], after["status"]) == ("faulted", "completed")


def again(retry: int, message: Message) -> Message:
    """The command, tried again by whoever recovers."""
    record = msgspec.structs.replace(message.record, headers=retry_headers(retry))
    return Message(record, message.name, message.data)


async def test_each_try_is_carried_out_once_and_with_the_same_key(bench: Bench) -> None:
    async with peers.peer(*[peers.status(503)] * 2, peers.answers(peers.OK)) as peer:
        command_ = command(peer.url, effect="KEYED")
        for retry in range(2):
            letters = [await bench.letter(again(retry, command_)) for _ in range(2)]
            assert [each["retry"] for each in letters] == [retry] * 2
            assert peer.count == retry + 1
        assert (await bench.handle(again(0, command_))).outputs == []  # late: the next try has been made
        assert (await bench.result(again(2, command_)))["status"] == "completed"
        assert peer.count == 3
        assert [peer.header("Idempotency-Key", index) for index in range(3)] == [key()] * 3


async def test_a_wait_that_is_asked_for_stands_in_the_letter(bench: Bench) -> None:
    async with peers.peer(peers.status(429, "Retry-After: 7")) as peer:
        letter = await bench.letter(command(peer.url))
    assert (letter["error"]["reason"], letter["wait_ms"]) == (Reason.RATE_LIMITED, 7_000)


async def test_each_try_of_a_blind_call_has_an_intent_of_its_own(bench: Bench) -> None:
    async with peers.peer(peers.status(503), peers.never_answers, peers.answers(peers.OK)) as peer:
        await bench.letter(command(peer.url))
        peer.asked.clear()
        await crash(bench, peer, again(1, command(peer.url)))
        letter = await bench.letter(again(1, command(peer.url)))
        assert peer.count == 2
    assert (letter["error"]["reason"], letter["again"]) == (Reason.OUTCOME_UNKNOWN, "harmful")


async def test_a_step_that_nobody_wants_is_not_tried_again(bench: Bench) -> None:
    async with peers.peer(peers.status(503), peers.answers(peers.OK)) as peer:
        await bench.letter(command(peer.url))
        await bench.handle(cancel())
        assert (await bench.handle(again(1, command(peer.url)))).outputs == []
        assert peer.count == 1


async def test_a_key_that_the_command_brings_is_used(bench: Bench) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        kept = command(peer.url, effect="KEYED", attempt=3)
        kept.data["key"] = key(0)
        await bench.result(kept)
        assert peer.header("Idempotency-Key") == key(0)
