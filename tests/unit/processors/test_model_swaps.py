"""Five models of others are swapped and rolled back under load: nothing waits for a model to be loaded.

The thread that decides loads none, and answers while another does. An event may wait for what is decided before it,
and, as if that stood still meanwhile, for the longest load beside it (the interpreter may be held for it).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import models.serving.registry
from models.serving.registry import Registry
from models.serving.shelf import Pin
from schemas.codec import Codec
from schemas.messages import STEP_COMMAND
from streams.processors.decide.pins import ModelPins
from streams.processors.decide.processor import Decide
from streams.processors.decide.states import AHEAD_MS, ModelBook, change
from streams.runtime.processor import Message, Output, Record
from tests.support.brought import MODELS, Site
from tests.support.contexts import context
from tests.support.cost import costs_within
from tests.support.data import payload
from tests.support.model_states import Written
from tests.support.tables import Table

CODEC = Codec.offline()
NOW_MS = 1_700_000_000_000
LOOPS = 5  # of a million rounds: five decisions take 0.1, the dearest load 0.7
Loaded = tuple[str, str, Callable[[], object]]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Each of the five in two versions, the first of which decides."""
    made = Site(tmp_path)
    for kind in MODELS:
        for version in ("1", "2"):
            made.add(kind, f"their-{kind}", "--version", version)
        made.json("models", "activate", f"their-{kind}@1")
    yield made


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[Loaded]:
    """Every load of a model, with the thread that it was done in, and how it is done again."""
    seen: list[Loaded] = []
    load = models.serving.registry._loaded

    def noted(folder: Path, *more: Any) -> Any:
        seen.append(
            (f"{folder.parent.name}@{folder.name}", threading.current_thread().name, partial(load, folder, *more))
        )
        return load(folder, *more)

    monkeypatch.setattr(models.serving.registry, "_loaded", noted)
    return seen


class Load:
    """Commands for all five, pinned as they would be at a time, and what they are answered."""

    def __init__(self, book: ModelBook, registry: Registry) -> None:
        made = context(CODEC, models=book)
        self._hosted, self._pins = Decide(made, registry), ModelPins(made)
        cases = {kind: next(MODELS[kind][1](5, 1)) for kind in MODELS}
        self._cases = {f"their-{kind}": {name: case[name] for name in MODELS[kind][3]} for kind, case in cases.items()}

    def commands(self, at_ms: int) -> list[Message]:
        return [self._command(name, at_ms) for name in self._cases]

    def answers(self, commands: list[Message]) -> list[Output]:
        return self._hosted.handle(commands, Table()).outputs

    def versions(self, at_ms: int) -> set[str]:
        found = [CODEC.decode(each.value or b"") for each in self.answers(self.commands(at_ms))]
        return {data["output"].value()["version"] for name, data in found if name == "exlify.StepResult"}

    def _command(self, name: str, at_ms: int) -> Message:
        arguments = payload({"model": name, "input": self._cases[name]})
        data: dict[str, Any] = {
            "instance_id": "0" * 32, "pointer": f"/do/0/{name}", "iteration": 0, "attempt": 0, "function": "decide",
            "arguments": arguments, "deadline_ms": None, "workflow": "w", "version": "1", "digest": "d" * 64,
            "effect": None, "business_key": None, "pin": self._pins.pin(arguments, at_ms),
        }  # fmt: skip
        return Message(Record("in", 0, 0, at_ms, b"0" * 32, b""), STEP_COMMAND, data)


async def test_five_models_are_swapped_and_rolled_back_under_load(site: Site, loads: list[Loaded]) -> None:
    book = ModelBook([site.folder / "models"])
    registry = Registry(shelf=book)
    await asyncio.to_thread(registry.load_all)
    load, written = Load(book, registry), Written(book, CODEC)
    first = load.commands(NOW_MS)
    before = load.answers(first)

    async def moved(version: str, now_ms: int) -> None:
        """All five to a version, while commands come; before it counts, the models are in memory."""
        for kind in MODELS:
            files = Registry(site.folder / "models").get(f"their-{kind}", version).band.files_sha256
            pin = Pin(f"their-{kind}", version, files)
            await change(written, CODEC, book, pin, by="ada", why="better", now_ms=now_ms)
        loads.clear()
        looking = asyncio.create_task(asyncio.to_thread(registry.look))
        while not looking.done():
            assert load.answers(first) == before
            await asyncio.sleep(0)
        assert await looking == []

    assert load.versions(NOW_MS) == {"1"}
    await moved("2", NOW_MS)
    assert sorted(name for name, _, _ in loads) == sorted(f"their-{kind}@2" for kind in MODELS)
    assert load.versions(NOW_MS + AHEAD_MS - 1) == {"1"}
    assert load.versions(NOW_MS + AHEAD_MS) == {"2"}
    assert load.answers(first) == before  # a command that comes again
    assert threading.current_thread().name not in {thread for _, thread, _ in loads}
    assert costs_within(LOOPS, lambda: load.answers(first))
    assert all(costs_within(LOOPS, again) for _, _, again in loads)
    await moved("1", NOW_MS + 60_000)
    assert load.versions(NOW_MS + 60_000 + AHEAD_MS) == {"1"}
    assert load.versions(NOW_MS + AHEAD_MS) == {"2"}  # commands of the time between
    assert (load.answers(first), loads) == (before, [])
