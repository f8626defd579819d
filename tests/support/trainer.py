"""A trainer of somebody's own, as `[learning]` of a card names one: a logistic regression on loans, written by hand.

python trainer.py ROWS.csv FOLDER
"""

from __future__ import annotations

import csv
import json
import struct
import sys
from pathlib import Path

import numpy as np

from tests.support.model_folders import field, graph, node, number_field

FIELDS = ("income", "debts", "age_of_account")
FLOATS = 6  # kind of an attribute


def main(rows: Path, folder: Path) -> None:
    """Trains, and writes the model with some of its scores."""
    with rows.open(newline="") as file:
        cases = [case for case in csv.DictReader(file) if all(case[name] for name in FIELDS)]
    table = np.array([[float(case[name]) for name in FIELDS] for case in cases])
    bad = np.array([case["label"] != "approve" for case in cases], dtype=float)
    weigh = np.array([1 / float(case["inclusion_probability"]) for case in cases])
    middle, wide = table.mean(axis=0), table.std(axis=0)
    scaled = np.column_stack([(table - middle) / wide, np.ones(len(cases))])
    found = np.zeros(len(FIELDS) + 1)
    for _ in range(30):  # Newton's method
        share = 1 / (1 + np.exp(-scaled @ found))
        bent = (scaled * (weigh * share * (1 - share))[:, None]).T @ scaled + 1e-6 * np.eye(len(found))
        found += np.linalg.solve(bent, scaled.T @ (weigh * (bad - share)))
    weights = found[:-1] / wide
    bias = found[-1] - middle @ weights
    (folder / "model.onnx").write_bytes(_onnx(weights, bias))
    scores = 1 / (1 + np.exp(-(table[:20] @ weights + bias)))
    lines = [
        json.dumps({"input": dict(zip(FIELDS, map(int, row), strict=True)), "score": float(score)})
        for row, score in zip(table[:20], scores, strict=True)
    ]
    (folder / "parity.jsonl").write_text("\n".join(lines) + "\n")


def _onnx(weights: np.ndarray, bias: float) -> bytes:
    return graph(
        node("Constant", (), "weights", _floats("value_floats", *weights)),
        node("Constant", (), "bias", _floats("value_floats", bias)),
        node("MatMul", ("row", "weights"), "odds"),
        node("Add", ("odds", "bias"), "shifted"),
        node("Sigmoid", ("shifted",), "probability"),
        outputs=(("probability", 1),),
        width=len(FIELDS),
    )


def _floats(name: str, *values: float) -> bytes:
    return field(1, name.encode()) + field(7, struct.pack(f"<{len(values)}f", *values)) + number_field(20, FLOATS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
