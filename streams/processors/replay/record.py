"""What is on record of a first run: what its steps were asked, and what they were answered.

A recorded answer counts where the same task asks the same function with the same arguments. A definition that has
changed may have the task at another place, so one of the same name counts as the same where its own place has nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson

from schemas.lifecycle import Phase, Status
from schemas.messages import EVENT_RECEIVED, REPAIR_STEP, START_INSTANCE, STEP_RESULT
from schemas.payload import Payload, UnreadablePayloadError
from schemas.steps import COMPLETED, FAULTED
from streams.engine import AwaitEvent, EventReceived, StartInstance, StepResult
from streams.language.graph import Graph
from streams.processors.costs import NOTHING, Prices
from streams.processors.human import HUMAN
from streams.processors.orchestrate.retrace import Entry, retraced
from streams.processors.replay.tale import NONE, Tale, ending, name_of, problem_of

Request = tuple[str, str, bytes]  # task, function, arguments
Place = tuple[str, int, int]  # pointer, iteration, attempt
_STEP_ID = re.compile(rb'"([0-9a-f]{32})/(?:[^"\\/]+/)*([^"\\/]+/\d+/\d+)"')
ENDS = (Phase.WORKFLOW_FAULTED, Phase.WORKFLOW_CANCELLED)


class Answered(NamedTuple):
    """What a step was answered, and how long that took. No result: no answer came, and the run went on without."""

    result: StepResult | None
    after_ms: int


class FirstRun:
    """One first run. Answers are handed out in the order in which they came, each once."""

    def __init__(self, tale: Tale, start: StartInstance | None = None, at_ms: int | None = None) -> None:
        self.tale = tale
        self.start = start
        self.at_ms = at_ms  # of its start
        self._by_request: defaultdict[Request, deque[tuple[Place, Answered]]] = defaultdict(deque)
        self._people: defaultdict[str, deque[tuple[Place, Answered]]] = defaultdict(deque)
        self._used: set[Place] = set()
        self._received: defaultdict[tuple[str, int], list[tuple[int, EventReceived]]] = defaultdict(list)

    def note(self, step: dict[str, Any], answered: Answered) -> None:
        """Takes note of a step and its answer."""
        pointer, function = step["pointer"], step["function"]
        place = (pointer, step["iteration"], step["attempt"])
        original = self.start.instance_id if self.start is not None else ""
        arguments = canonical(step["arguments"], original, original)
        for task in dict.fromkeys((pointer, name_of(pointer))):
            self._by_request[task, function, arguments].append((place, answered))
            if function == HUMAN.name:
                self._people[task].append((place, answered))

    def note_received(self, at_ms: int, event: EventReceived) -> None:
        """Takes note of an event that came to a step that listens."""
        self._received[name_of(event.pointer), event.filter].append((at_ms, event))

    def received(self, command: AwaitEvent) -> list[tuple[int, EventReceived]]:
        """See `rerun.Events`."""
        return self._received.pop((name_of(command.pointer), command.filter), [])

    def answer(self, pointer: str, function: str, arguments: bytes) -> tuple[Answered, bool] | None:
        """What is on record for a request, and whether the request is the same; of people, whatever they answered."""
        tasks = (pointer, name_of(pointer))
        same = [self._by_request.get((task, function, arguments)) for task in tasks]
        people = [self._people.get(task) for task in tasks] if function == HUMAN.name else []
        for number, queue in enumerate((*same, *people)):
            while queue and queue[0][0] in self._used:
                queue.popleft()
            if queue:
                place, answered = queue.popleft()
                self._used.add(place)
                return answered, number < len(same)
        return None


def canonical(data: Payload, instance: str, original: str) -> bytes:
    """Data so that the same is the same bytes, whichever of the two runs it is of: the id of one instance counts as
    that of the other, and the id of a step does not say where in the definition its task stands.
    """
    try:
        text = orjson.dumps(data.value(), option=orjson.OPT_SORT_KEYS)
    except (UnreadablePayloadError, TypeError):
        text = data.raw
    ours = instance.encode()
    if ours not in text:
        return text
    text = _STEP_ID.sub(rb'"\1/\2"', text)
    return text if instance == original else text.replace(ours, original.encode())


def first_run(
    graphs: Callable[[str], Graph | None],
    entries: Sequence[Entry],
    row_status: str | None = None,
    prices: Prices = NOTHING,
) -> FirstRun:
    """A first run from its history; less of it where that is not whole, or this engine makes something else of it."""
    if not entries:
        return FirstRun(Tale(ended=ended(entries, row_status)))
    (first, name, cause), (last, _, _) = entries[0], entries[-1]
    start = StartInstance(**cause) if name == START_INSTANCE else None
    tale = Tale(ended=ended(entries, row_status), took_ms=last["at_ms"] - first["at_ms"])
    tale.output = _output(last)
    run = FirstRun(tale, start, first["at_ms"])
    for entry, name, cause in entries:
        if name == EVENT_RECEIVED:
            run.note_received(entry["at_ms"], EventReceived(**cause))
    found = retraced(graphs, entries)
    if found is None:
        return run
    answers, done_again = _answers(entries)
    awaited = {(each.pointer, each.iteration, each.attempt) for each in found.waits}
    for number, steps in sorted(found.asked.items()):
        asked_ms = entries[number][0]["at_ms"]
        for step in steps:
            tale.asked(step["function"], step["arguments"], prices)
            place = (step["pointer"], step["iteration"], step["attempt"])
            if place in done_again:
                continue
            result, at_ms = answers.get(place, (None, asked_ms))
            if result is not None:
                tale.answered(step["function"], result)
            elif place in awaited:
                continue
            run.note(step, Answered(result, max(0, at_ms - asked_ms)))
    return run


def ended(entries: Sequence[Entry], row_status: str | None = None) -> str:
    """How a first run ended; by its row alone where its history cannot be read, and NONE where it is not on record."""
    if not entries:
        return row_status or NONE
    status = entries[-1][0]["status"]
    if status == Status.INCIDENT:
        opened = [
            each["data"] for entry, _, _ in entries for each in entry["transitions"]
            if each["phase"] == Phase.INCIDENT_OPENED
        ]  # fmt: skip
        return ending(status, problem_of(opened[-1]) if opened else None)
    if status == Status.FAULTED:
        told = [each["data"] for each in entries[-1][0]["transitions"] if each["phase"] in ENDS]
        return ending(status, problem_of(told[-1]) if told else None)
    return str(status)


def _output(last: Any) -> Payload | None:
    for each in last["transitions"]:
        if each["phase"] == Phase.WORKFLOW_COMPLETED:
            found: Payload | None = each["data"]
            return found
    return None


def _answers(entries: Sequence[Entry]) -> tuple[dict[Place, tuple[StepResult, int]], set[Place]]:
    """The answers that counted, by step, and the steps that people had done again, so that a later one counts. Of one
    that they left out, what they said instead."""
    found: dict[Place, tuple[StepResult, int]] = {}
    done_again: set[Place] = set()
    for entry, name, cause in entries:
        if name == STEP_RESULT and all(each["phase"] != Phase.RESULT_IGNORED for each in entry["transitions"]):
            result = StepResult(**cause)
            found[result.pointer, result.iteration, result.attempt] = result, entry["at_ms"]
        if name != REPAIR_STEP:
            continue
        for each in entry["transitions"]:
            place = (each["pointer"], each["iteration"], each["attempt"])
            if each["phase"] == Phase.INCIDENT_SKIPPED:
                found[place] = _instead(entry["instance_id"], place, cause["output"]), entry["at_ms"]
            elif each["phase"] == Phase.TASK_RETRIED:
                again = {known for known in found if known[:2] == place[:2] and found[known][0].status == FAULTED}
                done_again |= again
    return found, done_again


def _instead(instance_id: str, place: Place, output: Payload | None) -> StepResult:
    pointer, iteration, attempt = place
    return StepResult(
        instance_id=instance_id, pointer=pointer, iteration=iteration, attempt=attempt, status=COMPLETED,
        output=output or Payload.inside(b"null"),
    )  # fmt: skip
