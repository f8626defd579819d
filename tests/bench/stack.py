"""The stack under measurement: a fresh broker, workers as processes of their own, and what each of them costs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
from confluent_kafka import Producer

from infra.local.kafka import KafkaServer
from infra.local.process import on_leash
from schemas.codec import Codec
from schemas.messages import WORKFLOW_DEFINITION
from streams import catalogue
from streams.definitions import DEFINITIONS as DEPLOYED
from streams.definitions import outcome_topic
from streams.ground.kafka import client_config
from streams.ground.provision import provision
from streams.ground.settings import Settings
from tests.bench.definitions import DEFINITIONS, PARKED_DEFINITIONS
from tests.support.definitions import load
from tests.support.servers import made

WORKERS: Mapping[str, tuple[str, ...]] = {"engine": ("orchestrate",), "steps": ("intake", "echo"), "view": ("view",)}
STOP_S = 30
ROOT = Path(__file__).parents[2]


@dataclass
class Stack:
    """A running stack."""

    settings: Settings
    workers: Mapping[str, tuple[str, ...]]
    children: dict[str, subprocess.Popen[str]]
    broker: psutil.Process
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def processes(self) -> dict[str, psutil.Process]:
        """Workers and broker, by name."""
        return {name: psutil.Process(child.pid) for name, child in self.children.items()} | {"broker": self.broker}

    def start(self) -> None:
        """Starts every worker; returns when all have their partitions and their state."""
        for name, processors in self.workers.items():
            self.children[name] = start_worker(self.settings, name, processors, self.environ)
        for child in self.children.values():
            wait_until_ready(child)

    def stop(self) -> None:
        """Asks every worker to end and waits for it."""
        for child in self.children.values():
            child.terminate()
        for child in self.children.values():
            child.wait(STOP_S)

    def kill(self) -> None:
        """Ends every worker as a crash would."""
        for child in self.children.values():
            child.kill()
            child.wait()

    def cpu_seconds(self) -> dict[str, float]:
        """CPU used so far by each process."""
        return {name: sum(process.cpu_times()[:2]) for name, process in self.processes.items()}


@contextmanager
def stack(
    workers: Mapping[str, tuple[str, ...]] = WORKERS, environ: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """Starts everything in a folder of its own, and leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="exlify-bench-") as folder:
        kafka = made(KafkaServer, Path(folder))
        bootstrap = kafka.start()
        settings = Settings(bootstrap=bootstrap, registry_url="none", data_dir=Path(folder))
        running = Stack(settings, workers, {}, psutil.Process(kafka.pid), environ or {})
        try:
            prepare(settings)
            running.start()
            yield running
        finally:
            running.stop()
            kafka.stop()


def prepare(settings: Settings) -> None:
    """Topics and definitions."""
    definitions = {**DEFINITIONS, **PARKED_DEFINITIONS}
    wanted = [*catalogue.topics(settings), *map(outcome_topic, definitions)]
    asyncio.run(provision(settings, wanted))
    codec, producer = Codec.offline(), Producer(client_config(settings))
    for text in definitions.values():
        graph = load(text)
        record = {
            "digest": graph.digest,
            "name": graph.name,
            "version": graph.version,
            "namespace": graph.namespace,
            "yaml": text,
            "event_types": list(graph.event_types),
            "deployed_at_ms": 0,
            "deployed_by": "bench",
        }
        producer.produce(DEPLOYED.name, codec.encode(WORKFLOW_DEFINITION, record), graph.digest.encode())
    producer.flush()


def start_worker(
    settings: Settings, name: str, processors: tuple[str, ...], environ: Mapping[str, str]
) -> subprocess.Popen[str]:
    """A worker process with the stack's settings, and more."""
    environment = {
        **os.environ,
        "EXLIFY_BOOTSTRAP": settings.bootstrap,
        "EXLIFY_REGISTRY_URL": "none",
        "EXLIFY_DATA_DIR": str(settings.data_dir),
        "EXLIFY_LOG_LEVEL": "warning",
        **environ,
    }
    command = [sys.executable, "-m", "tests.bench.worker", name, *processors]
    return subprocess.Popen(on_leash(command), env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def wait_until_ready(child: subprocess.Popen[str]) -> None:
    """Returns when the worker has its partitions and its state."""
    assert child.stdout is not None
    if child.stdout.readline().strip() != "ready":
        raise RuntimeError(f"worker {child.args!r} ended before it was ready")


def outside(settings: Settings, bootstrap: str) -> Settings:
    """The same settings for another broker."""
    return replace(settings, bootstrap=bootstrap)
