"""Simulated payments as cases, in the order of time, with what went before each of them.

The first `WARM_DAYS` only fill what goes before. A week lies between the rows that teach and those that are certified
on, so that every truth that the first learn from was known before the first of the others came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.decisions.fraud.features import PLAIN, ROLLING, plain, rolling
from models.decisions.fraud.simulator import DAY_S, Numbers, World, simulate
from models.decisions.measure import Flags
from models.serving.features import Number

LEARN, MEASURE = (30, 80), (87, 120)  # days, the last one not included
WARM_DAYS = LEARN[0]
MOST_AMOUNT = 1_000_000
_WHOLE = ("hour", "weekday")
_LABELS = {"amount": "amount", "hour": "hour of the day", "weekday": "day of the week, Monday is 0"}
_TOLD = {
    "count": "payments",
    "amount": "mean amount",
    "share": "share of known frauds",
    "risk": "share of frauds, a week before",
    "times": "amount, in mean amounts",
}


@dataclass(frozen=True)
class Data:
    """Cases and whether each was a fraud, oldest first."""

    sha256: str
    requests: tuple[dict[str, Any], ...]
    rows: Numbers  # the same as numbers, a column for each input
    bad: Flags
    held_out: Flags
    groups: Mapping[str, Flags]
    world: World

    @classmethod
    def of(cls, world: World) -> Data:
        """That of a world."""
        payments = simulate(world)
        day = payments.at_s // DAY_S
        learn, measure = ((day >= first) & (day < end) for first, end in (LEARN, MEASURE))
        taken = learn | measure
        rows = np.column_stack([plain(payments), rolling(payments)])[taken]
        names = (*PLAIN, *ROLLING)
        requests = tuple({**dict(zip(names, row, strict=True)), **_whole(row)} for row in rows.tolist())
        bad = payments.fraud[taken]
        told = hashlib.sha256(repr(world).encode() + rows.tobytes() + bad.tobytes()).hexdigest()
        return cls(told, requests, rows, bad, measure[taken], {}, world)


def declared_inputs() -> tuple[Number, ...]:
    """Inputs of a model, with the ranges that can come."""
    itself = tuple(
        Number(name, _LABELS[name], 0, top, whole=name in _WHOLE)
        for name, top in zip(PLAIN, (MOST_AMOUNT, 23, 6), strict=True)
    )
    return itself + tuple(_rolling(name) for name in ROLLING)


def increasing() -> list[int]:
    """1 for each input of which more never speaks for an honest payment; 0 for the others."""
    return [int(name.split("_")[-2] in ("share", "risk", "times")) if "_" in name else 0 for name in (*PLAIN, *ROLLING)]


def _rolling(name: str) -> Number:
    key, told, window = name.split("_")
    top = {"count": 1e6, "amount": MOST_AMOUNT, "share": 1, "risk": 1, "times": 1e8}[told]
    key = "card at this terminal" if key == "pair" else key
    return Number(name, f"{_TOLD[told]}, {key}, {window.removesuffix('d')} days", 0, top, whole=told == "count")


def _whole(row: list[float]) -> dict[str, int]:
    return {name: int(row[PLAIN.index(name)]) for name in _WHOLE}
