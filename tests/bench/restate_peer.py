"""The best peer beside it, where it can be had: `make bench PEER=restate`.

Restate's server comes as a package of npm and its SDK as one of PyPI, into a folder of their own beneath the cache. A
workflow is a handler with three recorded steps that do nothing (`restate_service`), called over its HTTP ingress with
the same data, by as many at once. What the other parts have found in the same run is set beside it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import uvloop
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from infra.local import ports
from infra.local.artifacts import default_cache_dir
from infra.local.process import on_leash
from streams.catalogue import load_settings
from streams.ground.servers import ServerSettings
from tests.bench.load import PATIENCE_S, PAYLOAD, Figures

SERVER, SDK = "@restatedev/restate-server@1.7.12", ("restate-sdk==1.3.0", "hypercorn==0.18.0", "uvloop")
BINARY = "node_modules/@restatedev/restate-server-linux-x64/bin/restate-server"
# Hypercorn closes a connection after 1,000 requests, over which those under way on it would break.
KEPT = "keep_alive_max_requests = 1000000000\nh2_max_concurrent_streams = 1000\n"
WARM_UP = 1_500
COUNTS = {1: 400, 32: 3_000, 200: 4_000}  # workflows by how many in flight
BESIDE = ("own.pure_three.", "own.intent_three.", "three_step.")  # workflows of three steps, as it has
LOOK_S = 0.1


def measure() -> dict[str, float]:
    """Workflows a second, latency and work per CPU-second. Raises RuntimeError where it cannot be had."""
    folder = (load_settings().of(ServerSettings).cache_dir or default_cache_dir()) / "peers" / "restate"
    _install(folder)
    with _running(folder) as (ingress, processes):
        return uvloop.run(_measured(ingress, processes))


def beside(figures: Mapping[str, Any]) -> dict[str, float]:
    """What the other parts of a run have found, as multiples of the peer's."""
    pairs = product(BESIDE, ("sustained_per_s", "per_cpu_s"))
    of = {f"{begins}{name}": (figures.get(f"{begins}{name}"), figures.get(f"restate.{name}")) for begins, name in pairs}
    return {f"to_restate.{name}": round(ours / peer, 2) for name, (ours, peer) in of.items() if ours and peer}


def _install(folder: Path) -> None:
    if shutil.which("npm") is None:
        raise RuntimeError("restate: npm is not there, so its server cannot be installed")
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / BINARY).exists():
        print("  installing the server ...", file=sys.stderr, flush=True)
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), SERVER]
        subprocess.run(npm, check=True, stdout=subprocess.DEVNULL)
    if not (folder / "venv" / "bin" / "hypercorn").exists():
        print("  installing the SDK ...", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        pip = [str(folder / "venv" / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *SDK]
        subprocess.run(pip, check=True)


@contextmanager
def _running(folder: Path) -> Iterator[tuple[str, list[psutil.Process]]]:
    with TemporaryDirectory(prefix="exlify-restate-") as data, ExitStack() as stack:
        ingress, admin, node, service = (f"{ports.LOOPBACK}:{port}" for port in ports.new(4))
        settings = {
            "RESTATE_INGRESS__BIND_ADDRESS": ingress,
            "RESTATE_ADMIN__BIND_ADDRESS": admin,
            "RESTATE_BIND_ADDRESS": node,
            "RESTATE_ADVERTISED_ADDRESS": f"http://{node}",
            "RESTATE_LISTEN_MODE": "tcp",
            "RESTATE_BASE_DIR": data,
            "RESTATE_DISABLE_TELEMETRY": "true",
            "RESTATE_LOG_FILTER": "warn",
            "RUST_LOG": "warn",
        }
        (config := Path(data, "hypercorn.toml")).write_text(KEPT)
        hypercorn = [str(folder / "venv" / "bin" / "hypercorn"), "--config", str(config), "--bind", service]
        commands = [
            [str(folder / BINARY), "--node-name", "bench", "--no-logo"],
            [*hypercorn, "--worker-class", "uvloop", "restate_service:app"],
        ]
        processes = []
        for command in commands:
            process = subprocess.Popen(
                on_leash(command),
                cwd=Path(__file__).parent,
                env={**os.environ, **settings},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
            processes.append(psutil.Process(process.pid))
        uvloop.run(_introduce(f"http://{admin}", f"http://{service}"))
        yield f"http://{ingress}/Bench/three", processes


async def _introduce(admin: str, service: str) -> None:
    """Tells the server of the service, once both are there."""
    deadline = time.monotonic() + PATIENCE_S
    async with ClientSession() as http:
        while True:
            try:
                async with http.post(f"{admin}/deployments", json={"uri": service}) as answer:
                    if answer.status < 300:
                        return
                    reason = await answer.text()
            except OSError as error:
                reason = str(error)
            if time.monotonic() > deadline:
                raise RuntimeError(f"restate does not take its service: {reason}")
            await asyncio.sleep(LOOK_S)


async def _measured(url: str, processes: list[psutil.Process]) -> dict[str, float]:
    figures: dict[str, float] = {}
    connector = TCPConnector(limit=0)
    async with ClientSession(connector=connector, timeout=ClientTimeout(total=PATIENCE_S)) as http:
        await _run(http, url, WARM_UP, 32)
        for in_flight, count in COUNTS.items():
            before = _cpu_seconds(processes)
            run = await _run(http, url, count, in_flight)
            used = _cpu_seconds(processes) - before
            figures |= {f"restate.p{p}_ms_{in_flight}": round(run.percentile_ms(p), 2) for p in (50, 99)}
            figures |= {f"restate.per_s_{in_flight}": round(run.rate, 1)}
        return figures | {
            "restate.sustained_per_s": round(run.rate, 1),
            "restate.per_cpu_s": round(run.count / used, 1),
        }


async def _run(http: ClientSession, url: str, count: int, in_flight: int) -> Figures:
    took_ms: list[float] = []
    numbers = iter(range(count))

    async def caller() -> None:
        for _ in numbers:
            started = time.perf_counter()
            async with http.post(url, json=PAYLOAD) as answer:
                assert answer.status == 200, await answer.text()
                await answer.read()
            took_ms.append((time.perf_counter() - started) * 1_000)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(in_flight)))
    return Figures(count, time.perf_counter() - started, took_ms)


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    every = [each for process in processes for each in (process, *process.children(recursive=True))]
    return sum(sum(each.cpu_times()[:2]) for each in every)
