"""What an own step costs through the whole way, beside echo: one step a workflow, and three, sustained and with one in
flight."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Producer

from infra.local.process import on_leash
from schemas.codec import Codec
from schemas.messages import WORKFLOW_DEFINITION
from streams import catalogue, language
from streams.definitions import DEFINITIONS, outcome_topic
from streams.definitions.deploy import described
from streams.ground.kafka import client_config
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.steps.loading import load_steps
from tests.bench.definitions import HEAD
from tests.bench.load import Load
from tests.bench.stack import ROOT, Stack, stack

FILE = Path(__file__).with_name("own_steps.py")
STEP = """
  - step{number}:
      call: bench.{name}
      with:
        body: "${{ . + {{step: {number}}} }}"
"""


class Steps(NamedTuple):
    """What a workflow does: so many steps of a kind."""

    kind: str
    number: int = 1


KINDS = {
    "pure": Steps("pure"),
    "intent": Steps("intent"),
    "waits": Steps("waits"),
    "pure_three": Steps("pure", 3),
    "intent_three": Steps("intent", 3),
}
SLOW = {"slow": Steps("slow")}
SLOW_AT_ONCE, FAST, FAST_IN_FLIGHT = 200, 1_000, 32
WARM_UP = 1_000
LATENCY_COUNT = 300
SUSTAINED_COUNT = {"echo": 10_000, "pure": 10_000}
FEWER = 5_000  # of the others
SUSTAINED_IN_FLIGHT = 1_000
LOOK_S = 0.1
PATIENCE_S = 60.0


def measure() -> dict[str, float]:
    """Figures of each kind of step, and of echo on the same stack."""
    with stack() as running:
        _deploy(running.settings)
        with _worker(running):
            figures = _figures(running, "echo", "one-task")
            for name in KINDS:
                print(f"  {name} ...", file=sys.stderr, flush=True)
                figures |= _figures(running, name, _workflow(name))
            return figures | _beside_slow_ones(running)


def _beside_slow_ones(running: Stack) -> dict[str, float]:
    """1,000 fast steps, alone and while 200 slow ones are under way."""
    fast, slow = (Load(running.settings, _workflow(name)) for name in ("waits", "slow"))
    alone = fast.run(FAST, FAST_IN_FLIGHT)
    for _ in range(SLOW_AT_ONCE):
        slow.publish()
    fast.run(FAST // 2, FAST_IN_FLIGHT)  # until they are under way
    beside = fast.run(FAST, FAST_IN_FLIGHT)
    return {
        "own.fast.p99_ms": round(alone.percentile_ms(99), 1),
        "own.fast_beside_slow.p99_ms": round(beside.percentile_ms(99), 1),
    }


def _figures(running: Stack, kind: str, workflow: str) -> dict[str, float]:
    load = Load(running.settings, workflow)
    load.run(WARM_UP, 100)
    single = load.run(LATENCY_COUNT, 1)
    before = sum(running.cpu_seconds().values())
    many = load.run(SUSTAINED_COUNT.get(kind, FEWER), SUSTAINED_IN_FLIGHT)
    used = sum(running.cpu_seconds().values()) - before
    return {
        f"own.{kind}.p50_ms_1": round(single.percentile_ms(50), 2),
        f"own.{kind}.p99_ms_1": round(single.percentile_ms(99), 2),
        f"own.{kind}.sustained_per_s": round(many.rate, 1),
        f"own.{kind}.per_cpu_s": round(many.count / used, 1),
    }


def _workflow(name: str) -> str:
    return f"own-{name.replace('_', '-')}"


def _deploy(settings: Settings) -> None:
    steps = load_steps([FILE])
    functions = catalogue.functions(steps)
    topics = [*catalogue.own_topics(settings, steps), *map(outcome_topic, map(_workflow, KINDS | SLOW))]
    asyncio.run(provision(settings, topics))
    codec, producer = Codec.offline(), Producer(client_config(settings))
    for name, (kind, steps_of) in (KINDS | SLOW).items():
        workflow = _workflow(name)
        each = (STEP.format(number=number, name=kind) for number in range(1, steps_of + 1))
        text = HEAD.format(name=workflow) + "".join(each)
        graph = language.load(text, workflow, functions)
        value = codec.encode(WORKFLOW_DEFINITION, described(graph, text, "bench", 0))
        producer.produce(DEFINITIONS.name, value, graph.digest.encode())
    producer.flush()


@contextmanager
def _worker(running: Stack) -> Iterator[None]:
    """The worker of the steps, counted with the stack's processes."""
    port_file = running.settings.data_dir / "own.json"
    environment = os.environ | {
        "EXLIFY_BOOTSTRAP": running.settings.bootstrap,
        "EXLIFY_REGISTRY_URL": "none",
        "EXLIFY_DATA_DIR": str(running.settings.data_dir),
        "EXLIFY_LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-m", "streams.cli", "worker", f"--steps={FILE}", f"--port-file={port_file}"]
    child = subprocess.Popen(on_leash(command), env=environment, cwd=ROOT, text=True)
    running.children["own"] = child  # stopped with the others
    until = time.monotonic() + PATIENCE_S
    while not _ready(port_file):
        if child.poll() is not None or time.monotonic() > until:
            raise RuntimeError("the worker of own steps does not get ready")
        time.sleep(LOOK_S)
    yield


def _ready(port_file: Path) -> bool:
    try:
        url = json.loads(port_file.read_text())["metrics"].replace("/metrics", "/readyz")
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (OSError, ValueError):
        return False
