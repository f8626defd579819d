"""The data of credit card clients in Taiwan as requests for credit: fields, and the reading of its rows.

“Yeh, I.-C. (2009). Default of Credit Card Clients [Dataset]. UCI Machine Learning Repository.
https://doi.org/10.24432/C55S3H. CC BY 4.0.” The rows are not part of the project. SEX, MARRIAGE and AGE are protected:
they are no fields of a request and never inputs of a model; `protected` reads them for fairness checks only.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.decisions.packed import text_of

LABEL = "default.payment.next.month"


class Column(NamedTuple):
    """One attribute that a request carries."""

    attribute: str  # its name in the data
    field: str
    label: str


def _months(attribute: str, field: str, label: str, numbers: tuple[int, ...]) -> tuple[Column, ...]:
    """A column for each month, the last one first. There is no PAY_1: the data goes from PAY_0 to PAY_2."""
    return tuple(
        Column(f"{attribute}{number}", f"{field}_{month}", f"{label}, {month} month{'s'[: month - 1]} back")
        for month, number in enumerate(numbers, 1)
    )


COLUMNS = (
    Column("LIMIT_BAL", "credit_limit", "credit that was given"),
    *_months("PAY_", "months_late", "months in arrears", (0, 2, 3, 4, 5, 6)),
    *_months("BILL_AMT", "bill", "bill", (1, 2, 3, 4, 5, 6)),
    *_months("PAY_AMT", "paid", "amount paid", (1, 2, 3, 4, 5, 6)),
)

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Data:
    """The rows in the order of the file."""

    sha256: str
    requests: tuple[dict[str, Any], ...]
    bad: Flags
    groups: Mapping[str, Flags]  # members of the groups that fairness is looked at for

    @classmethod
    def read(cls, path: Path) -> Data:
        """The data of a file. Raises OSError, and ValueError for what is none of this data."""
        raw = path.read_bytes()
        rows = list(csv.DictReader(io.StringIO(text_of(raw))))
        needed = {LABEL, "SEX", "MARRIAGE", "AGE", *(column.attribute for column in COLUMNS)}
        if not rows or not needed <= rows[0].keys():
            raise ValueError("lacks columns of the data, or has no rows.")
        bad = np.array([row[LABEL] == "1" for row in rows])
        return cls(hashlib.sha256(raw).hexdigest(), tuple(from_row(row) for row in rows), bad, _groups(rows))


def from_row(row: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a request. Raises ValueError if a number is none; they are written like 5e+05 as well."""
    return {column.field: int(float(row[column.attribute])) for column in COLUMNS}


def _groups(rows: list[dict[str, str]]) -> dict[str, Flags]:
    sex = np.array([row["SEX"] for row in rows])
    married = np.array([row["MARRIAGE"] for row in rows])
    age = np.array([int(float(row["AGE"])) for row in rows])
    return {
        "men": sex == "1",
        "women": sex == "2",
        "married": married == "1",
        "not married": married != "1",
        "younger than 26": age < 26,
        "26 to 59": (age >= 26) & (age < 60),
        "60 or older": age >= 60,
    }
