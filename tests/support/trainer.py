"""A trainer of somebody's own, as `[learning]` of a card names one: a logistic regression, written by hand.

python trainer.py [--fields income,debts] [--route approve] [--card FILE] ROWS.csv FOLDER
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import struct
from pathlib import Path

import numpy as np

from tests.support.model_folders import field, graph, node, number_field

FIELDS = ("income", "debts", "age_of_account")
FLOATS = 6  # kind of an attribute


def main(rows: Path, folder: Path, fields: tuple[str, ...] = FIELDS, route: str = "approve") -> None:
    """Trains, and writes the model with some of its scores."""
    with rows.open(newline="") as file:
        cases = [case for case in csv.DictReader(file) if all(case[name] for name in fields)]
    table = np.array([[float(case[name]) for name in fields] for case in cases], dtype=np.float32).astype(float)
    bad = np.array([case["label"] != route for case in cases], dtype=float)
    weigh = np.array([1 / float(case["inclusion_probability"]) for case in cases])
    middle, wide = table.mean(axis=0), np.maximum(table.std(axis=0), 1e-6)
    scaled = np.column_stack([(table - middle) / wide, np.ones(len(cases))])
    found = np.zeros(len(fields) + 1)
    for _ in range(30):  # Newton's method
        share = 1 / (1 + np.exp(-np.clip(scaled @ found, -30, 30)))
        bent = (scaled * (weigh * share * (1 - share))[:, None]).T @ scaled + np.eye(len(found))
        found += np.linalg.solve(bent, scaled.T @ (weigh * (bad - share)) - found)
    weights = found[:-1] / wide
    bias = found[-1] - middle @ weights
    (folder / "model.onnx").write_bytes(_onnx(weights, bias))
    scores = 1 / (1 + np.exp(-(table[:20] @ weights + bias)))
    lines = [
        json.dumps({"input": dict(zip(fields, map(float, row), strict=True)), "score": float(score)})
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
        width=len(weights),
    )


def _floats(name: str, *values: float) -> bytes:
    return field(1, name.encode()) + field(7, struct.pack(f"<{len(values)}f", *values)) + number_field(20, FLOATS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--fields", type=lambda text: tuple(text.split(",")), default=FIELDS)
    parser.add_argument("--route", default="approve")
    parser.add_argument("--card", type=Path, help="what else it knows of its models")
    parser.add_argument("rows", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    main(asked.rows, asked.folder, asked.fields, asked.route)
    if asked.card:
        shutil.copyfile(asked.card, asked.folder / "card.toml")
