"""The engine: what happens next in one instance, decided by a pure function.

An event from the inbox and the state of one instance go in; the new state, commands for step processors, entries for
the history and, once, the outcome come out. Nothing here does I/O, reads a clock or draws a number: the time is that
of the record, ids are derived. So folding an inbox through the engine again gives the same bytes, which is how a
crash is survived and how a recorded instance is explained.

Read `step` first, then `run` (how control moves through the tree of tasks) and `constructs` (what each kind of task
does, one file each). Nobody imports what stands above it:

    state ─▶ tree ─▶ contexts, variables ─▶ data ─▶ run ─▶ construct ─▶ constructs ─▶ encoding, timers ─▶ step, waits
    frames   open     what an expression            control  the record   one file      repair, moving, control
             tasks    can read                               of a kind    each          what people decide
                      ledger ───────────────────────────────▶ undo
                      what was done                           takes it back
"""

from streams.engine.encoding import decode_state, encode_state
from streams.engine.limits import LIMITS, Limits
from streams.engine.messages import (
    AwaitEvent,
    CancelAwait,
    CancelInstance,
    CancelStep,
    Command,
    ControlChild,
    ControlInstance,
    Event,
    EventCommand,
    EventReceived,
    Incident,
    OfferedEvent,
    Outcome,
    RepairStep,
    StartInstance,
    StepCommand,
    StepResult,
    StepRetrying,
    TimerFired,
    Transition,
)
from streams.engine.state import Instance, Marker, State
from streams.engine.step import Step, step
from streams.engine.timers import next_due_ms
from streams.engine.waits import Waiting, waits

__all__ = [
    "LIMITS",
    "AwaitEvent",
    "CancelAwait",
    "CancelInstance",
    "CancelStep",
    "Command",
    "ControlChild",
    "ControlInstance",
    "Event",
    "EventCommand",
    "EventReceived",
    "Incident",
    "Instance",
    "Limits",
    "Marker",
    "OfferedEvent",
    "Outcome",
    "RepairStep",
    "StartInstance",
    "State",
    "Step",
    "StepCommand",
    "StepResult",
    "StepRetrying",
    "TimerFired",
    "Transition",
    "Waiting",
    "decode_state",
    "encode_state",
    "next_due_ms",
    "step",
    "waits",
]
