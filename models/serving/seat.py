"""Where one thread asks a model: memory for a row and for what is said of it, bound to the session once.

Handing onnxruntime an array, and being handed one, costs more than what a small model computes.
"""

from __future__ import annotations

from threading import local
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from models.serving.features import Row
from models.serving.heads import table


class Seat:
    """One row at a time: write into `cells`, then ask."""

    def __init__(self, session: ort.InferenceSession, output: str, width: int, labels: tuple[str, ...]) -> None:
        self.row: Row = np.zeros((1, width), dtype=np.float32)
        self.cells: Any = memoryview(self.row[0])
        self._session, self._labels = session, labels
        self._names, self._feed = [output], {session.get_inputs()[0].name: self.row}
        found = self._run()
        self._binding: ort.IOBinding | None = None
        if isinstance(found, np.ndarray) and found.ndim == 2 and found.dtype == np.float32:
            self._found: NDArray[np.float32] = np.zeros_like(found)
            self._binding = session.io_binding()
            for bind, name, array in (
                (self._binding.bind_input, session.get_inputs()[0].name, self.row),
                (self._binding.bind_output, output, self._found),
            ):
                bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)

    def ask(self) -> NDArray[Any]:
        """What the model says of the row; good until it is asked again."""
        if self._binding is not None:
            try:
                self._session.run_with_iobinding(self._binding)
                return self._found[0]  # type: ignore[no-any-return]
            except Exception:  # noqa: BLE001  # a shape that changes with the row; the usual way says what is wrong
                self._binding = None
        found = self._run()
        usual = type(found) is np.ndarray and found.ndim == 2  # is a table already, and need not be copied into one
        return found[0] if usual else table(found, self._labels)[0]  # type: ignore[no-any-return]

    def _run(self) -> Any:
        return self._session.run(self._names, self._feed)[0]


class Seats(local):
    """The seat of each thread that asks a model."""

    def __init__(self, session: ort.InferenceSession, output: str, width: int, labels: tuple[str, ...]) -> None:
        """In every thread anew, with what it was made with."""
        self.seat = Seat(session, output, width, labels)
