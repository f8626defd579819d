"""The user's own labelled rows: split here, some to fix the thresholds and the others to test them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from models.making.certification import Cases, certificate, thresholds
from models.making.pictures import overall
from models.making.rows import Rows
from models.serving.certificate import Certificate
from models.serving.certify import STARTS
from models.serving.heads import Judged
from models.serving.predict import Model

GRID_SHARE = 0.3  # of the rows, which fix the thresholds and have no part in the test


def certify_rows(
    model: Model,
    rows: Rows,
    label: str,
    *,
    bad: str | None = "1",
    groups: Sequence[str] = (),
    target: float,
    delta: float,
    code: str,
    starts: int = STARTS,
    group_delta: float | None = None,
) -> tuple[Certificate, bytes]:
    """The certificate of a model by labelled rows that had no part in it, and its file.

    `bad` is the label of what must not take the route of a binary model; with None labels are routes that would have
    been right, of any model. `group_delta`: see `certificate`. Raises ValueError where the rows do not fit.
    """
    labels = rows.column(label)
    if missing := sum(each is None for each in labels):
        raise ValueError(f"{missing} rows have no {label!r}")
    if bad is not None and model.head.kind == "binary" and not any(_text(each) == bad for each in labels):
        raise ValueError(f"no row has the label {bad!r} in {label!r}: say which label is the bad one")
    judged = [model.judge(case) for case in rows.cases]
    wrong = [_wrong(model, each, truth, bad) for each, truth in zip(judged, labels, strict=True)]
    order = random.Random(rows.sha256).sample(range(len(labels)), len(labels))
    cut = round(len(order) * GRID_SHARE)
    doubts = [None if each is None else each.doubt for each in judged]
    grid = thresholds([d for n in order[:cut] if (d := doubts[n]) is not None], model.card.routing.approve_below)
    tested = sorted(order[cut:])
    members = {
        f"{column}: {value}": [each == value for each in rows.column(column)]
        for column in groups
        for value in sorted({*rows.column(column)}, key=str)
    }
    cases = Cases(
        scores=[doubts[n] for n in tested],
        wrong=[wrong[n] for n in tested],
        groups={name: [flags[n] for n in tested] for name, flags in members.items()},
        sha256=rows.sha256,
        reasons=overall(model, [rows.cases[n] for n in tested]),
    )
    return certificate(
        model.card, model.band.covers, cases, grid,
        target=target, delta=delta, code=code, starts=starts, group_delta=group_delta,
    )  # fmt: skip


def _wrong(model: Model, judged: Judged | None, truth: Any, bad: str | None) -> bool:
    """Whether the route would be wrong for a case of this label."""
    if bad is None:
        return judged is not None and judged.route != _text(truth)
    if model.head.kind == "binary":
        return _text(truth) == bad
    if judged is None:
        return False  # it takes no route
    if model.head.kind == "classes":
        return judged.route != _text(truth)
    if isinstance(truth, str):
        raise ValueError(f"the label {truth[:40]!r} is no number")
    return judged.route != model.head.band_of(truth)


def _text(label: Any) -> str:
    return str(label)
