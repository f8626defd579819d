"""The data of bank marketing as cases in the order of time: what is known before a call, and whether it sold.

“Moro, S., Rita, P., & Cortez, P. (2014). Bank Marketing [Dataset]. UCI Machine Learning Repository.
https://doi.org/10.24432/C5K306. CC BY 4.0.” The rows are not part of the project. `duration` is known only after the
call, and age and marital are protected: they are no fields of a case and never inputs; `_groups` reads the protected
ones for fairness checks only.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.decisions.packed import text_of
from models.serving.features import Code, Encoder, Input, Number, Row

Flags = NDArray[np.bool_]


class Column(NamedTuple):
    """One attribute that a case carries, with the codes or the range that it can have."""

    attribute: str  # its name in the data
    field: str
    label: str
    codes: tuple[str, ...] = ()  # empty: a number
    low: float = 0.0
    high: float = 0.0
    whole: bool = True


_JOBS = (
    "admin. blue-collar entrepreneur housemaid management retired self-employed services student technician unemployed "
    "unknown"
)
_SCHOOLS = "basic.4y basic.6y basic.9y high.school illiterate professional.course university.degree unknown"
_ANSWERS = ("no", "yes", "unknown")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

# Codes are those that the source documents. Ranges are such as may come, not those of a few years: a model that stops
# at the first figure of the economy that it has not seen is no use, and being watched is what stops this one.
COLUMNS = (
    Column("job", "job", "job", tuple(_JOBS.split())),
    Column("education", "education", "education", tuple(_SCHOOLS.split())),
    Column("default", "in_default", "credit in default", _ANSWERS),
    Column("housing", "housing_loan", "housing loan", _ANSWERS),
    Column("loan", "personal_loan", "personal loan", _ANSWERS),
    Column("contact", "contact", "way of the call", ("cellular", "telephone")),
    Column("month", "month", "month of the call", _MONTHS),
    Column("day_of_week", "weekday", "day of the call", ("mon", "tue", "wed", "thu", "fri")),
    Column("poutcome", "last_outcome", "outcome of the last campaign", ("failure", "nonexistent", "success")),
    Column("campaign", "calls", "calls in this campaign", low=1, high=100),
    Column("pdays", "days_since", "days since the last campaign's call, 999 for none", low=0, high=999),
    Column("previous", "calls_before", "calls before this campaign", low=0, high=50),
    Column("emp.var.rate", "employment_change", "change of employment", low=-10, high=10, whole=False),
    Column("cons.price.idx", "price_index", "consumer prices", low=80, high=120, whole=False),
    Column("cons.conf.idx", "confidence_index", "consumer confidence", low=-100, high=0, whole=False),
    Column("euribor3m", "euribor", "interest among banks, three months", low=-2, high=12, whole=False),
    Column("nr.employed", "employed", "number of employees, thousands", low=3_000, high=8_000, whole=False),
)


@dataclass(frozen=True)
class Data:
    """Cases and whether each of them sold, oldest first."""

    sha256: str
    requests: tuple[dict[str, Any], ...]
    bad: Flags  # sold, which is what makes it wrong not to call
    groups: Mapping[str, Flags]  # members of the groups that fairness is looked at for
    whole: Data | None = None  # what this is the beginning of

    @classmethod
    def read(cls, path: Path) -> Data:
        """The data of a file. Raises OSError, and ValueError for what is none of this data."""
        raw = path.read_bytes()
        found = list(csv.DictReader(io.StringIO(text_of(raw)), delimiter=";"))
        if not found or not {"y", "age", "marital", *(column.attribute for column in COLUMNS)} <= found[0].keys():
            raise ValueError("lacks columns of the data, or has no rows.")
        sold = np.array([row["y"] == "yes" for row in found])
        return cls(hashlib.sha256(raw).hexdigest(), tuple(map(from_row, found)), sold, _groups(found))

    def first(self, count: int) -> Data:
        """The oldest of them, as if it were all that is known."""
        groups = {name: members[:count] for name, members in self.groups.items()}
        return Data(self.sha256, tuple(islice(self.requests, count)), self.bad[:count], groups, self)

    def rows(self) -> Row:
        """All cases, encoded."""
        encoder = Encoder(declared_inputs())
        encoded: Row = np.concatenate([encoder.encode(case) for case in self.requests])
        return encoded


def from_row(row: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a case. Raises ValueError if a number is none."""
    return {column.field: _read(column, row[column.attribute]) for column in COLUMNS}


def declared_inputs() -> tuple[Input, ...]:
    """Inputs of a model."""
    return tuple(
        Code(each.field, each.label, each.codes)
        if each.codes
        else Number(each.field, each.label, each.low, each.high, whole=each.whole)
        for each in COLUMNS
    )


def _read(column: Column, cell: str) -> str | int | float:
    if column.codes:
        return cell
    return int(float(cell)) if column.whole else float(cell)


def _groups(rows: Sequence[Mapping[str, str]]) -> dict[str, Flags]:
    age, married = np.array([int(row["age"]) for row in rows]), np.array([row["marital"] == "married" for row in rows])
    return {
        "married": married,
        "not married": ~married,
        "younger than 26": age < 26,
        "26 to 59": (age >= 26) & (age < 60),
        "60 or older": age >= 60,
    }
