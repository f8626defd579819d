"""What the output of a model means: a score, the route that it speaks for, and how doubtful that is.

Whatever a model gives, one number says how doubtful its route is, from 0 to 1, and the band is where the doubt is
smaller than what was certified:

    binary      the probability that the case is bad, which is the doubt as well; the route is that of good ones
    classes     the probability of the most probable label, which is the route; the doubt is what is left to 1
    regression  a number; the route is the band that it falls into, the doubt is larger the nearer an edge of it is
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:  # see `models.serving.features`
    import numpy as np
    from numpy.typing import NDArray

Table: TypeAlias = "NDArray[np.float64]"  # shape [rows, columns]

Kind = Literal["binary", "classes", "regression"]


class Band(msgspec.Struct, frozen=True):
    """A range of a predicted number; the next one begins where it ends."""

    route: str
    below: float = math.inf


class Judged(msgspec.Struct, frozen=True, gc=False):
    """What an output means."""

    score: float
    route: str
    doubt: float


class Head:
    """Reads outputs of one kind."""

    def __init__(
        self, kind: Kind, column: int, route: str, labels: Sequence[str], bands: Sequence[Band], scale: float
    ) -> None:
        self.kind = kind
        self._column = column
        self._route = route
        self._labels = tuple(labels)
        self._bands = tuple(bands)
        self._scale = scale

    @property
    def routes(self) -> tuple[str, ...]:
        """What it can speak for."""
        if self.kind == "binary":
            return (self._route,)
        return self._labels if self.kind == "classes" else tuple(dict.fromkeys(band.route for band in self._bands))

    @property
    def columns(self) -> int:
        """How many columns the output has to have, at the least."""
        return len(self._labels) if self.kind == "classes" else self._column + 1

    def judge(self, row: NDArray[np.float64], decimals: int) -> Judged:
        """The meaning of one row of an output. Not finite where the output is not."""
        if self.kind == "classes":
            import numpy as np

            known = row[: len(self._labels)]
            at = int(known.argmax())
            score = round(float(known[at]), decimals) if math.isfinite(np.add.reduce(known)) else math.nan
            return Judged(score, self._labels[at], round(1 - score, decimals))
        score = round(float(row[self._column]), decimals)
        if self.kind == "binary":
            return Judged(score, self._route, score)
        edges = [band.below for band in self._bands if math.isfinite(band.below)]
        distance = min((abs(score - edge) for edge in edges), default=math.inf)
        return Judged(score, self.band_of(score), round(1 / (1 + distance / self._scale), decimals))

    def spoken_for(self, rows: Table, route: str) -> NDArray[np.float64]:
        """The number that explanations explain: the score, or the probability of the label that was chosen."""
        return rows[:, self._labels.index(route) if self.kind == "classes" else self._column]

    def band_of(self, number: float) -> str:
        """The route of the band that a number falls into."""
        return next((band.route for band in self._bands if number < band.below), self._bands[-1].route)


def table(output: Any, labels: Sequence[str] = ()) -> Table:
    """An output of onnxruntime as rows and columns: tensors of one or two dimensions, and what ZipMap makes of them.

    Raises ValueError where it is none of them.
    """
    import numpy as np

    if isinstance(output, list) and output and all(isinstance(each, dict) for each in output):
        keys = {str(key): key for key in output[0]}
        if labels and not {*labels} <= {*keys}:
            raise ValueError(f"its labels are {', '.join(keys)}, the card names {', '.join(labels)}")
        order = [keys[label] for label in labels] if labels else list(output[0])
        return np.array([[each[key] for key in order] for each in output], dtype=np.float64)
    if not isinstance(output, np.ndarray) or output.ndim not in (1, 2) or output.dtype.kind not in "fiu":
        raise ValueError("its output is no table of numbers")
    return (output[:, None] if output.ndim == 1 else output).astype(np.float64)
