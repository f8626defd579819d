"""Versions of labels: which labels are rows, what is counted of the others, and which version somebody means."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest

from schemas.catalogue import current
from schemas.messages import LABEL, LABEL_SET
from schemas.samples import sample
from streams.cli._label_sets import LabelSet, Rows, Wanted, chosen, lacking
from streams.ground.errors import UsageError
from tests.support.data import payload

RISK = Wanted(model="risk", inputs=("income",))


def label(number: int, **fields: Any) -> dict[str, Any]:
    usual = {
        **sample(current()[LABEL]), "model": "risk", "model_version": "1", "input": payload({"income": number}),
        "decision_id": f"d{number}", "label_id": f"l{number}", "label": "approve", "source": "audit", "first": True,
        "contradicts": False, "drawn": True, "at_ms": number,
    }  # fmt: skip
    return {**usual, **fields}


LATER = {"label_id": "x", "first": False, "source": "import", "at_ms": 9}
LABELS = (
    label(1),
    label(2, source="correction", drawn=False, label="other"),
    label(1),  # a copy, as after a crash
    label(1, **LATER),
    label(2, **LATER, contradicts=True, drawn=False),
    label(3, model="another"),
    label(4, model_version="2"),
)


@pytest.mark.parametrize(
    ("wanted", "incomes", "later", "contradicting"),
    [
        ({}, ["1", "2", "4"], 2, 1),
        ({"every": True}, ["1", "2", "1", "2", "4"], 2, 1),
        ({"drawn": True}, ["1", "4"], 1, 0),
        ({"model_version": "2"}, ["4"], 0, 0),
    ],
)
def test_each_label_is_a_row_once_and_what_came_later_is_counted(
    wanted: dict[str, Any], incomes: list[str], later: int, contradicting: int
) -> None:
    rows, text = _rows(**wanted)
    assert [line.partition(",")[0] for line in text.splitlines()[1:]] == incomes
    assert (rows.rows, rows.later, rows.contradicting, rows.unread) == (len(incomes), later, contradicting, 0)
    assert sum(rows.sources.values()) == sum(rows.labels.values()) == len(incomes)
    assert _rows(**wanted)[1] == text


def test_rows_by_source_and_label_are_counted() -> None:
    rows, _ = _rows()
    assert (rows.sources, rows.labels) == ({"audit": 2, "correction": 1}, {"approve": 2, "other": 1})
    assert rows.newest_ms == 4


def test_version_is_meant_by_its_first_digits_or_as_the_latest() -> None:
    first, second = known("aaaa1", 1), known("aaaa2", 2)
    assert chosen([first, second], "risk", "aaaa1") is first
    assert chosen([first, second], "risk", "latest") is second
    for text, says in (("aaaa", "several"), ("aaa", "is no version"), ("bbbb", "is no version")):
        with pytest.raises(UsageError, match=says):
            chosen([first, second], "risk", text)
    with pytest.raises(UsageError, match="no version of its labels was taken yet"):
        chosen([], "risk", "latest")


@pytest.mark.parametrize(
    ("fields", "held", "says"),
    [
        ({}, 8, "holds its oldest labels no longer"),
        ({"unread": 2}, 0, "inputs of 2 cannot be read any more"),
        ({}, 0, "another Exlify wrote them"),
    ],
)
def test_rows_that_cannot_be_had_again_are_told_with_the_reason(fields: dict[str, Any], held: int, says: str) -> None:
    rows, _ = _rows()
    rows.unread = fields.get("unread", 0)
    before = msgspec.structs.replace(known("aaaa", 1), begins=7, unread=0, rows=5)
    assert says in lacking(before, rows, held)


def known(sha256: str, at_ms: int) -> LabelSet:
    fields = sample(current()[LABEL_SET]) | {"sha256": sha256, "at_ms": at_ms}
    return msgspec.convert(fields, LabelSet)


def _rows(**wanted: Any) -> tuple[Rows, str]:
    file = io.StringIO(newline="")
    rows = Rows(Wanted(model="risk", inputs=RISK.inputs, **wanted), file)
    for each in LABELS:
        rows.take(each)
    return rows, file.getvalue()
