"""Two machines on one Kafka, with one read model in PostgreSQL: one is lost, the database stands still, and refuses."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout
from confluent_kafka import Producer
from sqlalchemy import create_engine

from infra.local import ports
from infra.sandbox.applications import applications
from schemas.codec import Codec
from schemas.ids import partition_of
from schemas.messages import STEP_COMMAND
from streams import catalogue
from streams.ground.kafka import client_config
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.ground.topic import step_topic
from streams.readmodel.projection import METADATA
from tests.crash.workers import Workers
from tests.support import brokers
from tests.support.data import payload
from tests.support.postgresql import Server
from tests.support.told import id_of
from tests.support.waiting import PATIENCE_S

MACHINES = ("one", "two")
GATEWAY = "gateway"
TASKS = 16  # of each kind: some on every partition
ASK = ClientTimeout(total=10)
LOOK_S = 0.05


class Machines:
    """Two machines that host the view and the tasks of people, and a gateway."""

    def __init__(self, settings: Settings, folder: Path, url: str) -> None:
        self.settings = settings
        self._folder = folder
        (port,) = ports.new(1)
        self.gateway = f"http://{settings.host}:{port}"
        environ = {
            "EXLIFY_BOOTSTRAP": settings.bootstrap,
            "EXLIFY_REGISTRY_URL": "none",
            "EXLIFY_VIEW_URL": url,
            "EXLIFY_GATEWAY_PORT": str(port),
            "EXLIFY_SESSION_TIMEOUT_MS": "2000",
        }
        self.workers = Workers(self._argv, environ, folder)

    def start(self) -> None:
        """Starts everything."""
        for name in (*MACHINES, GATEWAY):
            self.workers.start(name, restarts=False, EXLIFY_DATA_DIR=str(self._folder / name))

    def _argv(self, name: str) -> tuple[str, ...]:
        if name == GATEWAY:
            return "-m", "streams.cli", "gateway"
        return "-m", "streams.cli", "worker", "view,human", "--port-file", str(self._port_file(name))

    def _port_file(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    async def asked(self, http: ClientSession, name: str, path: str) -> str:
        """What a machine answers; nothing while it does not."""
        try:
            base = json.loads(self._port_file(name).read_text())["metrics"].removesuffix("/metrics")
            async with http.get(f"{base}{path}") as reply:
                return await reply.text()
        except (ClientError, FileNotFoundError):
            return ""

    async def until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        """Waits for something that can be seen."""
        deadline = time.monotonic() + PATIENCE_S
        while not await condition():
            assert time.monotonic() < deadline, f"not in {PATIENCE_S:.0f} s: {what}\n{self.workers.log_tails()}"
            await asyncio.sleep(LOOK_S)

    async def shares(self, http: ClientSession) -> bool:
        """Whether each machine has partitions of both processors."""
        wanted = [f'exlify_lanes{{processor="{name}"}}' for name in ("view", "human")]
        shown = [(await self.asked(http, each, "/metrics")).splitlines() for each in MACHINES]
        return all(
            any(line.startswith(lanes) and not line.endswith(" 0.0") for line in lines)
            for lines in shown
            for lanes in wanted
        )

    def ask_people(self, numbers: Iterable[int]) -> None:
        """Commands that make a task for each number."""
        producer, codec = Producer(client_config(self.settings)), Codec.offline()
        for number in numbers:
            arguments = {"team": "credit", "title": "Look", "outcomes": ["done"]}
            command = {
                "instance_id": id_of(number), "pointer": "/do/0/ask", "iteration": 0, "attempt": 0, "function": "human",
                "arguments": payload(arguments), "workflow": "w", "version": "1", "digest": "d",
            }  # fmt: skip
            partition = partition_of(id_of(number), self.settings.partitions)
            value = codec.encode(STEP_COMMAND, command)
            producer.produce(step_topic("human").name, value, id_of(number).encode(), partition)
        producer.flush(PATIENCE_S)


@pytest.fixture
def machines(tmp_path: Path, postgresql: Server) -> Iterator[Machines]:
    METADATA.drop_all(create_engine(postgresql.url))
    with brokers.chosen(tmp_path).kafka() as bootstrap:
        settings = Settings(bootstrap=bootstrap, registry_url="none")
        asyncio.run(provision(settings, catalogue.topics(settings)))
        ours = Machines(settings, tmp_path, postgresql.url)
        yield ours
        ours.workers.kill_all()
    METADATA.drop_all(create_engine(postgresql.url))


@pytest.mark.broker
@pytest.mark.slow
async def test_tasks_stay_in_reach_whatever_happens_to_a_machine_and_the_database(
    machines: Machines, postgresql: Server
) -> None:
    async with ClientSession(timeout=ASK) as http:

        async def tasks(status: str) -> set[str]:
            query = {"status": status, "limit": "500"}
            try:
                async with http.get(f"{machines.gateway}/v1/tasks", params=query) as reply:
                    found = (await reply.json()).get("tasks", ())
            except ClientError:
                return set()  # not up yet
            return {each["instance_id"] for each in found}

        async def says(word: str) -> bool:
            return word in await machines.asked(http, "two", "/readyz")

        async def gateway_says(status: int, method: str, path: str, **sent: Any) -> bool:
            try:
                async with http.request(method, f"{machines.gateway}{path}", **sent) as reply:
                    return reply.status == status
            except ClientError:
                return False  # not up yet

        postgresql.stop()
        try:
            machines.start()
            await machines.until(lambda: says("read model: does not answer"), "a view that waits for its database")
            await machines.until(lambda: gateway_says(503, "GET", "/v1/tasks"), "a gateway that knows of no tasks now")
            event = next(applications(seed=1, count=1))
            kind = {"Content-Type": "application/cloudevents+json"}
            assert await gateway_says(202, "POST", "/v1/events", data=json.dumps(event), headers=kind)
        finally:
            postgresql.start()

        first, second, third = ({id_of(number) for number in _numbers(turn)} for turn in range(3))
        await machines.until(lambda: machines.shares(http), "shares of both machines")
        machines.ask_people(_numbers(0))
        await machines.until(lambda: _equals(tasks("open"), first), "tasks of both machines")

        machines.workers.kill("one")
        assert await tasks("open") == first
        await asyncio.gather(*(_complete(http, machines.gateway, each) for each in sorted(first)))
        machines.ask_people(_numbers(1))
        await machines.until(lambda: _equals(tasks("completed"), first), "answers to the tasks of both")
        await machines.until(lambda: _equals(tasks("open"), second), "new tasks, all with the machine that is left")

        with postgresql.frozen():
            machines.ask_people(_numbers(2))
            await machines.until(lambda: says("the read model does not answer"), "the database that stands still")
        await machines.until(lambda: _equals(tasks("open"), second | third), "tasks of the time meanwhile")

        engine = create_engine(postgresql.url)
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE tasks RENAME COLUMN workflow TO process")
        machines.ask_people(_numbers(3))
        await machines.until(lambda: says("table tasks"), "the table that takes nothing")
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE tasks RENAME COLUMN process TO workflow")
        await machines.until(lambda: says("ready\n"), "a view that goes on")
        await machines.until(lambda: _has(tasks("open"), 3 * TASKS), "all tasks")
        assert machines.workers.exit_code("two") is None, machines.workers.log_tails()


def _numbers(turn: int) -> range:
    return range(turn * TASKS, (turn + 1) * TASKS)


async def _equals(found: Awaitable[set[str]], wanted: set[str]) -> bool:
    return await found == wanted


async def _has(found: Awaitable[set[str]], count: int) -> bool:
    return len(await found) == count


async def _complete(http: ClientSession, gateway: str, instance_id: str) -> None:
    """As often as it takes: whoever had the task may be gone."""
    path = f"{gateway}/v1/tasks/{quote(f'{instance_id}/do/0/ask/0/0')}/complete"
    answer: dict[str, Any] = {"outcome": "done", "actor": "kim"}
    async with http.post(path, json=answer, headers={"Idempotency-Key": instance_id}) as reply:
        assert reply.status in (200, 202), await reply.text()
