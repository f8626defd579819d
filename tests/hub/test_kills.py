"""Whatever a connector does to a system outside, in each class of effect, by a worker that is killed with -9 meanwhile:
the ledger of the system says how often it was done.

Once in a moment of one's choice (the intent is written and nothing is sent, it is done and nobody has written that
down), all deeds together; and at random, many times.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from ruamel.yaml import YAML

from connectors.catalogue import CONNECTORS
from schemas.codec import Codec
from schemas.functions import EffectClass
from schemas.ids import partition_of
from schemas.messages import STEP_COMMAND
from schemas.reasons import Reason
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.processors import call, recover
from streams.processors.orchestrate import INBOX
from streams.runtime.parking import PARKING
from tests.hub.halted import AFTER, BEFORE
from tests.support.connector_cases import Case, Deed
from tests.support.connector_peers import REAL
from tests.support.data import payload
from tests.support.hosted import PARTITIONS, begun, worker
from tests.support.waiting import PATIENCE_S

LINES = tuple({*call.DECLARATION.topics(Settings()), *recover.DECLARATION.topics(Settings()), PARKING, call.PAUSES})
AT_ONCE = 100  # calls of one system: more than there are deeds, all of which stand at their moment
EACH = 20  # of every deed, where kills come at random
KILLS = 6

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@dataclass(frozen=True)
class Step:
    """A deed as the step of an instance."""

    pointer: str
    mark: str
    system: str
    deed: Deed

    def command(self, instance: str) -> bytes:
        """What a worker is told."""
        asked = self.deed.call(self.system, self.mark)
        function, given = self.deed.probe or ("", None)
        probe = given and {"function": function, "arguments": given(self.system, self.mark)}
        address = {"instance_id": instance, "pointer": self.pointer, "iteration": 0, "attempt": 0}
        rest = {
            "function": asked.function, "arguments": payload(dict(asked.arguments)),
            "effect": asked.effect and asked.effect.value, "workflow": "w", "version": "1", "digest": "d",
            "probe": probe and payload(probe),
        }  # fmt: skip
        return Codec.offline().encode(STEP_COMMAND, {**address, **rest})


class Systems:
    """All that connectors are driven against, as one site."""

    def __init__(self, cases: Mapping[str, Case], folder: Path) -> None:
        self._cases = cases
        self._folder = folder
        usual = {"concurrency": AT_ONCE}
        entries = {
            name: {"url": f"${{file:{name}.url}}", **usual, **(case.entry or {})} for name, case in cases.items()
        }
        for case in cases.values():
            beside = {name: url for name, url in case.connections.items() if name not in ("here", "nowhere")}
            entries |= {name: {"url": url} for name, url in beside.items()}
        urls = {f"{name}.url": case.connections["here"] for name, case in cases.items()}
        for files in (urls, *(case.files or {} for case in cases.values())):
            for name, content in files.items():
                (folder / name).write_text(content)
                (folder / name).chmod(0o600)
        with (folder / "connections.yaml").open("w") as file:
            YAML(typ="safe").dump(entries, file)

    def steps(self, *names: str) -> list[Step]:
        """Every deed at every system, once for each of the names."""
        pairs = [(driven.name, deed) for driven in REAL if driven.name in self._cases for deed in driven.deeds]
        made = [
            Step(f"/do/{number}/{name}", uuid.uuid4().hex, system, deed)
            for number, (system, deed) in enumerate(pairs)
            for name in names
        ]
        for each in made:
            self._cases[each.system].lays_out(each.mark)
        return made

    async def ledger(self, step: Step) -> Sequence[str]:
        """What its system has of it, each by what it knows a second one by."""
        return await self._cases[step.system].has(step.mark)


@pytest.fixture
async def systems(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Systems]:
    async with AsyncExitStack() as stack:
        cases = {}
        for driven in (each for each in REAL if each.connector in CONNECTORS):
            folder = tmp_path / driven.name
            folder.mkdir()
            cases[driven.name] = await stack.enter_async_context(driven.opened(request, folder))
        yield Systems(cases, tmp_path)


@dataclass
class Asked:
    """Steps of one instance that workers are to carry out, and what they say of them."""

    kafka: str
    instance: str
    folder: Path

    @property
    def number(self) -> int:
        """The partition of the instance."""
        return partition_of(self.instance, PARTITIONS)

    @property
    def environ(self) -> dict[str, str]:
        """What workers are started with."""
        return {
            "EXLIFY_SITE_DIR": str(self.folder),
            "EXLIFY_CALL_CONCURRENCY": "256",  # all of them stand at their moment at once,
            "EXLIFY_STALL_TIMEOUT_MS": "600000",  # which is no stall, however slow the systems are to start
        }

    def publish(self, steps: Sequence[Step]) -> None:
        """Tells them all."""
        producer = Producer({"bootstrap.servers": self.kafka})
        for each in steps:
            producer.produce(
                call.DECLARATION.commands.name, each.command(self.instance), self.instance.encode(), self.number
            )
        assert producer.flush(PATIENCE_S) == 0

    def results(self, count: int) -> dict[str, dict[str, Any]]:
        """The first so many results on the inbox, by the pointer of their task; a second one is the same."""
        consumer = Consumer({"bootstrap.servers": self.kafka, "group.id": "reader"})
        consumer.assign([TopicPartition(INBOX.name, self.number, 0)])
        codec, found, deadline = Codec.offline(), dict[str, dict[str, Any]](), time.monotonic() + PATIENCE_S
        while len(found) < count:
            assert time.monotonic() < deadline, f"only {len(found)} of {count} results came"
            record = consumer.poll(1)
            if record is None:
                continue
            assert record.error() is None
            if record.key() != self.instance.encode():
                continue  # of another test on the same broker
            _, data = codec.decode(record.value() or b"")
            before = found.setdefault(data["pointer"], data)
            assert _word(before) == _word(data), "two words of one step"
        consumer.close()
        return found


def _word(result: Mapping[str, Any]) -> tuple[str, str]:
    return result["status"], "" if result["error"] is None else result["error"]["reason"]


@pytest.fixture
async def asked(kafka: str, tmp_path: Path) -> Asked:
    settings = Settings(bootstrap=kafka, partitions=PARTITIONS)
    await provision(settings, LINES)
    return Asked(kafka, uuid.uuid4().hex, tmp_path)


async def test_killed_between_intent_and_result(asked: Asked, systems: Systems, tmp_path: Path) -> None:
    steps = systems.steps(BEFORE, AFTER)
    assert {each.deed.effect for each in steps} == {*EffectClass} - {EffectClass.READ}
    asked.publish(steps)
    data = tmp_path / "data"
    with begun(asked.kafka, data, "-m", "tests.hub.halted", str(len(steps)), **asked.environ) as process:
        assert await asyncio.to_thread(process.wait, PATIENCE_S) == -signal.SIGKILL
    for each in steps:
        assert len(await systems.ledger(each)) == (1 if each.pointer.endswith(AFTER) else 0), each
    with worker(asked.kafka, data, **asked.environ):
        found = await asyncio.to_thread(asked.results, len(steps))
    for each in steps:
        ledger, word = await systems.ledger(each), _word(found[each.pointer])
        if each.deed.effect is EffectClass.BLIND:
            assert word == ("faulted", Reason.OUTCOME_UNKNOWN), each
            assert len(ledger) == (1 if each.pointer.endswith(AFTER) else 0), each
        else:
            assert word == ("completed", ""), (each, found[each.pointer])
            assert len(set(ledger)) == 1, (each, ledger)


@pytest.mark.crash
async def test_killed_at_random(asked: Asked, systems: Systems, tmp_path: Path) -> None:
    seed = int(os.environ.get("EXLIFY_CRASH_SEED") or random.SystemRandom().randrange(10**6))
    print(f"EXLIFY_CRASH_SEED={seed} repeats this", file=sys.stderr)
    steps = systems.steps(*(f"n{number}" for number in range(EACH)))
    chance = random.Random(seed)
    chance.shuffle(steps)
    kills = sorted(chance.sample(range(len(steps) // 20, len(steps) * 9 // 10), KILLS))
    asked.publish(steps)
    data = tmp_path / "data"
    for count in kills:
        with worker(asked.kafka, data, **asked.environ) as process:
            await asyncio.to_thread(asked.results, count)
            assert process.poll() is None
    with worker(asked.kafka, data, **asked.environ):
        found = await asyncio.to_thread(asked.results, len(steps))
    doubts = 0
    for each in steps:
        ledger, word = await systems.ledger(each), _word(found[each.pointer])
        if word == ("faulted", Reason.OUTCOME_UNKNOWN):
            assert each.deed.effect is EffectClass.BLIND and len(ledger) <= 1, each
            doubts += 1
        elif each.deed.effect is EffectClass.BLIND:
            assert word == ("completed", "") and len(ledger) == 1, each
        else:
            assert word == ("completed", "") and len(set(ledger)) == 1, (each, ledger)
    print(f"{len(steps)} steps, {KILLS} kills, {doubts} in doubt", file=sys.stderr)
