"""`exlify up`: servers, workers and gateway of a local system, under one supervisor.

The plan of processes stands here; how processes are kept running is infra/local/supervisor.py's business.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli._output import echo
from streams.cli._sharing import not_shared, others_there
from streams.cli._steps import BUNDLED, own_steps, step_places, steps_option
from streams.cli._watching import exporter, watching_with
from streams.ground.interpreter import REMEDY, built_plainly
from streams.ground.terminal import has_colours, visible

if TYPE_CHECKING:
    from infra.local.child import ChildSpec
    from infra.local.datafolder import DataFolder
    from infra.local.process import Launch
    from infra.local.server import Server
    from infra.local.supervisor import Stage, Supervisor
    from streams.cli._workers import Wanted
    from streams.ground.settings import Settings

OUTSIDE_ANSWERS_S = 8.0  # a Kafka that is elsewhere is there already, or its address is wrong
ASK_S = 2.0  # a worker, what waits for it
SANDBOX = "sandbox"
STOP_GRACE_S = 35.0  # more than the lanes of a worker have to finish; one that is killed leaves its calls in doubt


@click.command(
    epilog="""\b
Examples:
  exlify up                     everything on this machine, data in .exlify
  exlify up --fresh --demo      begin anew, with the sample systems and applications that arrive
  exlify up --workers steps=2   two processes for steps from the beginning; --workers 1: never more than one of a kind
  EXLIFY_BOOTSTRAP=kafka-1:9092 EXLIFY_REGISTRY_URL=none exlify up     workers only, on an outside cluster
"""
)
@click.option("--fresh", is_flag=True, help="Empty the data folder first; asks before it does.")
@click.option("--yes", is_flag=True, help="Empty it without asking.")
@click.option("--demo", is_flag=True, help="Start the sample systems outside, too, and let applications arrive.")
@click.option("--watch", is_flag=True, help="Start Prometheus, too, where it is installed.")
@click.option(
    "--workers",
    "workers",
    multiple=True,
    metavar="[KIND=]N",
    help="At most N of a kind; another one joins once work has waited for those that are there. By default one for each"
    " core, and only while a core is free. With a kind (steps, engine): exactly N of it. May be repeated.",
)
@steps_option
def command(fresh: bool, yes: bool, demo: bool, watch: bool, workers: Sequence[str], places: Sequence[Path]) -> None:
    """Start a local system and keep it running until Ctrl-C or `exlify down`.

    Without EXLIFY_BOOTSTRAP, a Kafka broker and a schema registry of its own come with it. The sample systems of an
    earlier --demo come again with what they hold.
    """
    echo("exlify   | starting")
    from infra.local.datafolder import DataFolder
    from infra.local.errors import LocalError
    from streams.catalogue import load_settings, shared_workers
    from streams.cli._workers import read as read_workers
    from streams.ground.errors import UnavailableError, UsageError
    from streams.ground.settings import keep_private, on_stderr
    from streams.processors import own

    keep_private()
    settings = load_settings()
    own_steps(places, settings)  # a faulty file is told before anything is started
    wanted = read_workers(workers, (*shared_workers(), own.WORKER), settings.partitions)
    places = (*step_places(places, settings), *([BUNDLED] if demo else []))
    if own.WORKER in wanted.exactly and not places:
        raise UsageError(f"--workers: {own.WORKER!r} are for steps of your own, and there are none. Add --steps FILE.")
    folder = DataFolder(settings.data_dir)
    try:
        if fresh and not yes:
            _ask_to_empty(folder)
        with folder.occupied(fresh=fresh, tell=on_stderr):
            # Again, because the addresses of a system that was killed are gone now; what is to be said was said.
            asyncio.run(_up(load_settings(warn=lambda _: None), folder, demo, watch, places, wanted))
    except LocalError as error:
        raise UnavailableError(str(error)) from None


def _ask_to_empty(folder: DataFolder) -> None:
    """Raises UsageError where nobody is there to say yes, Abort where they say no."""
    from streams.ground.errors import UsageError

    held = folder.contents
    if not held or folder.holder is not None:  # a folder in use is refused later, whatever is said
        return
    if not sys.stdin.isatty():
        raise UsageError(f"--fresh would delete what is in {folder.path} ({', '.join(held)}). Add --yes to do so.")
    click.confirm(visible(f"Delete what is in {folder.path} ({', '.join(held)})?"), abort=True)


async def _up(
    settings: Settings, folder: DataFolder, demo: bool, watch: bool, places: Sequence[Path], wanted: Wanted
) -> None:
    from infra.local.supervisor import Stage, Supervisor
    from streams import catalogue
    from streams.ground.provision import look_at_cluster
    from streams.processors import own

    gateway_port = _gateway_port(settings)
    gateway_url = f"http://{settings.host}:{gateway_port}"
    kinds: dict[str, Sequence[str]] = {
        name: (",".join(processors),) for name, processors in catalogue.workers().items()
    }
    if places:
        kinds[own.WORKER] = (*(part for place in places for part in ("--steps", str(place))), "--reload")
    servers = _servers(settings, folder, watch)
    running = _Running(folder, kinds, wanted, gateway_url, servers)
    if settings.bootstrap:
        await asyncio.to_thread(look_at_cluster, settings, (), OUTSIDE_ANSWERS_S)
    others = await asyncio.to_thread(others_there, settings) if settings.bootstrap else 0
    sharing = not_shared(settings, others)
    for line in sharing if others else ():
        echo(line, err=True)
    comes_again = _comes_again(folder, demo)
    watching = watching_with(folder) if watch else None
    stages = [
        _infrastructure(settings, folder, servers, sandbox=demo or comes_again),
        Stage([_gateway(folder, gateway_port, gateway_url), *running.workers()], running.publish),
        *([_arrivals(folder)] if demo else []),
        *([watching[0]] if watching else []),
    ]

    def where_to_look(seconds: float) -> Sequence[str]:
        return [
            f"console    {gateway_url}/   (open it in a browser)",
            f"ready in {seconds:.1f} s",
            f"interface  {gateway_url}/openapi.json   (health: {gateway_url}/readyz, metrics: {gateway_url}/metrics)",
            *([f"prometheus {watching[1]}/   (dashboards for Grafana: infra/grafana)"] if watching else []),
            f"addresses  {folder.path / 'endpoints.json'}",
            f"logs       {folder.path / 'logs'}",
            "instances  exlify list     human tasks  exlify tasks     stop  Ctrl-C or exlify down",
            *(
                ["sandbox    the sample systems of an earlier --demo run, too; --fresh begins without them"]
                * comes_again
            ),
            *(sharing if not others else []),
            *([f"slow       this Python was built without optimisations: {REMEDY}"] if built_plainly() else []),
            *_how_to_find_the_command(),
        ]

    coloured = has_colours(sys.stdout)
    await Supervisor(folder, stages, visible, coloured=coloured, meanwhile=running.grow).run(where_to_look)


def _comes_again(folder: DataFolder, demo: bool) -> bool:
    """Whether sample systems of an earlier --demo start again: instances of it still need them."""
    return not demo and (folder.path / SANDBOX).is_dir()


def _how_to_find_the_command() -> list[str]:
    """A line for people who came by `make run` and have no `exlify` in their shell yet."""
    activate = Path(sys.executable).with_name("activate")
    return [] if shutil.which("exlify") or not activate.exists() else [f"first      source {activate}"]


def _servers(settings: Settings, folder: DataFolder, watch: bool) -> list[Server]:
    """The servers that the settings do not name: none on an outside cluster, whose registry is outside, too."""
    if settings.bootstrap:
        return []
    from infra.local.kafka import KafkaServer
    from infra.local.progress import on_stderr
    from infra.local.registry import RegistryServer
    from streams.ground.servers import ServerSettings

    ours = settings.of(ServerSettings)
    given = (folder.path, ours.cache_dir, on_stderr, None, ours.maven_repository)
    kafka = KafkaServer(*given, exporter=exporter(ours) if watch else None)
    return [kafka, *([] if settings.registry_url else [RegistryServer(*given)])]


def _infrastructure(settings: Settings, folder: DataFolder, servers: Sequence[Server], sandbox: bool) -> Stage:
    from infra.local.child import ChildSpec
    from infra.local.server import START_TIMEOUT_S
    from infra.local.supervisor import Stage
    from streams import catalogue
    from streams.ground.provision import provision as make_topics

    async def provision() -> None:
        addresses = {server.name: server.address for server in servers}
        bootstrap = addresses.get("kafka", settings.bootstrap)
        folder.publish({"kafka": bootstrap, "registry": addresses.get("registry", settings.registry_url or "none")})
        if sandbox:
            folder.publish({SANDBOX: json.loads(folder.port_file(SANDBOX).read_text())})
        found = replace(settings, bootstrap=bootstrap)
        await make_topics(found, catalogue.topics(found))

    children = [
        ChildSpec(
            each.name,
            each.prepare,
            each.answers,
            explain=each.explain_exit,
            start_timeout_s=START_TIMEOUT_S,
            captured=False,
        )
        for each in servers
    ]
    return Stage([*children, _sandbox(folder)] if sandbox else children, provision, "topics")


def _sandbox(folder: DataFolder) -> ChildSpec:
    port_file = folder.port_file(SANDBOX)
    arguments = ["infra.sandbox", "--data", str(folder.path / SANDBOX), "--port-file", str(port_file)]
    return _python(SANDBOX, folder, lambda: arguments, port_file.exists)


class _Running:
    """The workers of a system: which there are, and where each process of ours tells of itself."""

    def __init__(
        self,
        folder: DataFolder,
        kinds: Mapping[str, Sequence[str]],
        wanted: Wanted,
        gateway_url: str,
        servers: Sequence[Server],
    ) -> None:
        """`kinds`: what a worker of each kind is told to host."""
        self._folder = folder
        self._kinds = kinds
        self._wanted = wanted
        self._gateway_url = gateway_url
        self._servers = servers
        self._names = [name for kind in kinds for name in wanted.first(kind)]

    def workers(self) -> list[ChildSpec]:
        """Those that begin, each at the address that it had last time."""
        from infra.local import ports

        known = ports.remembered(self._folder.path / "metrics-ports.json", self._names)
        return [
            _worker(self._folder, name, what, known[name])
            for kind, what in self._kinds.items()
            for name in self._wanted.first(kind)
        ]

    async def publish(self) -> None:
        """Writes down where they are to be found."""
        from infra import prometheus

        metrics = {name: _metrics_url(self._folder, name) for name in self._names}
        metrics["gateway"] = f"{self._gateway_url}/metrics"
        self._folder.publish({"gateway": self._gateway_url, "metrics": metrics})
        of_servers = {each.name: url for each in self._servers if (url := each.metrics_url)}
        prometheus.write_targets(self._folder.path, metrics | of_servers)

    async def grow(self, supervisor: Supervisor) -> None:
        """Adds workers as long as the system runs."""
        from infra.local.errors import LocalError
        from streams.cli import _workers
        from streams.cli._client import told_at

        async def add(kind: str, name: str) -> None:
            try:
                await supervisor.add(_worker(self._folder, name, self._kinds[kind]))
            except LocalError as error:  # the others work on without it
                supervisor.say(str(error))
            else:
                self._names.append(name)
                await self.publish()

        await _workers.grow(
            self._wanted.kinds(self._kinds),
            lambda name: told_at(_metrics_url(self._folder, name), ASK_S).decode(),
            add,
            supervisor.say,
            _workers.always if self._wanted.believed else _workers.has_room,
        )


def _gateway(folder: DataFolder, port: int, url: str) -> ChildSpec:
    from infra.local.answering import answers

    return _python(
        "gateway",
        folder,
        lambda: ["streams.cli", "gateway"],
        lambda: answers(f"{url}/readyz"),
        {"EXLIFY_GATEWAY_PORT": str(port)},
    )


def _arrivals(folder: DataFolder) -> Stage:
    """What `--demo` shows once everything runs."""
    from infra.local.supervisor import Stage

    return Stage([_python("demo", folder, lambda: ["infra.sandbox.demo"], lambda: True)])


def _worker(folder: DataFolder, name: str, what: Sequence[str], metrics_port: int = 0) -> ChildSpec:
    """A worker that has its metrics at the same address after a restart, unless another program took it meanwhile."""
    from infra.local import ports
    from infra.local.answering import answers

    port_file = folder.port_file(name)

    def is_ready() -> bool:
        return port_file.exists() and answers(_metrics_url(folder, name).removesuffix("/metrics") + "/readyz")

    def arguments() -> Sequence[str]:
        port = metrics_port if ports.is_free(metrics_port) else 0
        return ["streams.cli", "worker", *what, "--name", name, f"--port={port}", f"--port-file={port_file}"]

    return _python(name, folder, arguments, is_ready)


def _metrics_url(folder: DataFolder, name: str) -> str:
    return str(json.loads(folder.port_file(name).read_text())["metrics"])


def _gateway_port(settings: Settings) -> int:
    """The gateway's port, known to be free; raises LocalError where another program has it."""
    from infra.local import ports
    from streams.gateway.settings import GatewaySettings

    port = settings.of(GatewaySettings).port
    if port == 0:
        return ports.new(1)[0]
    ports.require_free(port, "EXLIFY_GATEWAY_PORT", settings.host)
    return port


def _python(
    name: str,
    folder: DataFolder,
    arguments: Callable[[], Sequence[str]],
    answers: Callable[[], bool],
    env: dict[str, str] | None = None,
) -> ChildSpec:
    """A child that runs a module of ours; it finds the servers through the data folder's endpoints.json."""
    from infra.local.child import ChildSpec
    from infra.local.process import Launch

    environ = {"EXLIFY_DATA_DIR": str(folder.path), "PYTHONUNBUFFERED": "1"} | (env or {})

    def prepare() -> Launch:
        folder.port_file(name).unlink(missing_ok=True)
        return Launch((sys.executable, "-m", *arguments()), folder.path / "logs" / f"{name}.log", environ)

    return ChildSpec(name, prepare, answers, stop_grace_s=STOP_GRACE_S)
