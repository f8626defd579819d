"""The data of bank marketing as cases in the order of time: what is known before a call, and whether it sold.

“Moro, S., Rita, P., & Cortez, P. (2014). Bank Marketing [Dataset]. UCI Machine Learning Repository.
https://doi.org/10.24432/C5K306. CC BY 4.0.” The rows are not part of the project. `duration` is known only after the
call, and age and marital are protected: they are no inputs.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.decisions.packed import text_of

CODES = ("job", "education", "default", "housing", "loan", "contact", "month", "day_of_week", "poutcome")
NUMBERS = (
    "campaign", "pdays", "previous", "emp.var.rate", "cons.price.idx", "cons.conf.idx", "euribor3m", "nr.employed",
)  # fmt: skip


@dataclass(frozen=True)
class Data:
    """Rows and whether each of them sold, oldest first."""

    rows: NDArray[np.float32]
    sold: NDArray[np.bool_]

    @classmethod
    def read(cls, path: Path) -> Data:
        """The data of a file. Raises OSError, and ValueError for what is none of this data."""
        found = list(csv.DictReader(io.StringIO(text_of(path.read_bytes())), delimiter=";"))
        if not found or not {"y", *CODES, *NUMBERS} <= found[0].keys():
            raise ValueError("lacks columns of the data, or has no rows.")
        columns = [[row[name] == code for row in found] for name in CODES for code in sorted({r[name] for r in found})]
        numbers = [[float(row[name]) for row in found] for name in NUMBERS]
        rows = np.array([*columns, *numbers], dtype=np.float32).T
        return cls(rows, np.array([row["y"] == "yes" for row in found]))
