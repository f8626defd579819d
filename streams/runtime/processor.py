"""The one interface on which every processor is written.

A processor says what it reads and what it keeps; the runtime delivers messages and makes what the processor returns
durable, in this order: outputs, changelog, store, acknowledgement, commit. A crash before the changelog makes the
same messages come again with the same state, so a handler must give the same effects again: no clock, no randomness
(a record's timestamp is the time).

A fast processor computes (`handle`, a batch at a time; it blocks only where it says so). A slow one waits for others
(`handle_one`, many at a time and in any order; the runtime commits no further than the oldest message under way).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

import msgspec

from streams.ground.topic import Topic

if TYPE_CHECKING:
    from streams.ground.causes import Cause
from streams.runtime.declaration import Declaration

Headers = Sequence[tuple[str, bytes]]


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record as Kafka delivered it."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Message(msgspec.Struct, frozen=True, gc=False):
    """A record and what its value says: the Avro record's full name and its fields; no name where there is no value."""

    record: Record
    name: str
    data: dict[str, Any]


class Output(msgspec.Struct, frozen=True, gc=False):
    """A record to be written. Its partition follows from its topic and its key."""

    topic: Topic
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Row(msgspec.Struct, frozen=True, gc=False):
    """A table row. `on_due` is called once `due_ms` (epoch) has passed; 0 is never."""

    value: bytes
    due_ms: int = 0


class Effects(msgspec.Struct, eq=False):
    """What a handler wants to be true: records written and rows changed (None deletes).

    `counts` are called once that is so. The same records may be handled again (something is not there yet, or one of
    them is wrong), so a handler that counts for itself would count them twice.
    """

    outputs: list[Output] = []
    changes: dict[bytes, Row | None] = {}
    counts: list[Callable[[], object]] = []

    def __eq__(self, other: object) -> bool:
        """Whether the same becomes true; what is counted is nothing that comes again."""
        return isinstance(other, Effects) and (self.outputs, self.changes) == (other.outputs, other.changes)

    def __ne__(self, other: object) -> bool:
        """As `__eq__`: msgspec would compare identities."""
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    def add(self, more: Effects) -> None:
        """These, too."""
        self.outputs.extend(more.outputs)
        self.changes.update(more.changes)
        self.counts.extend(more.counts)


class NotYet(Exception):
    """A fast handler lacks something that will come (a definition, a schema): it is called again, from the start,
    after `wait`."""

    def __init__(self, reason: str, wait: Callable[[], Awaitable[object]]) -> None:
        super().__init__(reason)
        self.wait = wait


class Computing(NotYet):
    """What is missing is the handler's own work, in a thread: waiting for it is a part of handling."""


class Crowded(NotYet):
    """Nothing is missing: a handler keeps records in Kafka for a while, so that others get on. It is asked again, from
    the start; the wait is neither a stall nor anything to be told, and ends with the lane."""


class StateView(Protocol):
    """The rows of the partition that a handler works on."""

    def get(self, key: bytes) -> Row | None:
        """The row as of the messages handled before."""
        ...


class _NoState:
    def get(self, key: bytes) -> Row | None:
        return None


NO_STATE: Final[StateView] = _NoState()
"""What a processor without a table sees."""


class WritableState(StateView, Protocol):
    """What a slow handler gets: it may make an intent durable before it acts."""

    def write(self, changes: dict[bytes, Row | None]) -> Awaitable[None]:
        """Returns once the changes are in the changelog and in the store."""
        ...

    def rest(self, record: Record) -> AbstractAsyncContextManager[None]:
        """Entered by the handler of a record that only waits for its turn, as long as it does: meanwhile it is not one
        of the many that are carried out at once. Nothing outside may be touched in it."""
        ...

    def takes(self, seconds: float) -> None:
        """Said by the task that handles a record: it may take so much longer, from now on, before that is a stall."""


class Processor(ABC):
    """What every processor has: a declaration and a life. Most need neither `open` nor `close`, and have no timers."""

    declaration: Declaration
    offered_again_ms: ClassVar[int] = 0  # a due row of which nothing comes is offered again after this, if given
    framed: ClassVar[bool] = True  # values are Avro in Confluent framing and arrive decoded; False: only in `record`

    def fields(self) -> Mapping[str, Collection[str]] | None:
        """The fields that it needs of every message, by full record name, where they are few; None: all.

        It may ask for others by `data[field]`. They are not looked into before, so a record in which only they cannot
        be read is not parked unless it asks.
        """
        return None

    async def open(self) -> None:  # noqa: B027  # empty on purpose
        """Gets ready, before the first message; raises to refuse the start."""

    async def close(self) -> None:  # noqa: B027  # empty on purpose
        """Lets go of what `open` took."""

    async def causes(self) -> Sequence[Cause]:
        """What it needs and does not get now; asked when somebody asks whether the worker is ready."""
        return ()

    def reads_also(self) -> Callable[[str], bool] | None:
        """What tells of a topic that its declaration does not name whether it reads that too; None while it reads none.

        Asked again and again, so that inputs may appear while it runs, such as business topics by a pattern. Only where
        it is not None are all topics listed, which costs brokers and worker alike.
        """
        return None

    async def watch(self) -> None:
        """Runs beside the work while it is hosted, until it is cancelled; what it raises ends the worker."""
        await asyncio.Event().wait()

    def read_up_to(self, row: Row) -> int:
        """Offset of the last input record that went into a row; -1 where rows note none. For one input topic only."""
        return -1

    def reread(self, row: Row) -> Row:
        """The row as if its input were read for the first time: the offsets that it notes are used again."""
        return row

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """What to do about a row whose time has come: nothing unless said. A row that stays due is offered again."""
        return Effects([], {})

    def on_parked(self, message: Message, state: StateView) -> Effects:
        """What else is to be true where a message was parked, as it made the handler raise: its answer, if any."""
        return Effects([], {})


class FastProcessor(Processor):
    """Computes: a batch in, its effects out."""

    stands_with: ClassVar[str] = ""
    """The system outside that `handle` waits for, if it does: then it runs in a thread, for what all lanes have at that
    moment as one batch, and must leave `state` alone. However long that takes, it is no stall."""

    def noted(self) -> Mapping[tuple[str, int], int]:
        """Up to where its inputs (topic and partition) are in what it has made outside, as `note` was told.

        Asked on each assignment; it reads on from there where that is before what its group has committed, so the same
        record may come to it again. Raises UnavailableError where that cannot be said now. This and `note` are called
        of those that stand with a system outside, in their thread.
        """
        raise NotImplementedError

    def note(self, positions: Mapping[Any, int]) -> None:
        """Keeps positions, by topic and partition, where what it makes is kept. What it raises ends the worker."""

    @abstractmethod
    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """Effects of all messages of the batch together, in their order.

        Changes of one call are seen by `state.get` only after it has returned: a handler that meets a key twice in
        one batch looks into its own changes first.
        """


class SlowProcessor(Processor):
    """Waits for others: one message at a time, many of them under way."""

    concurrency: int = 1  # how many messages may be under way at once in this process
    bounds_time: ClassVar[bool] = False  # it ends each message in time by itself, so that a long one is no stall

    def on_record(self, effects: Effects) -> bool:
        """Whether the rows of what came of a message hold its outputs, so that they are told again if it comes again.

        Then the rows are made durable first. What has come of it is never another thing after a crash, though what is
        outside may answer otherwise by then.
        """
        return False

    @abstractmethod
    async def handle_one(self, message: Message, state: WritableState) -> Effects:
        """Effects of one message.

        A message may be on the wire twice, and its copy may come while it is under way: the row of `state` does not
        tell (`once.py` does). What another has decided is seen as soon as its handler has returned. A handler may wait
        between its look at a row and its decision only if nobody else decides about that row meanwhile.
        """
