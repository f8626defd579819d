"""The state of one instance, and its bytes.

A live instance is a tree of *frames*: one for each task that is open, from the root `do` down to the leaves that wait
for a step, for a time or for their branches. A task that has ended leaves no frame, so a state is as large as what is
going on and what later expressions still read, not as large as what has happened. Frames stand in the order of their
ids, a child after its parent.

An ended instance leaves a `Marker`: enough to recognise a second delivery of its start event and late results, until
the deduplication window is over.

How what is not built yet fits in:

- `retry`: `TryFrame` gets the number of the attempt and, while it backs off, a due time; the steps below get that
  attempt.
- `compete`: when a branch ends, `ForkFrame` closes the others as it does now when one raises.
- `listen`: a leaf frame beside `WaitFrame`, with the keys it listens for and the events taken so far.
- `run: workflow`, `map`: a leaf frame beside `StepFrame`, with the id of the child instance, or one for each element;
  what comes back from a child is a result.

The encoding is msgpack of arrays (no field names). New fields go to the end of a struct and have a default, so that
states written by an older version still decode.
"""

from __future__ import annotations

import copy

import msgspec

from schemas.ids import Key
from schemas.payload import Json
from streams.engine.lifecycle import Status


class Frame(msgspec.Struct, array_like=True, gc=False):
    """An open task. `kept` is what an expression may still read: nothing, (input,), or (input, raw input)."""

    id: int
    task: int
    parent: int  # id of a frame, -1 for the root
    started_ms: int
    expires_ms: int = 0  # when its `timeout` ends it, 0 for never
    kept: tuple[Json, ...] = ()


class ListFrame(Frame, tag=0):
    """A `do`: where it stands is known from its child."""


class LoopFrame(Frame, tag=1):
    """A `for`: the current item, its number, and the items to come, the next one last."""

    item: Json = None
    index: int = -1
    remaining: list[Json] = []


class ForkFrame(Frame, tag=2):
    """A `fork`: outputs and exported contexts of branches by their position."""

    waiting: int = 0  # branches that have not ended
    results: list[Json] = []
    exports: dict[int, Json] = {}


class TryFrame(Frame, tag=3):
    """A `try`: the error while its handler runs, else None."""

    error: dict[str, Json] | None = None


class StepFrame(Frame, tag=4):
    """A call: waits for the result of exactly this iteration."""

    iteration: int = 0


class WaitFrame(Frame, tag=5):
    """A `wait`: ends at `due_ms`."""

    due_ms: int = 0


AnyFrame = ListFrame | LoopFrame | ForkFrame | TryFrame | StepFrame | WaitFrame


class Instance(msgspec.Struct, array_like=True, tag=0, gc=False):
    """A live instance."""

    digest: str
    workflow: str
    version: str
    status: Status
    seq: int  # number of the last history entry, from 0
    business_key: Key | None
    source: str
    event_id: Key
    started_at_ms: int
    expires_ms: int = 0  # when the workflow's `timeout` ends it, 0 for never
    next_frame: int = 0
    input: Json = None  # raw input of the workflow, only if the graph keeps it
    context: Json = msgspec.field(default_factory=dict)
    entries: dict[int, int] = msgspec.field(default_factory=dict)  # call task -> times entered, numbers its iterations
    frames: list[AnyFrame] = []


class Marker(msgspec.Struct, array_like=True, tag=1, gc=False):
    """An ended instance, remembered until `expires_ms`."""

    status: Status
    seq: int
    expires_ms: int


State = Instance | Marker

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[State] = msgspec.msgpack.Decoder(State)


def encode_state(state: State) -> bytes:
    """The bytes of a state: the same for equal states.

    Raises TypeError, ValueError, OverflowError or RecursionError for data that msgpack can't hold (numbers beyond 64
    bits, data nested too deeply); `step` turns these into a fault of the instance.
    """
    return _encoder.encode(state)


def decode_state(raw: bytes) -> State:
    """The state of `encode_state`'s bytes; raises msgspec.DecodeError for bytes that are none."""
    return _decoder.decode(raw)


def next_due_ms(state: State) -> int:
    """When the engine has to be given a `TimerFired`, Unix time in milliseconds; 0 for never."""
    if type(state) is Marker:
        return state.expires_ms
    assert type(state) is Instance
    earliest = state.expires_ms
    for frame in state.frames:
        due_ms = frame_due_ms(frame)
        if due_ms and (not earliest or due_ms < earliest):
            earliest = due_ms
    return earliest


def frame_due_ms(frame: Frame) -> int:
    """When a frame needs a timer next, for whatever reason; 0 for never."""
    if type(frame) is WaitFrame and (not frame.expires_ms or frame.due_ms <= frame.expires_ms):
        return frame.due_ms
    return frame.expires_ms


def copy_frame(frame: AnyFrame) -> AnyFrame:
    """A frame to be changed while the original stays as it is; frames that nobody changes once open are their own copy.

    The data inside is shared, because nobody changes data.
    """
    kind = type(frame)
    if kind is ListFrame or kind is StepFrame or kind is WaitFrame:
        return frame
    twin = copy.copy(frame)
    if type(twin) is LoopFrame:
        twin.remaining = twin.remaining.copy()
    elif type(twin) is ForkFrame:
        twin.results = twin.results.copy()
        twin.exports = twin.exports.copy()
    return twin
