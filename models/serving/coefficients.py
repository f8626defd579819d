"""The coefficients of a linear model, as its card states them; `linear` explains by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from models.serving.explain import Scores
    from models.serving.features import Row


class Linear(msgspec.Struct, frozen=True):
    """The coefficients of a model, one for each column: of the log odds of a binary one, of a number itself."""

    intercept: float
    coefficients: tuple[float, ...]

    def scores(self, rows: Row, *, odds: bool) -> Scores:
        """What the model has to say of rows if these are its coefficients."""
        import numpy as np

        numbers: Scores = rows.astype(np.float64) @ np.array(self.coefficients) + self.intercept
        return 0.5 + 0.5 * np.tanh(numbers / 2) if odds else numbers
