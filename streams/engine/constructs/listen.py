"""`listen`: waits for events, and gives the list of those that it took.

Each event that is listened for is a wait of its own under its correlation key (`language.events`); who correlates sends
what fits. One event is enough for a wait, unless the listening goes on until something is so. What the first event says
of values that nobody expects yet, the others have to say too: they are waited for under narrower keys from then on.

An event counts once for an instance, however often it is delivered; the one that has started it has counted. One that
comes when it is waited for no longer is given back, so that a wait to come does not miss it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TypeVar

import msgspec
from orjson import dumps

from schemas import problems
from schemas.ids import event_key
from schemas.lifecycle import Phase
from schemas.payload import Json, UnreadablePayloadError
from streams.engine.activity import Activity
from streams.engine.construct import Construct
from streams.engine.data import evaluate
from streams.engine.errors import failed
from streams.engine.messages import AwaitEvent, CancelAwait, EventReceived, OfferedEvent
from streams.engine.run import Run
from streams.engine.state import Frame
from streams.engine.tree import Tree
from streams.engine.weight import PER_BYTE
from streams.language.constructs.listen import DATA, RAW, Listen
from streams.language.events import EventFilter

OneFrame = TypeVar("OneFrame", bound="ListenFrame")

TAKEN_KEPT = 1_000  # events of an instance that are known when they come again
_TOLD = ("type", "source", "id")  # of an event, in history


class ListenFrame(Frame, tag=6):
    """A `listen`: by filter the key that it waits under (none: not any more); the events taken, each behind the number
    of its filter; and what is expected of values that relate events."""

    iteration: int = 0  # type: ignore[misc]  # of its own, as that of a step
    attempt: int = 0  # type: ignore[misc]
    keys: list[str] = msgspec.field(default_factory=list)
    events: list[tuple[int, Json]] = msgspec.field(default_factory=list)
    expected: list[dict[str, Json]] = msgspec.field(default_factory=list)  # by filter


def _start(run: Run, task: Listen, activity: Activity) -> None:
    listen(run, task, activity, ListenFrame)


def listen(run: Run, task: Listen, activity: Activity, kind: type[ListenFrame]) -> None:
    """Begins to wait; a kind of frame with tasks inside keeps the input that they are given."""
    expected = [_expected(run, each, activity) for each in task.filters]
    keys = [_key(each, values, activity) for each, values in zip(task.filters, expected, strict=True)]
    frame = run.open(kind, activity) if kind is ListenFrame else run.open_around(kind, activity, keep_input=True)
    frame.iteration, frame.attempt = activity.iteration, activity.attempt
    frame.expected, frame.keys = expected, keys
    for number in range(len(keys)):
        _await(run, frame, task, number)


def _expected(run: Run, one: EventFilter, activity: Activity) -> dict[str, Json]:
    said = {each.name: each.expected for each in one.values if each.expected is not None}
    expected = {name: evaluate(run, found, activity.input, activity) for name, found in said.items()}
    for name, value in expected.items():
        run.keep(value)
        if value is None:
            raise failed(activity, problems.EXPRESSION, f"What is expected of `{name}` is null: no event has that.")
    return expected


def _key(one: EventFilter, expected: Mapping[str, Json], activity: Activity) -> str:
    try:
        return one.key(expected)
    except TypeError as error:  # numbers beyond 64 bits, broken text
        raise failed(activity, problems.EXPRESSION, f"An expected value can't be written as JSON: {error}") from None


def _await(run: Run, frame: ListenFrame, task: Listen, number: int) -> None:
    at = (frame.keys[number], run.instance_id, task.pointer, frame.iteration, frame.attempt, number)
    run.asked.append(AwaitEvent(*at, once=_once(task, number)))


def _once(task: Listen, number: int) -> bool:
    """Whether one event is enough."""
    return not task.until or number >= task.wanted


def _received(run: Run, frame: ListenFrame, task: Listen, event: EventReceived) -> None:
    if take(run, frame, task, event) is not None and not any(frame.keys):
        run.complete(run.close(frame), _output(frame, task))


def take(run: Run, frame: ListenFrame, task: Listen, event: EventReceived) -> tuple[int, Json] | None:
    """The number of its filter and what is read of an event that is taken; None where it is not.

    Behind the last one that is to come the frame waits under no key any more.
    """
    number = event.filter
    if number >= len(frame.keys) or not frame.keys[number]:
        give_back(run, event)
        return None
    activity = run.activity(frame)
    try:
        envelope, values = event.event.value(), event.values.value()
    except UnreadablePayloadError as error:
        raise failed(activity, problems.RUNTIME, f"An event cannot be read: {error}") from None
    if any(values.get(name) != value for name, value in frame.expected[number].items()):
        give_back(run, event)  # another has come first, and said what is expected
        return None
    if event.event_key in run.taken or event.event_key == event_key(run.instance.source, run.instance.event_id):
        run.note_came(event, Phase.RESULT_IGNORED)
        if event.key == frame.keys[number] and _once(task, number):
            _await(run, frame, task, number)
        return None
    run.taken = [*run.taken[1 - TAKEN_KEPT :], event.event_key]
    run.bound += (len(event.event.raw) + len(event.values.raw)) * PER_BYTE
    run.note(task, Phase.TASK_RECEIVED, frame.iteration, frame.attempt, {name: envelope.get(name) for name in _TOLD})
    value = _as_read(task, envelope)
    run.keep(value)
    frame.events.append((number, value))
    if _once(task, number):
        if event.key != frame.keys[number]:  # it was on its way when the key became narrower
            run.asked.append(_cancel(run, frame, task, number))
        frame.keys[number] = ""  # whoever correlates has forgotten it by itself
    if _is_over(run, frame, task, activity):
        withdraw(run, frame, task, "")
        frame.keys = [""] * len(frame.keys)
    else:
        _narrow(run, frame, task, task.filters[number].unsaid, values, activity)
    return number, value


def _as_read(task: Listen, envelope: Mapping[str, Json]) -> Json:
    if task.read == DATA:
        return envelope.get("data")
    return dumps(envelope.get("data")).decode() if task.read == RAW else envelope


def _is_over(run: Run, frame: ListenFrame, task: Listen, activity: Activity) -> bool:
    """Whether all has come that is to come."""
    if not task.until:
        return task.strategy != "all" or not any(frame.keys)
    until = task.until[0]
    if until.condition is None:
        ending = frame.keys[task.wanted :]
        return not any(ending) if until.every else "" in ending
    came = [value for number, value in frame.events if number < task.wanted]
    return bool(evaluate(run, until.condition, came, activity))


def _output(frame: ListenFrame, task: Listen) -> list[Json]:
    """What was wanted: in the order in which it is written for `all`, else in the order in which it came."""
    came = [each for each in frame.events if each[0] < task.wanted]
    if task.strategy == "all":
        came.sort(key=lambda each: each[0])
    return [value for _, value in came]


def _narrow(
    run: Run, frame: ListenFrame, task: Listen, names: frozenset[str], values: Mapping[str, Json], activity: Activity
) -> None:
    """The first event has said what is expected of others."""
    for number, one in enumerate(task.filters):
        unsaid = one.unsaid - frame.expected[number].keys()
        if not unsaid or not unsaid <= names:
            continue
        frame.expected[number] = {**frame.expected[number], **{name: values[name] for name in unsaid}}
        if frame.keys[number]:
            run.asked.append(_cancel(run, frame, task, number))
            frame.keys[number] = _key(one, frame.expected[number], activity)
            _await(run, frame, task, number)


def _cancel(tree: Tree, frame: ListenFrame, task: Listen, number: int) -> CancelAwait:
    key = frame.keys[number]
    return CancelAwait(key, tree.instance_id, task.pointer, frame.iteration, frame.attempt, number)


def withdraw(tree: Tree, frame: ListenFrame, task: Listen, reason: str) -> None:
    """Takes back every wait of the task."""
    for number, key in enumerate(frame.keys):
        if key:
            tree.asked.append(_cancel(tree, frame, task, number))


def give_back(run: Run, event: EventReceived) -> None:
    """The event is for others, unless this instance has taken it before."""
    if run.outcome is None:
        run.note_came(event, Phase.RESULT_IGNORED)
    if event.event_key not in run.taken:
        run.asked.append(offered_again(event))


def offered_again(event: EventReceived) -> OfferedEvent:
    """What gives an event back."""
    return OfferedEvent(event.key, event.event_key, event.event, event.values, event.at_ms, event.origin)


def copied(frame: OneFrame) -> OneFrame:
    """A copy to be changed."""
    twin = copy.copy(frame)
    twin.keys, twin.events, twin.expected = frame.keys.copy(), frame.events.copy(), frame.expected.copy()
    return twin


LISTEN = Construct(
    task=Listen, start=_start, numbered=True, frame=ListenFrame, received=_received, copy=copied, withdraw=withdraw
)
