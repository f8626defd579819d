"""The journey in one process: one instance to its end, without Kafka.

The engine, the calls, the decisions and the rules of human tasks are those of the workers; what is missing is that it
survives a crash. Steps of different branches are carried out side by side, timers wait in real time, people are
replaced by answers given beforehand. For trying out a definition and for scripts; nothing of it is stored.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from schemas import steps
from schemas.ids import Key, instance_id
from schemas.payload import Door, Payload
from streams import engine
from streams.engine.lifecycle import Phase
from streams.ground.errors import UsageError
from streams.ground.settings import Settings
from streams.language.graph import Call, Graph, Json
from streams.processors.human import rules as tasks

SOURCE = "/exlify/local"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person would say to a human task."""

    outcome: str
    data: Json = field(default_factory=dict)


Answers = Mapping[str, Sequence[Answer]]  # by name or pointer of the task; one for each time, the last for all further


@dataclass(frozen=True, slots=True)
class Report:
    """How the instance ended."""

    status: str  # completed, faulted or cancelled
    output: Json
    error: Mapping[str, Json] | None
    tasks: list[str]  # pointers in the order in which they were started


class Processor(Protocol):
    """Carries out the steps of some functions."""

    async def carry_out(self, command: dict[str, Any]) -> dict[str, Any]:
        """The fields of the StepResult for those of a StepCommand."""
        ...


async def run_locally(graph: Graph, data: Json, answers: Answers, settings: Settings) -> Report:
    """Runs one instance; raises UsageError for a human task without an answer, or with one that it does not take."""
    _check_names(graph, answers)
    async with AsyncExitStack() as held:
        return await _LocalRun(graph, _Processors(answers, settings, held)).run(data)


class _LocalRun:
    """What orchestrate does, with asyncio tasks in place of topics."""

    def __init__(self, graph: Graph, processors: _Processors) -> None:
        self._graph = graph
        self._processors = processors
        self._state: engine.State | None = None
        self._outcome: engine.Outcome | None = None
        self._started: list[str] = []
        self._under_way: dict[tuple[str, int], asyncio.Task[dict[str, Any]]] = {}

    async def run(self, data: Json) -> Report:
        event: engine.Event = self._start(data)
        try:
            while True:
                self._apply(event)
                if self._outcome is not None:
                    return self._report(self._outcome)
                event = await self._next(event.instance_id)
        finally:
            for task in self._under_way.values():
                task.cancel()
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _start(self, data: Json) -> engine.StartInstance:
        graph, event_id = self._graph, Key(str(uuid.uuid4()))
        return engine.StartInstance(
            instance_id=instance_id(graph.name, SOURCE, event_id), workflow=graph.name, version=graph.version,
            digest=graph.digest, source=SOURCE, event_id=event_id, event_type="exlify.local.run", time_ms=_now_ms(),
            data=Payload.from_outside(data, Door.GATEWAY),
        )  # fmt: skip

    def _apply(self, event: engine.Event) -> None:
        step = engine.step(self._graph, self._state, event, _now_ms())
        self._state, self._outcome = step.state, step.outcome
        self._started += [entry.pointer for entry in step.transitions if entry.phase == Phase.TASK_STARTED]
        for command in step.commands:
            key = command.pointer, command.iteration
            if isinstance(command, engine.CancelStep):
                if key in self._under_way:
                    self._under_way.pop(key).cancel()
            else:
                work = self._processors.carry_out(msgspec.structs.asdict(command))
                self._under_way[key] = asyncio.create_task(work)

    async def _next(self, instance: str) -> engine.Event:
        """The next result, or the next timer once it is due."""
        assert self._state is not None
        due_ms = engine.next_due_ms(self._state)
        while True:
            for key, task in self._under_way.items():
                if task.done():
                    del self._under_way[key]
                    return engine.StepResult(**task.result())
            if due_ms and _now_ms() >= due_ms:
                return engine.TimerFired(instance_id=instance, due_ms=due_ms)
            left_s = (due_ms - _now_ms()) / 1000 if due_ms else None
            await self._pause(left_s)

    async def _pause(self, left_s: float | None) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        else:
            assert left_s is not None, "a live instance waits for a step or for a time"
            await asyncio.sleep(left_s)

    def _report(self, outcome: engine.Outcome) -> Report:
        output = None if outcome.output is None else outcome.output.value()
        return Report(outcome.status, output, outcome.error, self._started)


class _Processors:
    """The step processors, each made when its first step comes: a model runtime takes longer to load than to ask."""

    def __init__(self, answers: Answers, settings: Settings, held: AsyncExitStack) -> None:
        self._settings = settings
        self._held = held
        self._human = _People(answers)
        self._opening = asyncio.Lock()
        self._opened: dict[str, Processor] = {"human": self._human}

    async def carry_out(self, command: dict[str, Any]) -> dict[str, Any]:
        kind = command["function"] if command["function"] in ("human", "decide") else "call"
        async with self._opening:
            if kind not in self._opened:
                opened: Processor = _Models() if kind == "decide" else await self._open_hub()
                self._opened[kind] = opened
        return await self._opened[kind].carry_out(command)

    async def _open_hub(self) -> Processor:
        from streams.processors.call.processor import hub_for

        return _Calls(await self._held.enter_async_context(hub_for(self._settings)))


class _Calls:
    """Outside systems."""

    def __init__(self, hub: Any) -> None:
        self._hub = hub

    async def carry_out(self, command: dict[str, Any]) -> dict[str, Any]:
        from streams.processors.call.processor import carry_out

        return await carry_out(command, self._hub)


class _Models:
    """Decisions."""

    def __init__(self) -> None:
        from models.serving.registry import Registry

        self._registry = Registry()

    async def carry_out(self, command: dict[str, Any]) -> dict[str, Any]:
        from streams.processors.decide.processor import carry_out

        return carry_out(command, self._registry, _now_ms()).result


class _People:
    """Answers given beforehand, held to the same rules as those of people."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def carry_out(self, command: dict[str, Any]) -> dict[str, Any]:
        try:
            task = tasks.opened(command, _now_ms())
        except tasks.InvalidTaskError as error:
            return steps.faulted(command, tasks.invalid_task_problem(command, error))
        done = tasks.answered(task, _action(task, self._answer(task, command["iteration"])), _now_ms())
        if done.status != tasks.COMPLETED:
            raise UsageError(f"--answer for {task.pointer}: {done.refusals[-1].detail}")
        return steps.completed(command, tasks.output(done))

    def _answer(self, task: tasks.HumanTask, iteration: int) -> Answer:
        given = self._answers.get(task.pointer) or self._answers.get(_name(task.pointer))
        if not given:
            outcomes = " or ".join(task.outcomes)
            raise UsageError(
                f"{task.pointer}: waits for a person of team {task.team}. "
                f"Answer with --answer {_name(task.pointer)}=OUTCOME, where OUTCOME is {outcomes}."
            )
        return given[min(iteration, len(given) - 1)]


def _action(task: tasks.HumanTask, answer: Answer) -> dict[str, Any]:
    return {
        "action_id": task.task_id,
        "task_id": task.task_id,
        "instance_id": task.instance_id,
        "action": tasks.COMPLETE,
        "outcome": answer.outcome,
        "data": Payload.from_outside(answer.data, Door.ANSWER),
        "actor": "local",
        "expected_version": None,
        "at_ms": _now_ms(),
    }


def _check_names(graph: Graph, answers: Answers) -> None:
    """Raises UsageError for an answer that no human task of the definition can get."""
    pointers = [task.pointer for task in graph.tasks if isinstance(task, Call) and task.function == "human"]
    names = sorted({_name(pointer) for pointer in pointers})
    for asked in answers:
        if asked not in names and asked not in pointers:
            known = f"It has {', '.join(names)}." if names else "It has none."
            raise UsageError(f"--answer {asked}: the definition has no such human task. {known}")


def _name(pointer: str) -> str:
    return pointer.rpartition("/")[2]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
