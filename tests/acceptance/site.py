"""A whole site in test size: a broker, the sample systems outside, every worker and the gateway as processes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout
from sqlalchemy import create_engine, text

from infra.local import ports
from infra.local.process import Launch, Process
from schemas.business import EventTypes
from schemas.cloudevents import CloudEvent
from schemas.codec import Codec
from streams import catalogue
from streams.cli._steps import BUNDLED
from streams.definitions.deploy import deploy
from streams.ground.provision import provision
from streams.ground.publish import Outgoing, Publisher
from streams.ground.settings import Settings
from streams.ground.topic import Topic
from streams.processors import own
from streams.processors.call.connections import ConnectionSettings
from streams.processors.intake import business_topic
from streams.readmodel.settings import read_model_url
from streams.runtime.declaration import Declaration
from streams.runtime.processor import Record
from streams.steps.loading import load_steps
from tests.acceptance.cases import ROOT
from tests.crash.logs import Log
from tests.crash.workers import Workers
from tests.support.waiting import PATIENCE_S

GATEWAY = "gateway"
STEPS = load_steps([BUNDLED])
WORKERS = {
    **{name: (",".join(hosted),) for name, hosted in catalogue.workers().items()},
    own.WORKER: ("--steps", str(BUNDLED)),
}
OUTSIDE = ("identity", "erp", "mail")
LOOK_S = 0.05
ASK = ClientTimeout(total=30)
WORKFLOWS = tuple(sorted((ROOT / "streams" / "workflows").glob("*.yaml")))


class Site:
    """Runs until its context ends. All its processes can be killed and started by name."""

    def __init__(
        self,
        settings: Settings,
        sandbox: Mapping[str, str],
        gateway_port: int,
        environ: Mapping[str, str],
        names: Sequence[str] = (*WORKERS, GATEWAY),
        program: str = "streams.cli",
    ) -> None:
        """`names` are its processes; `engine-2` is one more of the kind `engine`. `program` is what they run."""
        self.settings = settings
        self.sandbox = sandbox
        self.gateway = f"http://{settings.host}:{gateway_port}"
        self.names = tuple(names)
        self._program = program
        self.codec = Codec.offline()
        self.environ = environ
        self.workers = Workers(self._argv, environ, settings.data_dir / "logs")

    def _argv(self, name: str) -> tuple[str, ...]:
        if name == GATEWAY:
            return "-m", self._program, "gateway"
        file = self._port_file(name)
        file.unlink(missing_ok=True)
        return "-m", self._program, "worker", *WORKERS[_kind(name)], "--name", name, "--port-file", str(file)

    def _port_file(self, name: str) -> Path:
        return self.settings.data_dir / f"{name}.json"

    def _url(self, name: str) -> str | None:
        if name == GATEWAY:
            return self.gateway
        try:
            return str(json.loads(self._port_file(name).read_text())["metrics"]).removesuffix("/metrics")
        except FileNotFoundError:
            return None

    # --- its processes

    def start(self, name: str) -> None:
        """Starts a worker or the gateway; `ready` tells when it works."""
        self.workers.start(name, restarts=False)

    def kill(self, name: str) -> None:
        """Ends a process as a crash would, and starts it again."""
        self.workers.kill(name)
        self.start(name)

    async def ready(self, *names: str) -> None:
        """Returns once the named processes (default: all) have their partitions and their state, and answer."""
        async with ClientSession(timeout=ASK) as http:
            for name in names or self.names:
                await self.until(partial(self._answers, http, name), f"{name} ready")

    async def _answers(self, http: ClientSession, name: str) -> bool:
        url = self._url(name)
        try:
            return url is not None and (await http.get(f"{url}/readyz")).status == 200
        except ClientError:
            return False

    async def applied(self, name: str, file: str) -> bool:
        """Whether a process has taken over what stands in a file of the site folder now."""
        digest = hashlib.sha256((self.settings.data_dir / "site" / file).read_bytes()).hexdigest()[:12]
        async with ClientSession(timeout=ASK) as http:
            metrics = await (await http.get(f"{self._url(name)}/metrics")).text()
        return f'exlify_site_file_info{{digest="{digest}",file="{file}"}} 1.0' in metrics

    async def deploy(self, *definitions: str) -> None:
        """Deploys definitions, one after the other; events that come afterwards start them."""
        async with Publisher(self.settings) as publisher:
            for each in definitions:
                await deploy(publisher, self.codec, self.settings, each, catalogue.FUNCTIONS, by="acceptance")

    async def publish(self, events: Iterable[CloudEvent]) -> None:
        """Writes events on their topics, as any Kafka producer may."""
        types = EventTypes.load()
        encoded = [types.encode_event(self.codec, event) for event in events]
        async with Publisher(self.settings) as publisher:
            await publisher.publish(Outgoing(business_topic(e.topic), e.key, e.value, e.headers) for e in encoded)

    async def until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        """Waits for something that can be seen; fails with the workers' last words when it cannot come any more."""
        deadline = time.monotonic() + PATIENCE_S
        while not await condition():
            self.check_alive()
            if time.monotonic() > deadline:
                raise AssertionError(f"not in {PATIENCE_S:.0f} s: {what}\n{self.workers.log_tails()}")
            await asyncio.sleep(LOOK_S)

    def check_alive(self) -> None:
        """Fails when a process has ended that nobody has killed."""
        ended = {name: code for name in self.names if (code := self.workers.exit_code(name)) is not None}
        assert not ended, f"ended by themselves: {ended}\n{self.workers.log_tails()}"

    async def command(self, *arguments: str) -> list[dict[str, Any]]:
        """What a command prints that succeeds, line by line."""
        environ = {**os.environ, "EXLIFY_GATEWAY_URL": self.gateway, "EXLIFY_DATA_DIR": str(self.settings.data_dir)}
        argv = (sys.executable, "-m", "streams.cli", *arguments)
        process = await asyncio.create_subprocess_exec(*argv, cwd=ROOT, env=environ, stdout=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        return [json.loads(line) for line in said.splitlines()]

    # --- what can be seen of it

    async def ledger(self, system: str) -> dict[str, Any]:
        """What an outside system has been asked and has done."""
        async with ClientSession(timeout=ASK) as http:
            reply = await http.get(f"{self.sandbox['control']}/ledger/{system}", params={"limit": "10000"})
            found: dict[str, Any] = await reply.json()
            return found

    @asynccontextmanager
    async def slowed(self, latency: Mapping[str, int]) -> AsyncIterator[None]:
        """The systems outside take so long while the context lasts."""
        url = f"{self.sandbox['control']}/faults"
        async with ClientSession(timeout=ASK, raise_for_status=True) as http:
            for system in OUTSIDE:
                await http.post(url, json={"system": system, **latency})
            yield
            await http.delete(url)

    async def away(self, system: str, times: int) -> None:
        """A system refuses its next requests, so many of them; it is slow as before."""
        order = {"system": system, "error_rate": 1.0, "status": 503, "times": times}
        async with ClientSession(timeout=ASK, raise_for_status=True) as http:
            await http.post(f"{self.sandbox['control']}/faults", json=order)

    async def lost(self, system: str, times: int) -> None:
        """A system carries its next requests out, so many of them, and their answers are lost."""
        order = {"system": system, "error_rate": 1.0, "drop_connection": True, "when": "after", "times": times}
        async with ClientSession(timeout=ASK, raise_for_status=True) as http:
            await http.post(f"{self.sandbox['control']}/faults", json=order)

    def read(self, topic: Topic) -> list[Record]:
        """Every record that a topic holds now."""
        log = Log(self.settings.bootstrap, "acceptance")
        try:
            return log.read(topic.name, self._partitions(topic))
        finally:
            log.close()

    def decoded(self, topic: Topic, message: str) -> list[dict[str, Any]]:
        """The messages of a kind that a topic holds now."""
        found = [self.codec.decode(each.value) for each in self.read(topic) if each.value]
        return [data for name, data in found if name == message]

    async def sql(self, question: str) -> int:
        """A number that the read model answers to SQL."""

        def ask() -> int:
            engine = create_engine(read_model_url(self.settings))
            with engine.connect() as connection:
                found = int(connection.execute(text(question)).scalar_one())
            engine.dispose()
            return found

        return await asyncio.to_thread(ask)

    async def quiet(self) -> None:
        """Returns once every processor has committed everything there is to read: nothing is under way any more."""
        inputs = self._inputs()
        logs = {group: Log(self.settings.bootstrap, f"{self.settings.group_prefix}-{group}") for group in inputs}

        def is_quiet() -> bool:
            committed = [logs[group].committed(*topic) for group, topics in inputs.items() for topic in topics]
            return committed == [logs[group].ends(*topic) for group, topics in inputs.items() for topic in topics]

        try:
            await self.until(lambda: asyncio.to_thread(is_quiet), "every record finished")
        finally:
            for log in logs.values():
                log.close()

    def _inputs(self) -> dict[str, list[tuple[str, int]]]:
        """Topics and their partitions, by who reads them."""
        count = self.settings.partitions
        return {
            each.name: [(topic.name, 1 if topic.one_partition else count) for topic in each.inputs(self.settings)]
            for each in self.hosted
        }

    def _partitions(self, topic: Topic) -> int:
        return 1 if topic.one_partition else self.settings.partitions

    @property
    def hosted(self) -> list[Declaration]:
        """The processors that its workers host."""
        kinds = {_kind(name) for name in self.names if name != GATEWAY}
        return [each for each in catalogue.PROCESSORS.values() if each.worker in kinds]


async def ended(site: Site, worker: str) -> int | None:
    """The exit code of a worker that is about to end."""
    deadline = time.monotonic() + PATIENCE_S
    while (code := site.workers.exit_code(worker)) is None:
        if time.monotonic() > deadline:
            raise AssertionError(f"{worker} has not ended in {PATIENCE_S:.0f} s\n{site.workers.log_tails()}")
        await asyncio.sleep(LOOK_S)
    return code


def _kind(name: str) -> str:
    return name if name in WORKERS else name.rpartition("-")[0]


@contextmanager
def running(bootstrap: str, folder: Path, **environ: str) -> Iterator[Site]:
    """A site on a broker without topics of ours, with every workflow of the project deployed. Ends with its context."""
    with _sandbox(folder) as addresses, working(bootstrap, folder, addresses, WORKFLOWS, **environ) as site:
        yield site


@contextmanager
def working(
    bootstrap: str,
    folder: Path,
    systems: Mapping[str, str],
    workflows: Iterable[Path],
    names: Sequence[str] = (*WORKERS, GATEWAY),
    program: str = "streams.cli",
    **environ: str,
) -> Iterator[Site]:
    """The same with other systems outside, by name and address, and with other workflows and processes (see `Site`)."""
    given = Settings(bootstrap=bootstrap, registry_url="none", data_dir=folder)
    settings = given.with_(ConnectionSettings(urls=systems))
    asyncio.run(_prepare(settings, workflows))
    (port,) = ports.new(1)
    site = Site(settings, systems, port, _environ(settings, port) | environ, names, program)
    try:
        for name in site.names:
            site.start(name)
        asyncio.run(site.ready())
        yield site
    finally:
        site.workers.kill_all()


def _environ(settings: Settings, gateway_port: int) -> dict[str, str]:
    urls = settings.of(ConnectionSettings).urls
    connections = {f"EXLIFY_CONNECTION_{name.upper().replace('-', '_')}": url for name, url in urls.items()}
    return connections | {
        "EXLIFY_BOOTSTRAP": settings.bootstrap,
        "EXLIFY_REGISTRY_URL": "none",
        "EXLIFY_DATA_DIR": str(settings.data_dir),
        "EXLIFY_GATEWAY_PORT": str(gateway_port),
        # A worker that was killed is missed after two seconds instead of ten.
        "EXLIFY_SESSION_TIMEOUT_MS": "2000",
    }


async def _prepare(settings: Settings, workflows: Iterable[Path]) -> None:
    """Topics and definitions, before anybody reads them."""
    await provision(settings, (*catalogue.topics(settings), *catalogue.own_topics(settings, STEPS)))
    codec, functions = Codec.offline(), catalogue.functions(STEPS)
    async with Publisher(settings) as publisher:
        for file in workflows:
            await deploy(publisher, codec, settings, file.read_text(), functions, by="acceptance", file=str(file))


@contextmanager
def _sandbox(folder: Path) -> Iterator[dict[str, str]]:
    port_file = folder / "sandbox.json"
    argv = (sys.executable, "-m", "infra.sandbox", "--data", str(folder / "sandbox"), "--port-file", str(port_file))
    process = Process(Launch(argv, folder / "logs" / "sandbox.log"))
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not port_file.exists():
            assert process.exit_code is None and time.monotonic() < deadline, "the sandbox does not start"
            time.sleep(LOOK_S)
        yield json.loads(port_file.read_text())
    finally:
        process.kill()
