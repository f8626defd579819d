"""The parts in isolation: engine step, codec, expression, decision, row. Microseconds each, the best of several rounds;
those of rows are of the processor, as the disk's do not tell versions apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec.structs import asdict

from infra.sandbox.applications import applications
from models.serving.registry import Registry
from schemas import messages
from schemas.catalogue import current
from schemas.codec import Codec
from schemas.ids import Key
from schemas.lifecycle import Phase, Status
from schemas.samples import sample
from streams import engine
from streams.ground.settings import Settings
from streams.language.graph import Graph
from streams.processors import ALL
from streams.processors.decide.decision import carry_out
from streams.processors.view.processor import WITHIN
from streams.readmodel.database import open_database
from streams.readmodel.projection import Received, fields_of, projections
from streams.readmodel.writer import Writer
from tests.bench.definitions import DEFINITIONS
from tests.bench.load import PAYLOAD
from tests.support.data import payload
from tests.support.definitions import load

ROUNDS = 7
INSTANCES = 2_000  # whose history becomes rows
BATCH = 200
INSTANCE = "0" * 32


def measure() -> dict[str, float]:
    """Every figure of this part."""
    return {f"micro.{name}_us": value for name, value in (*_engine(), *_codec(), *_decision(), *_rows())}


def _best_us(action: Callable[[], Any], repeat: int) -> float:
    def once() -> float:
        started = time.perf_counter()
        for _ in range(repeat):
            action()
        return (time.perf_counter() - started) / repeat * 1e6

    return round(min(once() for _ in range(ROUNDS)), 2)


def _engine() -> Iterator[tuple[str, float]]:
    graph = load(DEFINITIONS["three-step"])
    call = next(task for task in graph.tasks if task.name == "step1")
    arguments = getattr(call, "arguments")  # noqa: B009  # a Call, found by its name
    yield "expression", _best_us(lambda: arguments.evaluate(PAYLOAD, {}), 3_000)
    yield "engine_step", round(_best_us(lambda: run_through(graph), 500) / 4, 2)


def run_through(graph: Graph) -> engine.Outcome | None:
    """Runs a workflow of call steps to its end, each answered by its own body; one engine step for each inbox
    record."""
    event: engine.Event = engine.StartInstance(
        instance_id=INSTANCE,
        workflow=graph.name,
        version=graph.version,
        digest=graph.digest,
        source="bench",
        event_id=Key("1"),
        event_type="bench",
        time_ms=0,
        data=payload(PAYLOAD),
    )
    row: bytes | None = None
    while True:
        state = None if row is None else engine.decode_state(row)
        step = engine.step(graph, state, event, 1)
        if step.outcome is not None:
            return step.outcome
        row = step.row
        event = _answer(step.commands[0])


def _answer(command: engine.Command) -> engine.StepResult:
    assert isinstance(command, engine.StepCommand)
    return engine.StepResult(
        instance_id=command.instance_id,
        pointer=command.pointer,
        iteration=command.iteration,
        attempt=command.attempt,
        status="completed",
        output=payload(command.arguments.value()["body"]),
    )


def _codec() -> Iterator[tuple[str, float]]:
    codec = Codec.offline()
    result = engine.StepResult(
        instance_id=INSTANCE,
        pointer="/do/0/step1",
        iteration=0,
        attempt=0,
        status="completed",
        output=payload(PAYLOAD),
    )
    data = asdict(result)
    raw = codec.encode(messages.STEP_RESULT, data)
    yield "codec_encode", _best_us(lambda: codec.encode(messages.STEP_RESULT, data), 5_000)
    yield "codec_decode", _best_us(lambda: codec.decode(raw), 5_000)


def _decision() -> Iterator[tuple[str, float]]:
    registry = Registry()
    application = next(applications(seed=1, count=1))["data"]
    model = registry.get("credit-risk")
    command = {
        "instance_id": INSTANCE,
        "pointer": "/do/0/assessRisk",
        "iteration": 0,
        "attempt": 0,
        "workflow": "bench",
        "version": "1.0.0",
        "digest": "0" * 64,
        "function": "decide",
        "arguments": payload({"model": "credit-risk", "input": application}),
    }
    yield "model_score", _best_us(lambda: model.predict(application), 1_000)
    yield "decision_with_reasons", _best_us(lambda: carry_out(command, registry, 1), 300)


def _rows() -> Iterator[tuple[str, float]]:
    """A history entry on its way into the read model, in batches as a busy view has them."""
    codec, rows = Codec.offline(), projections(ALL)
    read, within = codec.sparing(fields_of(rows)), codec.sparing(WITHIN)
    raws = [codec.encode(messages.HISTORY_ENTRY, entry) for entry in _entries(codec)]

    def once() -> float:
        with TemporaryDirectory() as folder:
            writer = Writer(open_database(Settings(data_dir=Path(folder)), rows), rows)
            started = time.thread_time()
            for at in range(0, len(raws), BATCH):
                writer.write([Received(*read(raw), raw, within) for raw in raws[at : at + BATCH]])
            return (time.thread_time() - started) / len(raws) * 1e6

    yield "view_record_cpu", round(min(once() for _ in range(ROUNDS)), 2)


def _entries(codec: Codec) -> Iterator[dict[str, Any]]:
    """Four of each of many instances, which take turns."""
    told = {"pointer": "/do/0/a", "iteration": 0, "attempt": 0, "phase": "task.completed", "data": payload(PAYLOAD)}
    ends = told | {"pointer": "", "phase": Phase.WORKFLOW_COMPLETED}
    start = sample(current()[messages.START_INSTANCE]) | {"data": payload(PAYLOAD)}
    result = sample(current()[messages.STEP_RESULT]) | {"output": payload(PAYLOAD)}
    goes_on = sample(current()[messages.HISTORY_ENTRY]) | {
        "cause": codec.encode(messages.STEP_RESULT, result),
        "transitions": [told, told],
        "status": Status.RUNNING,
    }
    first = goes_on | {"cause": codec.encode(messages.START_INSTANCE, start)}
    last = goes_on | {"transitions": [told, ends], "status": Status.COMPLETED}
    for begin in range(0, INSTANCES, 50):
        for seq, entry in enumerate((first, goes_on, goes_on, last)):
            for number in range(begin, begin + 50):
                yield entry | {"instance_id": sha256(b"%d" % number).hexdigest()[:32], "seq": seq}
