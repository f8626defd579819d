"""What is looked at before a model is put into force, beyond what serving checks at every start: the same on rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from models.making.rows import Rows
from models.serving.errors import FeatureError
from models.serving.predict import Model

PARITY_FILE = "parity.jsonl"
MAX_GAP = 1e-5
TOLD = 5


class Checked(NamedTuple):
    """What came of a check; nothing in `faults` is good."""

    faults: list[str]
    rows: int
    held: int  # rows that people would have to look at whatever the score
    largest_gap: float | None  # to the scores that were given; None where none were
    compared: int  # scores that were given and read


def checked(folder: Path, model: Model, rows: Rows | None = None, scores: str | None = None) -> Checked:
    """Compares with the scores of training (`parity.jsonl`), and looks at rows, with their scores in a column if named.

    Raises ValueError where there is no such column.
    """
    gaps, faults = [], []
    for number, (case, score) in enumerate(_given(folder, rows, scores), start=1):
        try:
            gap = abs(model.predict(case) - score)
        except FeatureError as error:
            faults.append(f"case {number}: {error}")
            continue
        gaps.append(gap)
        if not gap <= MAX_GAP:
            faults.append(f"case {number}: its score is off by {gap:.1e}")
    cases = rows.cases if rows else []
    unread = [n for n, case in enumerate(cases, start=1) if _not_a_number(model, case)]
    faults += [f"row {n}: the model gives no ordinary number" for n in unread]
    held = sum(model.judge(case) is None for case in cases)
    if len(faults) > TOLD:
        faults = [*faults[:TOLD], f"and {len(faults) - TOLD} more"]
    return Checked(faults, len(cases), held, max(gaps, default=None), len(gaps))


def _given(folder: Path, rows: Rows | None, scores: str | None) -> Iterator[tuple[dict[str, Any], float]]:
    path = folder / PARITY_FILE
    if path.exists():
        for line in path.read_text().splitlines():
            case = json.loads(line)
            yield case["input"], case["score"]
    if rows is not None and scores is not None:
        wanted: Sequence[Any] = rows.column(scores)
        yield from ((case, _number(score)) for case, score in zip(rows.cases, wanted, strict=True))


def _number(score: Any) -> float:
    return float(score) if isinstance(score, int | float) else math.nan


def _not_a_number(model: Model, case: dict[str, Any]) -> bool:
    try:
        return not math.isfinite(model.predict(case))
    except FeatureError:
        return False
