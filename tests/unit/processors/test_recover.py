"""What has failed is tried again as its step declares, exactly so often, and never where that could do harm."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import recovery
from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import DEAD_LETTER, RETRY_NOW, STEP_RESULT, STEP_RETRYING
from schemas.reasons import Effect, Reason
from schemas.recovery import Policy
from schemas.samples import sample
from schemas.steps import id_of, problem
from streams.processors import call, own, recover
from streams.processors.orchestrate import INBOX
from streams.processors.recover import rules
from streams.processors.recover.processor import KEPT_MS, Recover
from streams.runtime.letters import retry_of
from streams.runtime.processor import Effects, Message, Output, Record
from streams.steps import step
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.tables import Table

CODEC = Codec.offline()
INSTANCE = "ab" * 16
STEP = {"instance_id": INSTANCE, "pointer": "/do/0/a", "iteration": 0, "attempt": 0}
NOW_MS = 1_790_000_000_000
EVEN = Policy(retries=3, backoff="constant", delay_ms=1_000, jitter="none")


def letter(
    retry: int = 0, reason: Reason = Reason.UNREACHED, effect: Effect = Effect.NONE, **more: Any
) -> dict[str, Any]:
    policy = more.pop("policy", EVEN)
    return {
        **sample(current()[DEAD_LETTER]), **STEP, "retry": retry, "function": "http", "deadline_ms": None,
        "recovery": None if policy is None else recovery.encode(policy), "command": b"the command",
        "error": problem(reason, "away", "/do/0/a", effect=effect), "again": "harmful", "wait_ms": None, **more,
    }  # fmt: skip


class Bench:
    """The processor on its table, with a clock."""

    def __init__(self) -> None:
        self.table = Table()
        self.processor = Recover(context(CODEC))

    def deliver(self, *letters: dict[str, Any], at_ms: int = NOW_MS) -> list[Output]:
        topic = call.DECLARATION.dead_letters.name
        messages = [
            Message(Record(topic, 0, 0, at_ms, INSTANCE.encode(), b"", ()), DEAD_LETTER, each) for each in letters
        ]
        effects: Effects = self.table.apply(self.processor.handle(messages, self.table))
        return effects.outputs

    def fire(self, at_ms: int) -> list[Output]:
        key = id_of(STEP).encode()
        row = self.table.get(key)
        if row is None or row.due_ms > at_ms:
            return []
        return self.table.apply(self.processor.on_due(key, row, at_ms)).outputs

    def hurry(self, retry: int, *more: dict[str, Any], at_ms: int = NOW_MS + 10) -> list[Output]:
        wish = {**STEP, "retry": retry, "why": "well again", "actor": "kim"}
        record = Record(recover.ACTIONS.name, 0, 0, at_ms, INSTANCE.encode(), b"", ())
        messages = [Message(record, RETRY_NOW, each) for each in (wish, *more)]
        return self.table.apply(self.processor.handle(messages, self.table)).outputs


def commands(outputs: list[Output]) -> list[Output]:
    return [each for each in outputs if each.topic == call.DECLARATION.commands]


def told(outputs: list[Output]) -> list[tuple[str, dict[str, Any]]]:
    said = [each for each in outputs if each.topic == INBOX]
    assert all(each.key == INSTANCE.encode() for each in said)
    return [CODEC.decode(each.value or b"") for each in said]


def test_answer_of_a_step_that_is_given_up_has_what_the_system_said() -> None:
    said = letter(reason=Reason.BUSINESS_REJECTED, answer=payload({"code": "LIMIT"}))
    ((name, result),) = told(Bench().deliver(said))
    assert (name, result["status"], result["output"].value()) == (STEP_RESULT, "faulted", {"code": "LIMIT"})


def test_hurried_try_begins_once_however_often_it_is_asked_and_when_it_is_due() -> None:
    bench = Bench()
    bench.deliver(letter())
    assert commands(bench.hurry(2)) == []  # another one is meant
    again = {**STEP, "retry": 1, "why": "me too", "actor": "lee"}
    outputs = bench.hurry(1, again)
    (sent,) = commands(outputs)
    assert (sent.value, retry_of(Record("t", 0, 0, 0, sent.key, sent.value, sent.headers))) == (b"the command", 1)
    ((name, data),) = told(outputs)
    assert (name, data["actor"], data["why"], data["due_ms"]) == (STEP_RETRYING, "kim", "well again", NOW_MS + 10)
    assert bench.hurry(1) == [] and commands(bench.fire(NOW_MS + 1_000)) == []
    assert told(bench.deliver(letter(1)))[0][1]["retry"] == 2


def test_try_that_has_begun_by_itself_is_not_hurried() -> None:
    bench = Bench()
    bench.deliver(letter())
    assert len(commands(bench.fire(NOW_MS + 1_000))) == 1
    assert bench.hurry(1, at_ms=NOW_MS + 1_001) == []


def test_people_see_what_waits_and_what_has_begun() -> None:
    bench = Bench()
    seen = [each for each in (*bench.deliver(letter()), *bench.fire(NOW_MS + 1_000)) if each.topic == recover.RETRIES]
    states = [CODEC.decode(each.value or b"")[1] for each in seen]
    assert [(each["status"], each["retry"], each["retries"], each["seq"]) for each in states] == [
        ("waiting", 1, 3, 2),
        ("sent", 1, 3, 3),
    ]
    assert {each.key for each in seen} == {id_of(STEP).encode()}


def test_a_letter_waits_for_its_time_and_is_the_same_command_then() -> None:
    bench = Bench()
    ((name, data),) = told(bench.deliver(letter()))
    assert name == STEP_RETRYING
    assert (data["retry"], data["retries"], data["due_ms"]) == (1, 3, NOW_MS + 1_000)
    assert bench.fire(NOW_MS + 999) == []
    (sent,) = commands(bench.fire(NOW_MS + 1_000))
    assert (sent.topic, sent.key, sent.value) == (call.DECLARATION.commands, INSTANCE.encode(), b"the command")
    assert retry_of(Record("t", 0, 0, 0, sent.key, sent.value, sent.headers)) == 1


def test_so_many_retries_and_no_more() -> None:
    bench = Bench()
    for retry in range(3):
        assert told(bench.deliver(letter(retry)))[0][0] == STEP_RETRYING
        assert len(commands(bench.fire(NOW_MS + 1_000))) == 1
    ((name, result),) = told(bench.deliver(letter(3)))
    assert (name, result["status"], result["error"]["reason"]) == (STEP_RESULT, "faulted", "UNREACHED")
    assert [each.value for each in bench.fire(NOW_MS + KEPT_MS)] == [None]
    assert bench.table.get(id_of(STEP).encode()) is None


def test_a_doubt_stays_whatever_the_tries_after_it_say() -> None:
    bench = Bench()
    bench.deliver(letter(0, Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN, again="harmless"))
    for retry in (1, 2):
        bench.fire(NOW_MS + 1_000)
        bench.deliver(letter(retry, again="harmless"))
    bench.fire(NOW_MS + 1_000)
    ((_, result),) = told(bench.deliver(letter(3, again="harmless")))
    assert (result["error"]["reason"], result["error"]["effect"]) == ("UNREACHED", "unknown")


@given(st.lists(st.integers(0, 3), max_size=12))
def test_letters_that_come_again_change_nothing(again: list[int]) -> None:
    bench, sent, answers = Bench(), 0, 0
    for retry in range(4):
        outputs = bench.deliver(letter(retry))
        answers += told(outputs)[0][0] == STEP_RESULT
        for old in again:
            if old <= retry:
                assert bench.deliver(letter(old)) == []
        sent += len(commands(bench.fire(NOW_MS + 1_000)))
    assert (sent, answers) == (3, 1)


def test_a_batch_knows_what_its_letters_have_done() -> None:
    assert len(told(Bench().deliver(letter(), letter()))) == 1


@pytest.mark.parametrize(
    ("reason", "effect", "again", "tried"),
    [
        (Reason.UNREACHED, Effect.NONE, "harmful", True),
        (Reason.RATE_LIMITED, Effect.NONE, "harmful", True),
        (Reason.REMOTE_FAULT, Effect.UNKNOWN, "harmful", False),
        (Reason.REMOTE_FAULT, Effect.UNKNOWN, "harmless", True),
        (Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN, "harmful", False),
        (Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN, "harmless", True),
        (Reason.MISCONFIGURED, Effect.NONE, "harmless", False),
        (Reason.NOT_FOUND, Effect.NONE, "harmless", False),
        (Reason.CONTRACT_DRIFT, Effect.DONE, "harmful", False),
        (Reason.STEP_FAILED, Effect.NONE, "pointless", False),
    ],
)
def test_the_meaning_of_the_error_decides(reason: Reason, effect: Effect, again: str, tried: bool) -> None:
    due = rules.due_ms(letter(reason=reason, effect=effect, again=again), EVEN, NOW_MS, NOW_MS)
    assert (due is not None) is tried


def test_the_wait_that_the_remote_side_asks_for_is_obeyed() -> None:
    assert rules.due_ms(letter(wait_ms=60_000), EVEN, NOW_MS, NOW_MS) == NOW_MS + 60_000
    assert rules.due_ms(letter(wait_ms=10), EVEN, NOW_MS, NOW_MS) == NOW_MS + 1_000


def test_nothing_begins_when_nobody_waits_any_more() -> None:
    assert rules.due_ms(letter(deadline_ms=NOW_MS + 1_000), EVEN, NOW_MS, NOW_MS) is None
    within = Policy(retries=9, delay_ms=1_000, backoff="constant", jitter="none", within_ms=5_000)
    assert rules.due_ms(letter(4), within, NOW_MS + 4_000, NOW_MS) == NOW_MS + 5_000
    assert rules.due_ms(letter(4), within, NOW_MS + 4_001, NOW_MS) is None


def test_only_errors_that_the_definition_means_are_tried_again() -> None:
    meant = Policy(only={"status": 503})
    assert rules.due_ms(letter(), meant, NOW_MS, NOW_MS) is not None
    assert rules.due_ms(letter(), Policy(only={"status": 429}), NOW_MS, NOW_MS) is None


def test_a_step_that_declares_nothing_is_tried_twice_more() -> None:
    assert recovery.decode(None).retries == 2
    assert recovery.decode(b"{").retries == 2


@pytest.mark.parametrize(
    ("backoff", "pauses"),
    [
        ("constant", [1_000] * 4),
        ("linear", [1_000, 2_000, 3_000, 4_000]),
        ("exponential", [1_000, 2_000, 4_000, 5_000]),
    ],
)
def test_pauses_grow_as_declared_up_to_the_cap(backoff: str, pauses: list[int]) -> None:
    policy = Policy(backoff=backoff, delay_ms=1_000, cap_ms=5_000, jitter="none")
    assert [policy.pause_ms("s", retry, None) for retry in range(1, 5)] == pauses


@given(st.text(max_size=20), st.integers(1, 1_000))
def test_full_jitter_is_a_share_that_is_the_same_again(step: str, retry: int) -> None:
    policy = Policy(delay_ms=1_000, cap_ms=8_000)
    pause = policy.pause_ms(step, retry, None)
    assert 0 <= pause <= min(1_000 * 2 ** (retry - 1), 8_000)
    assert pause == policy.pause_ms(step, retry, None)
    most = Policy(delay_ms=1_000, cap_ms=8_000, more_ms=(10, 20)).pause_ms(step, retry, None)
    assert min(1_000 * 2 ** (retry - 1), 8_000) + 10 <= most <= 8_020


def test_every_processor_that_buries_is_recovered() -> None:
    from streams.processors import ALL

    @step("tests.own")
    def own_step() -> None: ...

    everybody = (*ALL, own.declared(own_step))
    carrying_out = [each for each in everybody if each.functions]
    assert all(each.buries for each in carrying_out)
    assert set(recover.DECLARATION.reads) == {recover.ACTIONS, *(each.dead_letters for each in carrying_out)}
    assert {each.commands for each in ALL if each.buries} <= set(recover.DECLARATION.writes)


@pytest.mark.parametrize(
    ("more", "answer", "tried"),
    [
        ({"when": "$error.status == 503"}, None, True),
        ({"when": ".status == 500"}, None, False),
        ({"unless": "$error.status == 503"}, None, False),
        ({"when": "true", "unless": '.reason == "GONE"'}, None, True),
        ({"when": "$error.body.busy"}, {"busy": True}, True),
        ({"when": "$error.body.busy"}, {"busy": False}, False),
        ({"when": ".title + 1"}, None, False),  # it fails
        ({"when": ".title"}, None, False),  # it gives no truth value
        ({"when": "syntax ("}, None, False),
    ],
)
def test_conditions_of_the_definition_say_whether(more: dict[str, str], answer: Any, tried: bool) -> None:
    given = letter(policy=msgspec.structs.replace(EVEN, **more), answer=None if answer is None else payload(answer))
    given["error"] = {**given["error"], "status": 503}
    assert (rules.due_ms(given, recovery.decode(given["recovery"]), NOW_MS, NOW_MS) is not None) is tried
