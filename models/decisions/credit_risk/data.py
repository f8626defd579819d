"""The Statlog German credit data as credit applications: fields, codes, and the reading of its rows.

“Hofmann, H. (1994). Statlog (German Credit Data) [Dataset]. UCI Machine Learning Repository.
https://doi.org/10.24432/C5NC77. CC BY 4.0.” The rows are not part of the project. Attributes 9 (status and sex), 13
(age) and 20 (foreign worker) are protected: they are no fields of an application and never inputs of a model;
`protected` reads them for fairness checks only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

ATTRIBUTES = 20
LABEL = 20  # index of the last column: 1 the loan was repaid, 2 it went bad


class Column(NamedTuple):
    """One attribute that an application carries."""

    attribute: int  # number in the documentation of the data, from 1
    field: str  # of ApplicationSubmitted
    label: str
    codes: tuple[str, ...]  # empty: a number
    texts: tuple[str, ...] = ()  # what each code means, by the documentation of the data


def _codes(attribute: int, count: int, first: int = 1) -> tuple[str, ...]:
    return tuple(f"A{attribute}{n}" for n in range(first, first + count))


COLUMNS = (
    Column(
        1, "checking_account", "state of the checking account", _codes(1, 4),
        ("overdrawn", "below 200 DM", "200 DM or more, or salary for a year", "none"),
    ),
    Column(2, "duration_months", "duration of the credit", ()),
    Column(
        3, "credit_history", "credit history", _codes(3, 5, first=0),
        ("none, or all paid back duly", "all at this bank paid back duly", "paid back duly so far",
         "paid late in the past", "critical, or credits elsewhere"),
    ),
    # A47 (vacation) is documented but occurs in no row.
    Column(
        4, "purpose", "purpose of the credit", (*_codes(4, 7, first=0), "A48", "A49", "A410"),
        ("new car", "used car", "furniture", "radio or television", "household appliances", "repairs", "education",
         "retraining", "business", "something else"),
    ),
    Column(5, "amount_dm", "amount of the credit", ()),
    Column(
        6, "savings", "savings", _codes(6, 5),
        ("below 100 DM", "100 to 500 DM", "500 to 1,000 DM", "1,000 DM or more", "none, or not known"),
    ),
    Column(
        7, "employed_since", "length of the present employment", _codes(7, 5),
        ("unemployed", "less than a year", "1 to 4 years", "4 to 7 years", "7 years or more"),
    ),
    Column(8, "instalment_percent", "instalment in relation to income", ()),
    Column(10, "other_debtors", "co-applicants and guarantors", _codes(10, 3), ("none", "co-applicant", "guarantor")),
    Column(11, "residence_since", "length of the present residence", ()),
    Column(
        12, "property", "property", _codes(12, 4),
        ("real estate", "building society savings or life insurance", "a car or something else", "none, or not known"),
    ),
    Column(
        14, "other_instalment_plans", "instalment plans elsewhere", _codes(14, 3), ("at a bank", "at stores", "none")
    ),
    Column(15, "housing", "housing", _codes(15, 3), ("rented", "owned", "free of charge")),
    Column(16, "existing_credits", "number of credits at this bank", ()),
    Column(
        17, "job", "job", _codes(17, 4),
        ("unemployed or unskilled, not resident", "unskilled, resident", "skilled", "manager, self-employed or expert"),
    ),
    Column(18, "dependants", "number of dependants", ()),
    Column(19, "telephone", "telephone in the applicant's name", _codes(19, 2), ("no", "yes")),
)  # fmt: skip


class Protected(NamedTuple):
    """Attributes that no decision may rest on."""

    status_and_sex: str
    age_years: int
    foreign_worker: str


def from_german_row(line: str) -> dict[str, Any]:
    """The credit attributes of one line of the data, as the fields of ApplicationSubmitted.

    Raises ValueError naming the reason if the line has too few columns or a number is none.
    """
    cells = _cells(line)
    return {c.field: cells[c.attribute - 1] if c.codes else int(cells[c.attribute - 1]) for c in COLUMNS}


def protected(line: str) -> Protected:
    """The protected attributes of one line, for fairness checks."""
    cells = _cells(line)
    return Protected(cells[8], int(cells[12]), cells[19])


def went_bad(line: str) -> bool:
    """The label of one line: whether the loan went bad."""
    return _cells(line)[LABEL] == "2"


def _cells(line: str) -> list[str]:
    cells = line.split()
    if len(cells) != ATTRIBUTES + 1:
        raise ValueError(f"A row of the German credit data has {ATTRIBUTES + 1} columns, this one {len(cells)}.")
    return cells
