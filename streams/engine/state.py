"""The state of one instance, and what a frame is.

A live instance is a tree of *frames*: one for each task that is open, from the root `do` down to the leaves that wait
for a step, for a time or for their branches. A task that has ended leaves no frame, so a state is as large as what is
going on and what later expressions still read, not as large as what has happened. Frames stand in the order of their
ids, a child after its parent. What a kind of frame holds beside that, its construct says (`constructs`).

An ended instance leaves a `Marker`: enough to recognise a second delivery of its start event and late results, until
the deduplication window is over.

The encoding (`encoding`) is msgpack of arrays, without field names. New fields go to the end of a struct and have a
default, so that states written by an older version still decode; tags of frames are never given a second time.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar, Generic, TypeVar

import msgspec

from schemas.ids import Key
from schemas.lifecycle import Status
from schemas.payload import Json


class Frame(msgspec.Struct, array_like=True, gc=False):
    """An open task. `kept` is what an expression may still read: nothing, (input,), or (input, raw input).

    A frame that is a step has an iteration, an attempt and a key of its own. Everything that names the step takes them
    from there: its command, the taking back of it, the result that counts, history. `asked` is the pointer that it was
    asked for with, where that is not the one of its task any more (`moving`).
    """

    iteration: ClassVar[int] = 0
    attempt: ClassVar[int] = 0
    key: ClassVar[str] = ""
    asked: ClassVar[str] = ""

    id: int
    task: int
    parent: int  # id of a frame, -1 for the root
    started_ms: int
    expires_ms: int = 0  # when its `timeout` ends it, 0 for never
    kept: tuple[Json, ...] = ()


class IncidentFrame(Frame, tag=60):
    """A task of any kind that has failed, with all that is needed to go on from there. Its id is the incident's number.

    A raw output is there where the work was done and what came after it failed: that alone is done again.
    """

    iteration: int = 0  # type: ignore[misc]  # of its own, as those of steps
    attempt: int = 0  # type: ignore[misc]
    key: str = ""  # type: ignore[misc]
    error: dict[str, Json] = msgspec.field(default_factory=dict)
    since_ms: int = 0
    begun: bool = True
    output: tuple[Json, ...] = ()
    flow: tuple[str, int] | None = None  # where the flow goes behind the raw output, if not where `then` says


class Certainty(IntEnum):
    """What is known of a step that may have to be undone."""

    DONE = 0
    ADRIFT = 1  # nobody wants its answer any more, and it has not come yet
    IN_DOUBT = 2  # it has failed, and may have had its effect


class Done(msgspec.Struct, array_like=True, gc=False):
    """A step that may have to be undone: what it was asked with, what it has answered."""

    task: int
    iteration: int
    attempt: int
    frame: int  # of the frames that there have been, the last: what was begun behind it has another number
    at_ms: int
    key: str  # idempotency key of its effect
    input: Json = None
    output: Json = None
    fallback: int = 0  # who has done it: 0 whom it was asked first, else whom of those that it falls back on
    certainty: Certainty = Certainty.DONE
    error: dict[str, Json] | None = None
    asked: str = ""


class Ledger(msgspec.Struct, array_like=True, gc=False):
    """What the steps of an instance have done; and the pointers of those that were undone, and that could not be."""

    done: list[Done] = msgspec.field(default_factory=list)
    undone: list[str] = msgspec.field(default_factory=list)
    standing: list[str] = msgspec.field(default_factory=list)


class UndoFrame(Frame, tag=61):
    """Undoing, of all that was done (below nothing) or of what was done in a `try` (below it).

    `ending` is how the instance ends then: status, output, error, what history tells instead, whether it gives up.
    """

    since: int = -1  # what has a smaller number in the ledger is not undone
    inside: int = 0  # a task: what is not in it is not undone; -1: nothing is, others are only waited for
    current: Done | None = None  # is being undone
    ending: tuple[Status, Json, dict[str, Json] | None, Json, bool] | None = None


class Later(msgspec.Struct, array_like=True, gc=False):
    """A result, or an event that is listened for, that came while the instance stood still."""

    at_ms: int
    pointer: str
    iteration: int
    attempt: int
    status: str
    output: bytes | None = None
    error: dict[str, Json] | None = None
    heard: tuple[int, str, str, bytes, bytes, int, int] | None = None  # of an event that was listened for


AnyFrame = TypeVar("AnyFrame", bound=Frame)  # the frames of one construct; for the decoder, all of them


class Instance(msgspec.Struct, Generic[AnyFrame], array_like=True, tag=0, gc=False):
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
    frames: list[AnyFrame] = msgspec.field(default_factory=list)
    size: int = 0  # bytes of the row that it was read from, 0 if from none; never written (`encoding`)
    taken: list[str] = msgspec.field(default_factory=list)  # events that its steps have listened for and taken
    later: list[Later] = msgspec.field(default_factory=list)  # while it is suspended
    ledger: Ledger | None = None  # of a workflow that undoes


class Marker(msgspec.Struct, array_like=True, tag=1, gc=False):
    """An ended instance, remembered until `expires_ms`."""

    status: Status
    seq: int
    expires_ms: int


State = Instance[Frame] | Marker
