"""The journey in one process: one instance to its end, without Kafka.

The processors are those of the workers, on the runtime that keeps everything in memory; what is missing is that it
survives a crash. People are replaced by answers given beforehand, timers wait in real time. For trying out a definition
and for scripts; nothing of it is stored.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orjson import dumps

from schemas.business import EventTypes
from schemas.cloudevents import CloudEvent, InvalidEventError
from schemas.codec import Codec
from schemas.ids import instance_id
from schemas.lifecycle import Phase
from schemas.messages import START_INSTANCE
from schemas.payload import Door, Json, Payload
from streams.definitions import event_types, outcome_topic
from streams.definitions.book import DefinitionBook
from streams.ground.errors import UsageError
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.language.constructs.call import Call
from streams.language.constructs.listen import Listen
from streams.language.events import all_filters
from streams.language.graph import Graph
from streams.mocked import Mocked, Mocks
from streams.processors import own
from streams.processors.context import Context
from streams.processors.correlate import DECLARATION as CORRELATE
from streams.processors.decide.places import folders, store, trusted
from streams.processors.decide.states import ModelBook
from streams.processors.human import HUMAN
from streams.processors.human.local import Answers, name_of
from streams.processors.intake import DECLARATION as INTAKE
from streams.processors.intake import business_topic
from streams.processors.orchestrate import HISTORY, INBOX
from streams.processors.rolling import DECLARATION as ROLLING
from streams.runtime.clock import now_ms
from streams.runtime.declaration import Declaration, loaded
from streams.runtime.memory import MemoryRuntime
from streams.runtime.processor import Output, Processor
from streams.steps.loading import Steps

SOURCE = "/exlify/local"
_ENDED = (Phase.TASK_COMPLETED, Phase.TASK_FAULTED, Phase.TASK_CANCELLED)


@dataclass(frozen=True, slots=True)
class Report:
    """How the instance ended."""

    status: str  # completed, faulted or cancelled
    output: Json
    error: Mapping[str, Json] | None
    tasks: list[str]  # pointers in the order in which they were started
    undone: list[str] | None = None  # of steps; None for none
    standing: list[str] | None = None  # of those that should have been undone, and could not be


async def run_locally(
    graph: Graph,
    data: Json,
    answers: Answers,
    settings: Settings,
    declarations: Sequence[Declaration],
    steps: Steps = (),
    *,
    mocks: Mocks | None = None,
    virtual_time: bool = False,
    events: Sequence[CloudEvent] = (),
) -> Report:
    """Runs one instance; raises UsageError for a human task without an answer, or with one that it does not take, and
    where it listens for what does not happen.

    `events` happen before it begins: what it listens for among them is there, early.
    `mocks` answer the calls of tasks in place of the systems outside. With `virtual_time` waits, pauses and timeouts
    pass as soon as nothing else is to be done.
    """
    _check_names(graph, answers)
    _check_mocks(graph, mocks or {})
    codec = Codec.offline()
    site = Site(settings.site_dir)  # read once: an instance is over before anybody changes a file
    book = _Only(graph)
    event_types.learn_files(book.types, codec, settings.site_dir)
    context = Context(
        settings=settings,
        codec=codec,
        definitions=book,
        declarations=tuple(declarations),
        site=site,
        steps={step.name: step for step in steps},
        models=ModelBook(folders(settings), trusted(settings), store(settings)),
    )
    processors = _processors(graph, context, answers, mocks)
    runtime = MemoryRuntime(processors, settings, codec, virtual_time=virtual_time)
    watched = _Watched(runtime, codec, graph)
    async with runtime.running() as failed:
        runtime.publish([*(_event(codec, book.types, each) for each in events), _start(codec, graph, data)])
        runtime.watch_rest(watched.give_up, {CORRELATE.name, ROLLING.name})
        either: list[asyncio.Future[Any]] = [watched.ended, failed]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            failed.result()
    outcome = watched.ended.result()
    output = None if outcome["output"] is None else outcome["output"].value()
    return Report(outcome["status"], output, outcome["error"], watched.started, outcome["undone"], outcome["standing"])


class _Only(DefinitionBook):
    """A book of one definition, which is read already and calls nothing more."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(functions={})
        self._only = graph
        self._listen(graph)

    def graph(self, digest: str) -> Graph | None:
        return self._only


def _processors(graph: Graph, context: Context, answers: Answers, mocks: Mocks | None) -> list[Processor]:
    """The engine, whoever recovers, and of the step processors those that the definition calls.

    A model runtime takes long to load.
    """
    called = {name for task in graph.tasks if isinstance(task, Call) for name in _asked(task)}
    asked = [each for each in context.declarations if any(function.name in called for function in each.functions)]
    of_engine = {INBOX, *(each.dead_letters for each in asked if each.buries)}
    listened = {INTAKE, CORRELATE} if all_filters(graph) else set()
    needed = [
        each for each in context.declarations if each in asked or each in listened or of_engine.intersection(each.reads)
    ]
    calls = [task for task in graph.tasks if isinstance(task, Call) and _is_mocked(task, mocks or {})]
    mocked = {name for task in calls for name in _asked(task)}
    return [_made(each, context, answers, mocks, mocked) for each in needed]


def _is_mocked(task: Call, mocks: Mocks) -> bool:
    return any(name.partition("@")[0] in (task.pointer, task.name) for name in mocks)


def _made(
    declared: Declaration, context: Context, answers: Answers, mocks: Mocks | None, mocked: set[str]
) -> Processor:
    if mocks and any(each.name in mocked and not each.waits_for_people for each in declared.functions):
        return Mocked(declared, context, mocks)
    made: Processor = loaded(declared.local)(context, answers) if declared.local else own.made(declared, context)
    return made


def _asked(task: Call) -> set[str]:
    """The functions that a task may call."""
    return {task.function, *(target.function for target in task.fallback)}


class _Watched:
    """How the instance is doing: its outcome, once it is there, and its tasks."""

    def __init__(self, runtime: MemoryRuntime, codec: Codec, graph: Graph) -> None:
        self.ended: asyncio.Future[Mapping[str, Json]] = asyncio.get_running_loop().create_future()
        self.started: list[str] = []  # pointers, in the order in which they were started
        self._open: Counter[str] = Counter()
        self._codec = codec
        self._graph = graph
        runtime.watch(outcome_topic(graph.name).name, self._on_outcome)
        runtime.watch(HISTORY.name, self._on_history)

    def _on_outcome(self, output: Output) -> None:
        if not self.ended.done():
            self.ended.set_result(self._codec.decode(output.value or b"")[1])

    def _on_history(self, output: Output) -> None:
        for each in self._codec.decode(output.value or b"")[1]["transitions"]:
            if each["phase"] == Phase.TASK_STARTED:
                self.started.append(each["pointer"])
                self._open[each["pointer"]] += 1
            elif each["phase"] in _ENDED:
                self._open[each["pointer"]] -= 1

    def give_up(self) -> None:
        """Nobody has anything to do, and nothing falls due: the instance waits for events that do not come."""
        if self.ended.done():
            return
        listening = [each for each in self._graph.tasks if isinstance(each, Listen) and self._open[each.pointer] > 0]
        types = sorted({of.type for each in listening for of in each.filters if of.type})
        at, awaited = ", ".join(each.pointer for each in listening), " or ".join(types) or "any event"
        event = dumps({"type": types[0] if types else "", "data": {}}).decode()
        told = f"nothing is left to do, and the instance listens for {awaited}. Give it with --event '{event}'."
        self.ended.set_exception(UsageError(f"{at}: {told}"))


def _start(codec: Codec, graph: Graph, data: Json) -> Output:
    event_id = str(uuid.uuid4())
    instance = instance_id(graph.name, SOURCE, event_id)
    fields = {
        "instance_id": instance, "workflow": graph.name, "version": graph.version, "digest": graph.digest,
        "source": SOURCE, "event_id": event_id, "event_type": next(iter(graph.event_types), "exlify.local.run"),
        "time_ms": now_ms(),
        "data": Payload.from_outside(data, Door.GATEWAY),
    }  # fmt: skip
    return Output(INBOX, instance.encode(), codec.encode(START_INSTANCE, fields))


def _event(codec: Codec, types: EventTypes, event: CloudEvent) -> Output:
    try:
        encoded = types.encode_event(codec, event)
    except InvalidEventError as error:
        raise UsageError(f"--event {event.type}: {error}") from None
    return Output(business_topic(encoded.topic), encoded.key, encoded.value, encoded.headers)


def _check_mocks(graph: Graph, mocks: Mocks) -> None:
    """Raises UsageError for a mock that no call of the definition can get."""
    pointers = [task.pointer for task in graph.tasks if isinstance(task, Call)]
    names = sorted({name_of(pointer) for pointer in pointers})
    for mocked in mocks:
        if mocked.partition("@")[0] not in (*names, *pointers):
            raise UsageError(f"--mock {mocked}: the definition has no such call. It has {', '.join(names) or 'none'}.")


def _check_names(graph: Graph, answers: Answers) -> None:
    """Raises UsageError for an answer that no human task of the definition can get."""
    pointers = [task.pointer for task in graph.tasks if isinstance(task, Call) and HUMAN.name in _asked(task)]
    names = sorted({name_of(pointer) for pointer in pointers})
    for asked in answers:
        if asked not in names and asked not in pointers:
            known = f"It has {', '.join(names)}." if names else "It has none."
            raise UsageError(f"--answer {asked}: the definition has no such human task. {known}")
