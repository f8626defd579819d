"""What the engine takes in and gives out: the Avro messages of the same names, field by field.

Names and order are those of `schemas/avro/exlify.*.avsc`, so that `StartInstance(**decoded)` makes an event and
`msgspec.structs.asdict(command)` is what the codec encodes. Data of the business is a `Payload`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from schemas.ids import Key
from schemas.payload import Payload
from schemas.steps import Problem


class StartInstance(Struct, kw_only=True, gc=False):
    """A business event starts an instance."""

    instance_id: str
    workflow: str
    version: str
    digest: str
    source: str
    event_id: Key
    event_type: str
    business_key: Key | None = None
    time_ms: int
    data: Payload
    rerun: Mapping[str, Any] | None = None  # the Avro record `Rerun`
    event_keys: Sequence[str] = ()  # of the events that start it together


class StepResult(Struct, kw_only=True, gc=False):
    """A step processor answers a command; `status` is completed or faulted."""

    instance_id: str
    pointer: str
    iteration: int
    attempt: int
    status: str
    output: Payload | None = None
    error: Problem | None = None
    taken_ms: int | None = None  # told in history alone: the engine goes by no clock of a worker


class TimerFired(Struct, kw_only=True, gc=False):
    """The due time of an instance (`next_due_ms`) has passed."""

    instance_id: str
    due_ms: int


class CancelInstance(Struct, kw_only=True, gc=False):
    """Somebody wants the instance to end now."""

    instance_id: str
    reason: str
    actor: str
    undo: bool = True  # what was done, where the definition says how


class ControlInstance(Struct, kw_only=True, gc=False):
    """Somebody wants the instance to stand still, to go on, or to be on another definition: suspend, resume or move."""

    instance_id: str
    control_id: str
    action: str
    digest: str | None = None
    places: dict[str, str] = {}
    why: str
    actor: str


class StepRetrying(Struct, kw_only=True, gc=False):
    """A failed step will be tried again at `due_ms`: nothing for the engine to do, and told in history."""

    instance_id: str
    pointer: str
    iteration: int
    attempt: int
    retry: int
    retries: int
    due_ms: int
    error: Problem
    policy_of: str | None = None
    actor: str | None = None  # who did not want to wait
    why: str | None = None


class RepairStep(Struct, kw_only=True, gc=False):
    """Somebody has decided how an incident goes on: `action` is retry, skip or fail."""

    instance_id: str
    repair_id: str
    incident: int
    action: str
    input: Payload | None = None  # retry: members of the step's input that are to be others (JSON merge patch)
    output: Payload | None = None  # skip: what the step would have given
    key: str = "kept"  # retry: or new
    digest: str | None = None  # of the corrected definition to go on with
    why: str
    actor: str
    undo: bool = True  # fail: what was done, where the definition says how


class EventReceived(Struct, kw_only=True, gc=False):
    """An event that a step listens for has come; `values` relate it to the instance, by name."""

    instance_id: str
    pointer: str
    iteration: int
    attempt: int
    filter: int
    key: str
    event_key: str
    event: Payload
    values: Payload
    at_ms: int
    origin: int


Event = (
    StartInstance
    | StepResult
    | EventReceived
    | TimerFired
    | CancelInstance
    | RepairStep
    | StepRetrying
    | ControlInstance
)


class StepCommand(Struct, gc=False):
    """What a step processor is asked to do; the step id of it is the idempotency key of its effects."""

    instance_id: str
    pointer: str
    iteration: int
    attempt: int
    function: str
    arguments: Payload
    deadline_ms: int | None
    workflow: str
    version: str
    digest: str
    effect: str | None
    business_key: Key | None
    key: str | None = None  # where the id of the step is not the idempotency key
    recovery: bytes | None = None  # how it is tried again
    probe: Payload | None = None  # how the system is asked whether it was done
    followed: bool = False  # somebody else is asked if it fails, or it may have to be undone


class CancelStep(Struct, gc=False):
    """The answer of a step that was asked for earlier is not wanted any more."""

    instance_id: str
    pointer: str
    iteration: int
    attempt: int
    reason: str
    function: str  # not on the wire: says to which processor the command went
    answer: bool = False  # what became of it is wanted all the same


class ControlChild(Struct, gc=False):
    """The instance that a step has started, and that is waited for, stands still or goes on with this one.

    It goes the way of the step's command, so it never comes to that instance before its start.
    """

    instance_id: str
    pointer: str
    iteration: int
    attempt: int
    control_id: str
    action: str
    why: str
    actor: str


class AwaitEvent(Struct, gc=False):
    """A step waits for an event from now on; `filter` says for which of its events."""

    key: str
    instance_id: str
    pointer: str
    iteration: int
    attempt: int
    filter: int
    once: bool


class CancelAwait(Struct, gc=False):
    """It waits for that no longer."""

    key: str
    instance_id: str
    pointer: str
    iteration: int
    attempt: int
    filter: int


class OfferedEvent(Struct, gc=False):
    """An event came to a step that waits for it no longer: it is for whoever waits next."""

    key: str
    event_key: str
    event: Payload
    values: Payload
    at_ms: int
    origin: int


EventCommand = AwaitEvent | CancelAwait | OfferedEvent
Command = StepCommand | CancelStep | ControlChild | EventCommand


class Transition(Struct, gc=False):
    """One entry of history; `phase` is a word of `lifecycle.Phase`, `data` is JSON."""

    pointer: str
    iteration: int
    attempt: int
    phase: str
    data: Payload | None = None


class Incident(Struct, gc=False):
    """A failed step that waits for somebody's decision, or how that came to its end: the Avro message `Incident`."""

    instance_id: str
    incident_id: str
    number: int
    seq: int
    pointer: str
    iteration: int
    attempt: int
    function: str | None
    status: str  # open, retried, skipped, failed; cancelled: what it was part of has ended
    reason: str | None
    error: Problem
    workflow: str
    version: str
    digest: str
    business_key: Key | None
    owner: str
    opened_at_ms: int
    closed_at_ms: int | None = None
    actor: str | None = None
    why: str | None = None


class Outcome(Struct, gc=False):
    """How the instance ended: the Avro message `InstanceOutcome`."""

    instance_id: str
    workflow: str
    version: str
    digest: str
    status: str
    output: Payload | None
    error: Problem | None
    business_key: Key | None
    source: str
    event_id: Key
    started_at_ms: int
    ended_at_ms: int
    undone: list[str] | None = None  # pointers of steps
    standing: list[str] | None = None  # of those that should have been undone, and could not be
