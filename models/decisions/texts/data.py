"""Texts with the label of each, as data that a model is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.decisions.measure import Flags

OUTSIDE = ""  # the label of a text that is of none of the labels: only a person is right about it
FIELD = "text"


@dataclass(frozen=True)
class Texts:
    """The rows in the order of the file. The model is made of those in scope that are not held out; the rest of those
    outside is set aside, to find thresholds with, and has no part in model or certificate.
    """

    sha256: str
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    held_out: Flags

    @property
    def outside(self) -> Flags:
        """Rows that are about nothing that has a label."""
        return np.array([label == OUTSIDE for label in self.labels])

    @property
    def learnt(self) -> Flags:
        """Rows that the model is made of."""
        flags: Flags = ~self.held_out & ~self.outside
        return flags

    def part(self, rows: Flags) -> tuple[list[str], list[str]]:
        """Texts and labels of some rows."""
        places = np.flatnonzero(rows).tolist()
        return [self.texts[at] for at in places], [self.labels[at] for at in places]


@dataclass(frozen=True)
class Judged:
    """Texts, and which of them a model would send to the wrong place."""

    texts: Texts
    bad: Flags
    expected: Sequence[str]  # the labels of the model

    @property
    def sha256(self) -> str:
        """Of the file."""
        return self.texts.sha256
