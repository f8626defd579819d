"""Rows of labels: one for each, and none of those whose inputs nobody can read."""

from __future__ import annotations

from schemas.catalogue import current
from schemas.messages import LABEL
from schemas.payload import Payload
from schemas.samples import sample
from streams.cli._label_sets import OF_LABEL, cells_of
from tests.support.data import payload


def test_label_is_a_row_of_inputs_and_of_what_is_known_of_them() -> None:
    label = {**sample(current()[LABEL]), "input": payload({"income": 5}), "decided_at_ms": 0, "at_ms": 1_000}
    cells = cells_of(label, ("income", "debts"))
    assert cells is not None
    assert cells[:2] == [5, ""]
    assert cells[2:-2] == [label[name] for name in OF_LABEL]
    assert cells[-2:] == ["1970-01-01T00:00:00.000Z", "1970-01-01T00:00:01.000Z"]


def test_label_with_sealed_inputs_is_no_row() -> None:
    assert cells_of({**sample(current()[LABEL]), "input": Payload.inside(b"\x01sealed")}, ("income",)) is None
