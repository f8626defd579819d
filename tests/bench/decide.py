"""A decision in the processor, from the command to the bytes of result and record: microseconds of this thread's
processor time, the best of many short rounds, so that what else runs on the machine counts little."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from copy import copy
from statistics import quantiles
from threading import Thread
from typing import Any

from models.serving.predict import Model
from models.serving.registry import Registry
from models.serving.shelf import BUNDLED
from schemas.codec import Codec
from schemas.messages import DECISION, STEP_COMMAND, STEP_RESULT
from streams.processors.decide.decision import carry_out
from streams.processors.decide.processor import Decide
from streams.runtime.garbage import look_less_often
from streams.runtime.processor import NO_STATE, Message, Record
from tests.support.contexts import context
from tests.support.data import payload

ROUNDS, REPEAT = 300, 15
LOADS = 5
BATCH = 64  # commands that the processor is given at once


def measure() -> dict[str, float]:
    """Of the bundled models: a linear one with reasons, trees without and with them, texts; and the codec's part."""
    look_less_often()  # as a worker does
    registry = Registry()
    figures: dict[str, float] = {}
    linear, trees = registry.get("credit-risk"), registry.get("credit-approval")
    plain = copy(trees)
    plain._explainers = {True: None, False: None}  # as a card that asks for no reasons
    texts = [(name.replace("-", "_"), registry.get(name)) for name in ("banking-intent", "assistant-intent")]
    fraud = ("card_fraud", registry.get("card-fraud"))  # pays, as nearly always
    named = (("linear_with_reasons", linear), ("trees_without_reasons", plain), ("trees_with", trees), *texts, fraud)
    for name, model in named:
        figures |= _of(f"decide.{name}", model)
    return figures | _beside_loads(linear)


def _beside_loads(model: Model) -> dict[str, float]:
    """The longest that a decision took by the clock while all bundled models were loaded beside it, again and again."""
    case, pairs = _case(model), [pin[:2] for pin in Registry().shelf.wanted()]

    def load() -> None:
        for _ in range(LOADS):
            registry = Registry()
            for pair in pairs:
                registry.get(*pair)

    loading = Thread(target=load)
    loading.start()
    waits = []
    while loading.is_alive():
        started = time.perf_counter()
        model.decide(case)
        waits.append((time.perf_counter() - started) * 1e3)
    return {
        "decide.beside_loads_p99_ms": round(quantiles(waits, n=100)[98], 3),
        "decide.beside_loads_max_ms": round(max(waits), 1),
    }


def _of(name: str, model: Model) -> dict[str, float]:
    registry, codec = Registry(), Codec.offline()
    place = model.card.name, model.card.version
    registry.get(*place)
    registry._loaded[place] = registry._loaded[place][0], model
    command = {
        "instance_id": "0" * 32,
        "pointer": "/do/0/assess",
        "iteration": 0,
        "attempt": 0,
        "workflow": "bench",
        "version": "1.0.0",
        "digest": "0" * 64,
        "business_key": "case",
        "function": "decide",
        "pin": f"{model.card.name}@{model.card.version}#{model.band.files_sha256}",
        "arguments": payload({"model": model.card.name, "input": _case(model)}),
    }
    carried = carry_out(command, registry, 1)

    def written() -> None:
        codec.encode(STEP_RESULT, carried.result)
        codec.encode(DECISION, carried.decision or {})

    processor = Decide(context(codec), registry)
    batch = [
        Message(Record("bench", 0, n, 1, b"bench", b""), STEP_COMMAND, {**command, "instance_id": f"{n:032x}"})
        for n in range(BATCH)
    ]
    return {
        f"{name}_us": _best(lambda: carry_out(command, registry, 1)),
        f"{name}_codec_us": _best(written),
        f"{name}_in_batch_us": round(_best(lambda: processor.handle(batch, NO_STATE), repeat=1) / BATCH, 2),
    }


def _case(model: Model) -> dict[str, Any]:
    """The first of the made-up cases beside the model that nothing holds back, so that its score decides."""
    if model.decide(dict(model.card.reference.values)).route == "pay":
        return dict(model.card.reference.values)
    text = (BUNDLED / model.card.name / model.card.version / "parity.jsonl").read_text()
    cases: list[dict[str, Any]] = [json.loads(line)["input"] for line in text.splitlines()]
    return next((case for case in cases if not model.decide(case).held), dict(model.card.reference.values))


def _best(action: Callable[[], Any], repeat: int = REPEAT) -> float:
    def once() -> float:
        started = time.thread_time()
        for _ in range(repeat):
            action()
        return (time.thread_time() - started) / repeat * 1e6

    return round(min(once() for _ in range(ROUNDS)), 1)
