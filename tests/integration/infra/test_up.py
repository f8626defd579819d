"""`exlify up` and `exlify down`, as a user runs them: a whole system comes, goes, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from infra.beneath import BENEATH
from infra.local import artifacts, ports
from infra.local.kafka import KafkaServer
from infra.panels import RATE
from tests.bench.peer import ledger_peer
from tests.support.servers import made
from tests.support.waiting import PATIENCE_S

pytestmark = [pytest.mark.broker, pytest.mark.slow]

EXLIFY = [sys.executable, "-m", "streams.cli"]
ROOT = Path(__file__).parents[3]
EVENTS = 1_500
WAITS = """
document: {dsl: 1.0.3, namespace: test, name: waits, version: 1.0.0}
schedule: {on: {one: {with: {type: test.waits.v1}}}}
do:
  - ask: {call: http, with: {method: get, endpoint: connection://slow/}}
"""
PROCESSES = {"kafka", "registry", "engine", "replay", "steps", "view", "gateway"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A folder of its own and any free port, and none of the developer's settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EXLIFY_")}
    cache = {"EXLIFY_CACHE_DIR": str(made(KafkaServer, tmp_path).cache_dir), "EXLIFY_SESSION_TIMEOUT_MS": "2000"}
    return inherited | cache | {"EXLIFY_DATA_DIR": str(tmp_path / "data"), "EXLIFY_GATEWAY_PORT": "0"}


def test_system_starts_answers_and_goes_down(environment: dict[str, str]) -> None:
    watched = {"prometheus"} if shutil.which("prometheus") else set()
    with _running(environment, "--watch") as system:
        endpoints = _endpoints(environment)
        assert set(endpoints["pids"]) == PROCESSES | watched
        if watched:
            # A machine that has not fetched the exporter, and cannot, watches all but the broker.
            told = {"registry"} | ({"kafka"} if _exporter(environment).exists() else set())
            _until(lambda: _watched(endpoints["prometheus"]) >= {"engine", "gateway"} | told)
            missing = [each for each in _beneath() if "kafka" in told or "kafka_" not in each]
            _until(lambda: not [each for each in missing if not _asked(endpoints["prometheus"], each)])
        with urllib.request.urlopen(f"{endpoints['gateway']}/readyz") as reply:
            assert reply.status == 200
        folder = Path(environment["EXLIFY_DATA_DIR"])
        assert [path for path in (folder, *folder.rglob("*")) if path.stat().st_mode & 0o077] == []
        status = _run(["status"], environment)
        lines = {line.split(None, 1)[1] for line in status.stdout.splitlines() if line.startswith("ok ")}
        assert status.returncode == 0, status.stdout + status.stderr
        assert {"process engine: ready", "kafka: takes records on every topic", "registry: answers"} <= lines
        second = _run(["up"], environment)
        assert (second.returncode, second.stderr.count("\n")) == (69, 1)
        assert "runs in this folder already" in second.stderr
        down = _run(["down"], environment)
        assert down.returncode == 0 and "Stopped" in down.stdout
        assert system.wait() == 0
        assert not _alive(endpoints["pids"])
    assert "Nothing runs" in _run(["down"], environment).stdout


def test_killed_system_leaves_no_process_and_comes_back(environment: dict[str, str]) -> None:
    with _running(environment) as system:
        pids = _endpoints(environment)["pids"]
        watches = [os.pidfd_open(pid) for pid in pids.values()]
        system.kill()
        for watch in watches:
            assert select.select([watch], [], [], PATIENCE_S)[0]
            os.close(watch)
    with _running(environment, "--workers", "steps=2"):
        assert set(_endpoints(environment)["pids"]) == PROCESSES | {"steps-2"}
        assert "process steps-2: ready" in _run(["status"], environment).stdout


def test_another_worker_joins_while_work_waits(environment: dict[str, str], tmp_path: Path) -> None:
    """Few calls at once, and each takes its time: what waits becomes less, but hardly."""
    (definition := tmp_path / "waits.yaml").write_text(WAITS)
    (events := tmp_path / "events.jsonl").write_text("{}\n" * EVENTS)
    slow = environment | {"EXLIFY_CALL_CONCURRENCY": "2"}
    with ledger_peer(after_s=0.2) as peer, _running(slow | {"EXLIFY_CONNECTION_SLOW": peer.url}, "--workers", "2"):
        for command in (["deploy", str(definition)], ["publish", "test.waits.v1", "--file", str(events)]):
            done = _run(command, environment)
            assert done.returncode == 0, done.stderr
        _until(lambda: "steps-2" in _endpoints(environment)["metrics"])
        told = _endpoints(environment)["metrics"]
        assert "engine-2" not in told  # for the engine, nothing waits
        shares = [told["steps"], told["steps-2"]]
        _until(lambda: all('exlify_lanes{processor="call"} 2.0' in _text(each) for each in shares))


def test_taken_port_is_one_line_with_the_remedy(environment: dict[str, str]) -> None:
    (port,) = ports.new(1)
    with _listening(port):
        done = _run(["up"], environment | {"EXLIFY_GATEWAY_PORT": str(port)})
    assert done.returncode == 69
    assert done.stderr == (
        f"exlify: 127.0.0.1:{port}: another program listens on this port."
        " Stop it, or set EXLIFY_GATEWAY_PORT to another port (0: any).\n"
    )


def test_outside_cluster_gets_no_local_servers_and_a_restart_the_same_address(
    environment: dict[str, str], kafka: str
) -> None:
    outside = environment | {"EXLIFY_BOOTSTRAP": kafka, "EXLIFY_REGISTRY_URL": "none", "EXLIFY_GROUP_PREFIX": "outside"}
    with _running(outside):
        assert set(_endpoints(environment)["pids"]) == PROCESSES - {"kafka", "registry"}
        before = _endpoints(environment)
        assert _warning_of_another(outside | {"EXLIFY_DATA_DIR": f"{environment['EXLIFY_DATA_DIR']}-2"}) == (
            "! Another system works on this Kafka (1 of the read model). Give both the same\n"
        )
        os.kill(before["pids"]["view"], signal.SIGKILL)
        _until(lambda: _endpoints(environment)["pids"]["view"] != before["pids"]["view"])
        _until(lambda: _answers(before["metrics"]["view"]))


def _warning_of_another(environment: Mapping[str, str]) -> str:
    """What a second system is told before it starts anything."""
    second = subprocess.Popen([*EXLIFY, "up"], env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        assert second.stderr is not None
        return next(line for line in second.stderr if line.startswith("!"))
    finally:
        second.send_signal(signal.SIGTERM)
        second.communicate()


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _text(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as reply:
        return str(reply.read().decode())


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def _exporter(environment: Mapping[str, str]) -> Path:
    (jar,) = artifacts.locked("jmx")
    return jar.path(Path(environment["EXLIFY_CACHE_DIR"]))


def _beneath() -> list[str]:
    """What the dashboard of Kafka asks."""
    panels = [panel for row in BENEATH.values() for panel in row]
    return [query.replace(RATE, "1m") for panel in panels for query, _ in panel.queries]


def _asked(prometheus: str, query: str) -> list[Any]:
    with urllib.request.urlopen(
        f"{prometheus}/api/v1/query?{urlencode({'query': query})}", timeout=PATIENCE_S
    ) as reply:
        found: list[Any] = json.load(reply)["data"]["result"]
        return found


def _watched(prometheus: str) -> set[str]:
    with urllib.request.urlopen(f"{prometheus}/api/v1/targets", timeout=PATIENCE_S) as reply:
        return {each["labels"]["process"] for each in json.load(reply)["data"]["activeTargets"]}


@contextmanager
def _running(environment: Mapping[str, str], *options: str) -> Iterator[subprocess.Popen[str]]:
    """`exlify up`, from the moment at which it says that it is ready; asked to stop at the end."""
    system = subprocess.Popen([*EXLIFY, "up", *options], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert system.stdout is not None
        said = []
        for line in system.stdout:
            said.append(line)
            if "ready in" in line:
                break
        else:
            pytest.fail("".join(said))
        yield system
    finally:
        system.send_signal(signal.SIGTERM)
        system.communicate()


def _run(arguments: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*EXLIFY, *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def _endpoints(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(environment["EXLIFY_DATA_DIR"], "endpoints.json").read_text())
    return found


def _alive(pids: Mapping[str, int]) -> set[str]:
    return {name for name, pid in pids.items() if Path(f"/proc/{pid}").exists()}


@contextmanager
def _listening(port: int) -> Iterator[None]:
    with socket.create_server((ports.LOOPBACK, port)):
        yield
