"""What a policy declares is what a system sees: for more than a thousand failing calls, how many requests there are,
with which key and how long after one another, from the system's ledger and from history.

Time is virtual, so that pauses of hours pass at once; the requests are real.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from schemas.codec import Codec
from schemas.ids import instance_id
from schemas.messages import DEAD_LETTER, START_INSTANCE
from schemas.steps import id_of
from streams.definitions import outcome_topic
from streams.definitions.deploy import described
from streams.ground.settings import Settings
from streams.language.graph import Graph
from streams.processors import ALL, call
from streams.processors.orchestrate import HISTORY, INBOX
from streams.runtime.declaration import Declaration, loaded
from streams.runtime.memory import MemoryRuntime
from streams.runtime.processor import Effects, FastProcessor, Message, Output, StateView
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.definitions import empty_book, load

HOSTED = ("orchestrate", "call", "recover")
EACH = 36  # instances of each policy
HOUR = 3_600_000


@dataclass(frozen=True)
class Case:
    """A policy, and the pauses that it means: the least and the most of each, in milliseconds."""

    policy: str
    pauses: Sequence[tuple[int, int]]


CASES = {
    "none": Case("{retries: 0}", []),
    "usual": Case("", [(0, 200), (0, 400)]),
    "constant": Case("{retries: 3, delay: PT1S, backoff: constant, jitter: none}", [(1_000, 1_000)] * 3),
    "linear": Case(
        "{retries: 4, delay: PT2S, backoff: linear, cap: PT5S, jitter: none}",
        [(2_000, 2_000), (4_000, 4_000), (5_000, 5_000), (5_000, 5_000)],
    ),
    "exponential": Case(
        "{retries: 6, delay: PT10M, cap: PT2H, jitter: none}",
        [(HOUR // 6 * n, HOUR // 6 * n) for n in (1, 2, 4, 8)] + [(2 * HOUR, 2 * HOUR)] * 2,
    ),
    "full-jitter": Case("{retries: 5, delay: PT1M, cap: PT4M}", [(0, 60_000 * n) for n in (1, 2, 4, 4, 4)]),
    "within": Case("{retries: 9, delay: PT1H, backoff: constant, jitter: none, within: PT150M}", [(HOUR, HOUR)] * 2),
}


@dataclass
class System:
    """Always busy. Its ledger has the time and the key of each request, by path."""

    ledger: dict[str, list[tuple[int, str | None]]] = field(default_factory=lambda: defaultdict(list))
    runtime: MemoryRuntime | None = None

    async def answer(self, request: web.Request) -> web.Response:
        assert self.runtime is not None
        self.ledger[request.path].append((self.runtime.now_ms(), request.headers.get("Idempotency-Key")))
        return web.json_response({}, status=429)


class Letters(FastProcessor):
    """Reads the dead letters as `recover` does: when each was written, by step."""

    declaration = Declaration(
        name="postman", summary="Tells when.", worker="tests", make="", reads=(call.DECLARATION.dead_letters,)
    )

    def __init__(self) -> None:
        self.written_ms: dict[str, list[int]] = defaultdict(list)

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        for message in batch:
            assert message.name == DEAD_LETTER
            self.written_ms[id_of(message.data)].append(message.record.timestamp_ms)
        return Effects([], {})


def definition(name: str, url: str) -> str:
    recovery = f", recovery: {CASES[name].policy}" if CASES[name].policy else ""
    return f"""
document: {{dsl: '1.0.3', namespace: tests, name: {name}, version: '1.0.0', metadata: {{onError: fault}}}}
do:
  - ask:
      call: http
      with: {{method: post, endpoint: '{url}/{name}/{{n}}'}}
      metadata: {{effect: keyed{recovery}}}
"""


def start(codec: Codec, graph: Graph, number: int) -> Output:
    instance = instance_id(graph.name, "/tests", str(number))
    fields = {
        "instance_id": instance, "workflow": graph.name, "version": graph.version, "digest": graph.digest,
        "source": "/tests", "event_id": str(number), "event_type": "tests.begun", "time_ms": 0,
        "data": payload({"n": number}),
    }  # fmt: skip
    return Output(INBOX, instance.encode(), codec.encode(START_INSTANCE, fields))


class Run:
    """All instances, to their end."""

    def __init__(self, system: System) -> None:
        self.codec, self.book = Codec.offline(), empty_book()
        made_with = context(self.codec, Settings(), self.book)
        self.letters = Letters()
        hosted = [loaded(each.make)(made_with) for each in ALL if each.name in HOSTED]
        self.runtime = MemoryRuntime([*hosted, self.letters], Settings(), self.codec, virtual_time=True)
        system.runtime = self.runtime
        self.retried: dict[str, list[dict[str, Any]]] = defaultdict(list)  # from history, by instance
        self.ended: dict[str, dict[str, Any]] = {}
        self.runtime.watch(HISTORY.name, self._history)
        self._all = asyncio.Event()

    async def through(self, url: str) -> dict[str, str]:
        """Starts them, and waits; gives the path of each instance."""
        paths, starts = {}, []
        for name in CASES:
            text = definition(name, url)
            graph = load(text)
            self.book.learn(described(graph, text, "tests", 0))
            self.runtime.watch(outcome_topic(name).name, self._outcome)
            for number in range(EACH):
                paths[instance_id(name, "/tests", str(number))] = f"/{name}/{number}"
                starts.append(start(self.codec, graph, number))
        self._count = len(starts)
        async with self.runtime.running() as failed:
            self.runtime.publish(starts)
            either: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._all.wait()), failed]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if failed.done():
                failed.result()
        return paths

    def _history(self, output: Output) -> None:
        _, entry = self.codec.decode(output.value or b"")
        for each in entry["transitions"]:
            if each["phase"] == "task.retried":
                self.retried[entry["instance_id"]].append(each["data"].value())

    def _outcome(self, output: Output) -> None:
        _, outcome = self.codec.decode(output.value or b"")
        self.ended[outcome["instance_id"]] = outcome
        if len(self.ended) == self._count:
            self._all.set()


@pytest.mark.slow
async def test_requests_keys_pauses_and_counts_are_those_of_the_policy() -> None:
    system = System()
    app = web.Application()
    app.router.add_post("/{policy}/{number}", system.answer)
    run = Run(system)
    async with TestServer(app) as server:
        paths = await run.through(str(server.make_url("/")).rstrip("/"))
    assert sum(len(each) for each in system.ledger.values()) == EACH * sum(len(c.pauses) + 1 for c in CASES.values())
    for instance, path in paths.items():
        case, requests = CASES[path.split("/")[1]], system.ledger[path]
        assert len(requests) == len(case.pauses) + 1, path
        step = f"{instance}/do/0/ask/0/0"
        assert {key for _, key in requests} == {step}, "one step has one key"
        told = run.retried[instance]
        assert [each["retry"] for each in told] == list(range(1, len(case.pauses) + 1))
        due = [round(datetime.fromisoformat(each["at"]).timestamp() * 1_000) for each in told]
        written = run.letters.written_ms[step]
        assert len(written) == len(requests), "a letter for each failure"
        for at_ms, failed_ms, (least, most) in zip(due, written, case.pauses, strict=False):
            assert least <= at_ms - failed_ms <= most, f"{path}: {at_ms - failed_ms} ms"
        assert all(asked >= at_ms for (asked, _), at_ms in zip(requests[1:], due, strict=True)), "never early"
        assert all(later >= earlier for (earlier, _), (later, _) in pairwise(requests))
        assert run.ended[instance]["error"]["reason"] == "RATE_LIMITED"
    spread = {run.retried[instance][0]["at"] for instance, path in paths.items() if path.startswith("/full-jitter")}
    assert len(spread) > EACH // 2, "jitter keeps those that fail together apart"
