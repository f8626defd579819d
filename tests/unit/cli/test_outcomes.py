"""Outcomes of several partitions come in the order of time, with few of them in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import chain
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from confluent_kafka import KafkaError, TopicPartition

from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import INSTANCE_OUTCOME, TIMER_FIRED
from schemas.samples import sample
from streams.cli import outcomes
from streams.ground.errors import UsageError
from streams.ground.settings import Settings
from tests.support.data import payload

CODEC = Codec.offline()


class Record(NamedTuple):
    """A record, or with an error the end of its partition."""

    number: int
    at_ms: int
    failure: KafkaError | None = None

    def partition(self) -> int:
        return self.number

    def timestamp(self) -> tuple[int, int]:
        return 1, self.at_ms

    def error(self) -> KafkaError | None:
        return self.failure


class Fetched:
    """A consumer that gives whole partitions, one behind the other, unless one is paused."""

    def __init__(self, partitions: Iterable[Iterable[int]]) -> None:
        end = KafkaError(KafkaError._PARTITION_EOF)
        self._left = {
            number: [*(Record(number, at_ms) for at_ms in times), Record(number, 0, end)]
            for number, times in enumerate(partitions)
        }
        self.paused: set[int] = set()
        self.held = self.most = 0

    def poll(self, _: float) -> Record | None:
        for number, left in self._left.items():
            if left and number not in self.paused:
                self.held += 1
                self.most = max(self.most, self.held)
                return left.pop(0)
        return None

    def pause(self, places: list[TopicPartition]) -> None:
        self.paused |= {place.partition for place in places}

    def resume(self, places: list[TopicPartition]) -> None:
        self.paused -= {place.partition for place in places}


def merged(consumer: Any, partitions: int) -> list[int]:
    times = []
    for message in outcomes._by_time(consumer, "t", set(range(partitions))):
        consumer.held -= 1
        times.append(message.timestamp()[1])
    return times


@pytest.mark.parametrize("partitions", [[[1, 4, 5], [2, 3, 6]], [[5], [], [1, 2]], [[], []], [[1]]])
def test_outcomes_come_in_the_order_of_time(partitions: list[list[int]]) -> None:
    assert merged(Fetched(partitions), len(partitions)) == sorted(chain(*partitions))


def test_partition_that_runs_ahead_waits_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "HELD", 10)
    partitions = [list(range(1, 200, 2)), list(range(0, 200, 2))]
    consumer = Fetched(partitions)
    assert merged(consumer, 2) == list(range(200))
    assert consumer.most < 40 and not consumer.paused


class Told(NamedTuple):
    """A record of an outcome topic."""

    number: int
    raw: bytes | None

    def topic(self) -> str:
        return "t"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.number

    def headers(self) -> list[tuple[str, bytes | None]]:
        return [("ce_id", None)]

    def value(self) -> bytes | None:
        return self.raw


def test_record_that_cannot_be_read_is_told_and_the_others_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    good = CODEC.encode(INSTANCE_OUTCOME, sample(current()[INSTANCE_OUTCOME]))
    another = CODEC.encode(TIMER_FIRED, sample(current()[TIMER_FIRED]))
    records = [Told(number, raw) for number, raw in enumerate((good, None, b"\0\0\0\0\x07x", another, good))]
    monkeypatch.setattr(outcomes, "with_kafka", Settings)
    monkeypatch.setattr(outcomes, "_messages", lambda *_: records)
    result = CliRunner(env={"EXLIFY_REGISTRY_URL": "none"}).invoke(outcomes.command, ["w", "--json"])
    told = result.stderr.splitlines()
    assert result.exit_code == 0 and len(result.stdout.splitlines()) == 2
    assert [line.partition("offset ")[2][0] for line in told] == ["1", "2", "3"]


def shown(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[list[str], str]:
    """Names of the instances of three outcomes that a list shows, and what is said beside it."""
    ended: dict[str, dict[str, Any]] = {
        "a": {"status": "completed", "output": payload({"decision": "approved", "risk": 0.1}), "error": None},
        "b": {"status": "completed", "output": payload({"decision": "on-hold", "risk": 0.7}), "error": None},
        "c": {"status": "cancelled", "output": None},
    }
    whole = sample(current()[INSTANCE_OUTCOME])
    values = [CODEC.encode(INSTANCE_OUTCOME, whole | {"instance_id": name} | fields) for name, fields in ended.items()]
    monkeypatch.setattr(outcomes, "with_kafka", Settings)
    monkeypatch.setattr(outcomes, "_messages", lambda *_: [Told(number, raw) for number, raw in enumerate(values)])
    result = CliRunner(env={"EXLIFY_REGISTRY_URL": "none"}).invoke(outcomes.command, ["w", "--json", *arguments])
    if result.exception is not None:
        raise result.exception
    return [json.loads(line)["instance_id"] for line in result.stdout.splitlines()], result.stderr


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], ["a", "b", "c"]),
        (["--status", "cancelled"], ["c"]),
        (["--status", "cancelled", "--status", "completed"], ["a", "b", "c"]),
        (["--where", ".output.risk > 0.5"], ["b"]),
        (["--where", '.output.decision == "approved"', "--status", "completed"], ["a"]),
    ],
)
def test_outcomes_are_narrowed(monkeypatch: pytest.MonkeyPatch, arguments: list[str], names: list[str]) -> None:
    assert shown(monkeypatch, *arguments) == (names, "")


def test_what_a_condition_cannot_be_asked_of_is_left_out_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    names, said = shown(monkeypatch, "--where", '.output.decision | startswith("a")')
    assert names == ["a"] and "left out, as --where cannot be asked of it: c" in said
    assert shown(monkeypatch, "--where", ".output.risk")[0] == []


@pytest.mark.parametrize("arguments", [["--where", ".output ="], ["--where", "env"], ["--since", "x"],
                                       ["--since", "1d", "--new"]])  # fmt: skip
def test_what_cannot_be_asked_is_refused(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        shown(monkeypatch, *arguments)
