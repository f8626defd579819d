"""How many workers `exlify up` runs: what may be asked for, and when another one joins."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from streams import catalogue
from streams.cli import up
from streams.cli._workers import LOOKS, MANY, Kind, always, grow, read, waiting
from streams.ground.errors import UsageError
from streams.runtime.metrics import LAG
from tests.support.waiting import PATIENCE_S

SHARED = ("steps", "engine")


def told(records: int) -> str:
    """What a worker says for which so many records wait, on two topics."""
    half = records // 2
    return f"""# TYPE exlify_consumer_lag_records gauge
exlify_consumer_lag_records{{processor="call",topic="a"}} {half}.0
exlify_consumer_lag_records{{processor="call",topic="b"}} {records - half}.0
exlify_lanes{{processor="call"}} 16.0
"""


def test_read_model_stays_alone() -> None:
    assert set(catalogue.shared_workers()) == {"steps", "engine"}


def test_one_of_each_begins_and_kinds_begin_as_many_as_are_named() -> None:
    wanted = read(["4", "steps=2"], SHARED, 16)
    assert (wanted.most, wanted.believed) == (4, True)
    assert (wanted.first("steps"), wanted.first("engine")) == (["steps", "steps-2"], ["engine"])
    assert [(each.name, each.count, each.most) for each in wanted.kinds({"steps", "engine", "view"})] == [
        ("steps", 2, 2),
        ("engine", 1, 4),
    ]


def test_nobody_has_more_workers_than_partitions_or_cores_unasked() -> None:
    assert read([], SHARED, 1).most == 1
    assert not read([], SHARED, 16).believed


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("0", "'0' is no number of workers"),
        ("many", "'many' is no number"),
        ("steps=", "'' is no number"),
        ("steps=17", "17 cannot share 16 partitions (EXLIFY_PARTITIONS)"),
        ("view=2", "'view' is no kind of worker that there can be several of: engine, steps"),
        ("=2", "'' is no kind"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(given: str, named: str) -> None:
    with pytest.raises(UsageError) as refused:
        read([given], SHARED, 16)
    assert named in str(refused.value)


def test_what_waits_is_what_workers_tell() -> None:
    assert waiting(told(1_201)) == 1_201
    LAG.labels("call", "x").set(7)  # by the name under which it is really told
    assert waiting('exlify_consumer_lag_records{processor="call",topic="x"} 7.0\n') == 7


@pytest.mark.parametrize(
    ("waits", "joins"),
    [
        ([MANY] * LOOKS, True),
        ([MANY] * (LOOKS - 1), False),
        ([MANY - 1] * LOOKS, False),
        ([10_000, 9_000, 7_000], False),  # those that are there get through
        ([10_000, 9_000, 8_500], True),
        ([10_000, 12_000, 20_000], True),
    ],
)
def test_another_one_is_wanted_where_much_waits_and_does_not_become_less(waits: list[int], joins: bool) -> None:
    kind = Kind("steps", 1, 2)
    assert [kind.falls_behind(each) for each in waits][-1] is joins
    full = Kind("steps", 2, 2)
    assert not any(full.falls_behind(each) for each in waits)


async def test_workers_join_until_there_are_as_many_as_may_be() -> None:
    waits, said, added = {"steps": 4_000, "steps-2": 4_000, "engine": 0}, list[str](), list[tuple[str, str]]()

    async def add(kind: str, name: str) -> None:
        added.append((kind, name))

    kinds = [Kind("engine", 1, 1), Kind("steps", 1, 3)]
    waits["steps-3"] = 0
    async with asyncio.timeout(PATIENCE_S):
        await grow(kinds, lambda name: told(waits[name]), add, said.append, always, look_s=0)
    assert added == [("steps", "steps-2"), ("steps", "steps-3")]
    assert said[0].startswith("steps-2 joins: 4,000 records wait for steps")
    assert said[1].startswith("steps-3 joins: 8,000 records")


async def test_nobody_joins_while_the_machine_is_busy_or_a_worker_does_not_say_what_waits() -> None:
    added = list[str]()
    looks = 0

    def room() -> bool:
        nonlocal looks
        looks += 1
        return looks > 3

    def texts(name: str) -> str:
        nonlocal looks
        if name == "engine":
            raise OSError("away")
        return told(4_000)

    async def add(_: str, name: str) -> None:
        added.append(name)
        assert looks == 4

    kinds = [Kind("engine", 1, 2), Kind("steps", 1, 2)]
    growing = asyncio.create_task(grow(kinds, texts, add, lambda _: None, room, look_s=0))
    async with asyncio.timeout(PATIENCE_S):
        while not added:  # that is what is waited for
            await asyncio.sleep(0.001)
    growing.cancel()
    assert added == ["steps-2"]


def test_nobody_hosts_own_steps_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXLIFY_DATA_DIR", str(tmp_path))
    with pytest.raises(UsageError, match="there are none"):
        up.command.main(["--workers", "own-steps=2"], standalone_mode=False)
