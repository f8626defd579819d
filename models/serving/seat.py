"""Where one thread asks a model: memory for a case and for what is said of it, bound to the session once.

Handing onnxruntime an array, and being handed one, costs more than what a small model computes. A graph takes one of

    row                 float32[n, width]: a row for each case
    columns, numbers    int64[found], float32[n, found]: of texts, whose rows are nearly all 0, the columns that are
                        not, and what rows have in them
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import local
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from models.serving.features import Encoder, Row
from models.serving.heads import table

STEP = 16  # columns: texts with as many, up to a multiple of it, share memory
MOST = 256  # columns that memory is kept for; what has more is asked without

Feed = Mapping[str, NDArray[Any]]


def takes_columns(session: ort.InferenceSession) -> bool:
    """Whether a graph takes columns and numbers in place of a row."""
    taken = [(each.type, len(each.shape)) for each in session.get_inputs()]
    return taken == [("tensor(int64)", 1), ("tensor(float)", 2)]


def feeding(session: ort.InferenceSession) -> Callable[[Row], Feed]:
    """How rows are handed to a graph."""
    names = [each.name for each in session.get_inputs()]
    if not takes_columns(session):
        return lambda rows: {names[0]: rows}
    return lambda rows: dict(zip(names, _columns(rows), strict=True))


def _columns(rows: Row) -> tuple[NDArray[np.int64], Row]:
    """The columns in which any row is not 0, at least one, and what they have in them."""
    found = np.flatnonzero(rows.any(axis=0))
    columns: NDArray[np.int64] = found.astype(np.int64) if len(found) else np.zeros(1, dtype=np.int64)
    return columns, rows.take(columns, axis=1)


class RowSeat:
    """Of a graph that takes a row: one case at a time, take it, then ask."""

    def __init__(self, session: ort.InferenceSession, output: str, encoder: Encoder, labels: tuple[str, ...]) -> None:
        self._row: Row = np.zeros((1, encoder.width), dtype=np.float32)
        self._cells: Any = memoryview(self._row[0])
        self._write = encoder.write
        self._bound = _Bound(session, output, labels, {session.get_inputs()[0].name: self._row})
        self.ask = self._bound.ask  # what the model says of it; good until it is asked again

    def take(self, values: Mapping[str, Any]) -> bool:
        """What is asked about from now on. Says and raises what `Encoder.write` does."""
        self._row.fill(0.0)
        return self._write(values, self._cells)

    def encoded(self) -> Row:
        """The case as a row of its own."""
        return self._row.copy()


class TextSeat:
    """Of a graph that takes columns and numbers. Texts of about the same length share memory, so that a few bindings do
    for all; where a text has fewer columns than there is room for, some are said to hold 0.
    """

    def __init__(self, session: ort.InferenceSession, output: str, encoder: Encoder, labels: tuple[str, ...]) -> None:
        names = [each.name for each in session.get_inputs()]
        self._make = partial(_Columns, session, output, labels, names)
        self._places, self._width = encoder.places, encoder.width
        self._kept: dict[int, _Columns] = {}
        self._taken = self._columns(1)

    def take(self, values: Mapping[str, Any]) -> bool:
        """See `RowSeat`."""
        found, numbers = self._places(values), None
        if len({*found}) < len(found):
            counts = Counter(found)
            found, numbers = [*counts], [*counts.values()]
        steps = -(-len(found) // STEP)
        self._taken = self._kept.get(steps) or self._columns(steps)
        self._taken.write(found, numbers)
        return True

    def ask(self) -> NDArray[Any]:
        """What the model says of it; good until it is asked again."""
        return self._taken.bound.ask()

    def encoded(self) -> Row:
        """See `RowSeat`."""
        row: Row = np.zeros((1, self._width), dtype=np.float32)
        np.add.at(row[0], self._taken.columns, self._taken.numbers)
        return row

    def _columns(self, steps: int) -> _Columns:
        made = self._make(steps * STEP)
        if steps * STEP <= MOST:
            self._kept[steps] = made
        return made


class _Columns:
    """Room for so many columns."""

    def __init__(
        self, session: ort.InferenceSession, output: str, labels: tuple[str, ...], names: Sequence[str], room: int
    ) -> None:
        self.columns, self.numbers = array("q", [0] * room), array("f", [0] * room)
        self._none, self._once = array("f", [0] * room), array("f", [1] * room)
        numbers = np.frombuffer(self.numbers, dtype=np.float32)[None]
        memory = (np.frombuffer(self.columns, dtype=np.int64), numbers)
        self.bound = _Bound(session, output, labels, dict(zip(names, memory, strict=True)))

    def write(self, columns: list[int], numbers: list[int] | None) -> None:
        """Columns, and what is in them; 1 in each unless that is said."""
        used = len(columns)
        self.columns[:used] = array("q", columns)
        self.numbers[:used] = self._once[:used] if numbers is None else array("f", numbers)
        if used < len(self.numbers):  # an array in use takes no empty slice
            self.numbers[used:] = self._none[used:]


class _Bound:
    """A session, the memory that it reads, and that for what it says where its output always has the same shape."""

    def __init__(self, session: ort.InferenceSession, output: str, labels: tuple[str, ...], feed: Feed) -> None:
        self._session, self._labels = session, labels
        self._names, self._feed = [output], feed
        found = self._run()
        self._binding: ort.IOBinding | None = None
        if isinstance(found, np.ndarray) and found.ndim == 2 and found.dtype == np.float32:
            self._found: NDArray[np.float32] = np.zeros_like(found)
            self._binding = session.io_binding()
            for name, array_ in feed.items():
                self._bind(self._binding.bind_input, name, array_)
            self._bind(self._binding.bind_output, output, self._found)

    def ask(self) -> NDArray[Any]:
        """What the model says of the first case in the memory; good until it is asked again."""
        if self._binding is not None:
            try:
                self._session.run_with_iobinding(self._binding)
                return self._found[0]  # type: ignore[no-any-return]
            except Exception:  # noqa: BLE001  # a shape that changes with the row; the usual way says what is wrong
                self._binding = None
        found = self._run()
        usual = type(found) is np.ndarray and found.ndim == 2  # is a table already, and need not be copied into one
        return found[0] if usual else table(found, self._labels)[0]  # type: ignore[no-any-return]

    def _bind(self, bind: Callable[..., None], name: str, memory: NDArray[Any]) -> None:
        bind(name, "cpu", 0, memory.dtype.type, memory.shape, memory.ctypes.data)

    def _run(self) -> Any:
        return self._session.run(self._names, self._feed)[0]


class Seats(local):
    """The seat of each thread that asks a model."""

    def __init__(self, session: ort.InferenceSession, output: str, encoder: Encoder, labels: tuple[str, ...]) -> None:
        """In every thread anew, with what it was made with."""
        self.seat = seat(session, output, encoder, labels)


def seat(
    session: ort.InferenceSession, output: str, encoder: Encoder, labels: tuple[str, ...] = ()
) -> RowSeat | TextSeat:
    """A seat, by what the graph takes."""
    return (TextSeat if takes_columns(session) else RowSeat)(session, output, encoder, labels)
