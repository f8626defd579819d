"""What keeps one record from stopping others: it goes aside, with what it made its handler raise, and the rest goes on.

A handler that raises does not say which record of its batch it was. As it depends on the messages and the state alone,
the batch is handled again record by record, each on the rows that the ones before it have left; what raises then is
parked. A fault of ours is parked in the same way, so each of these records is told with its stack trace.
"""

from __future__ import annotations

import traceback

import structlog

from streams.ground.errors import ExlifyError
from streams.ground.topic import MAX_WRITTEN_BYTES
from streams.runtime.epochs import Superseded
from streams.runtime.parking import parked, size_bytes
from streams.runtime.processor import Effects, Message, Processor, Record, Row, StateView
from streams.runtime.store import RESERVED, StoreError
from streams.runtime.writer import DeliveryError

NOT_THE_RECORD = (Superseded, DeliveryError, StoreError, MemoryError, ExlifyError)
"""What a handler may raise without any record being at fault: it ends the process, as everywhere."""

LONGEST_DUE_MS = 2**63 - 1

log = structlog.get_logger()


class UnwritableError(Exception):
    """The effects of a record are not such as can be written: too large, or rows that are not a processor's."""


class Overlay:
    """Rows as the records of a batch have changed them so far, over those that are durable."""

    def __init__(self, below: StateView) -> None:
        self._below = below
        self.changes: dict[bytes, Row | None] = {}

    def get(self, key: bytes) -> Row | None:
        """See `StateView`."""
        return self.changes[key] if key in self.changes else self._below.get(key)


def check(effects: Effects) -> None:
    """Raises UnwritableError where effects cannot be written as they are, before any of them is."""
    for output in effects.outputs:
        key, value, headers = output.key, output.value, output.headers
        about = (len(value) if value else 0) + (len(key) if key else 0)  # most outputs have no headers
        if about > MAX_WRITTEN_BYTES or (headers and size_bytes(key, value, headers) > MAX_WRITTEN_BYTES):
            raise UnwritableError(f"an output to {output.topic.name} is too large")
    for key, row in effects.changes.items():
        if key.startswith(RESERVED):
            raise UnwritableError("a row under a key of the runtime's own")
        if row is not None and (len(row.value) + len(key) > MAX_WRITTEN_BYTES or not 0 <= row.due_ms <= LONGEST_DUE_MS):
            raise UnwritableError("a row is too large, or due at a time that there is not")


def set_aside(
    processor: Processor, message: Message, state: StateView, error: BaseException, more: str = ""
) -> Effects:
    """What becomes of a message that its handler cannot use: it is parked, and who waits for its answer is told.

    The error's text may quote data, so only its type and the places that it came through are told.
    """
    tell(processor.declaration.name, message.record, error)
    return condemned(processor, message, state, f"its handler raised {type(error).__name__}{more}")


def condemned(processor: Processor, message: Message, state: StateView, reason: str) -> Effects:
    """The message is parked for this reason, and who waits for its answer is told."""
    name, record = processor.declaration.name, message.record
    effects = Effects([parked(record, name, reason)], {})
    try:
        told = processor.on_parked(message, state)
        check(told)
    except NOT_THE_RECORD:
        raise
    except Exception as another:  # noqa: BLE001  # the message can be wrong in any way
        tell(name, record, another)
    else:
        effects.add(told)
    return effects


def tell(processor: str, record: Record, error: BaseException) -> None:
    """Says where a record made the code raise; never the error's own text."""
    place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    log.error("record cannot be used", processor=processor, **place, **where(error))


def where(error: BaseException) -> dict[str, str]:
    """An error for the log: its type and its stack trace, without its text, which may quote data."""
    trace = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    return {"error": type(error).__name__, "exception": trace}
