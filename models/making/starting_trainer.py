"""Trains a model: `python train.py ROWS.csv FOLDER`. Yours to change; `exlify models train` and `learn` call it.

ROWS.csv has a line of names, the columns that `card.toml` beside this file declares as inputs, `label` (the route that
would have been right), and perhaps `inclusion_probability` (the chance that such a case is looked at at all). Into
FOLDER it writes `model.onnx`, scores of its own to compare the file with, and what the card has to say of the labels.

It needs scikit-learn and skl2onnx in the environment that it is run in.
"""

from __future__ import annotations

import csv
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

COMPARED = 50  # cases whose scores are written down


def main(rows: Path, folder: Path) -> None:
    """Trains on the rows that lack nothing."""
    card = tomllib.loads(Path(__file__).with_name("card.toml").read_text(encoding="utf-8"))
    inputs, good = card.get("inputs", ()), card.get("routing", {}).get("route", "approve")
    if not inputs:
        sys.exit("card.toml declares no [[inputs]]: write one for each column that the model may see")
    with rows.open(newline="", encoding="utf-8") as file:
        names = ["label", *(each["field"] for each in inputs)]
        cases = [case for case in csv.DictReader(file) if all(case[name] for name in names)]
    labels = sorted({case["label"] for case in cases}, key=lambda label: (label != good, label))
    if len(labels) < 2:
        sys.exit("all rows have one label: there is nothing to learn")

    values = [{each["field"]: _value(each, case[each["field"]]) for each in inputs} for case in cases]
    table = np.array([_encoded(inputs, value) for value in values], dtype=np.float32)
    wanted = np.array([labels.index(case["label"]) for case in cases])  # of two: 1 is a bad case
    chances = np.array([float(case.get("inclusion_probability") or 1) for case in cases])

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    model.fit(table, wanted, logisticregression__sample_weight=1 / chances)

    proto = to_onnx(model, initial_types=[("row", FloatTensorType([None, table.shape[1]]))], options={"zipmap": False})
    (folder / "model.onnx").write_bytes(proto.SerializeToString(deterministic=True))
    probabilities = model.predict_proba(table[:COMPARED])
    binary = labels[0] == good and len(labels) == 2
    scores = probabilities[:, 1] if binary else probabilities.max(axis=1)
    lines = [json.dumps({"input": value, "score": float(score)}) for value, score in zip(values, scores, strict=False)]
    (folder / "parity.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    said = 'task = "binary"' if binary else f'task = "classes"\nlabels = {json.dumps(labels, ensure_ascii=False)}'
    (folder / "card.toml").write_text(f"[model]\n{said}\n", encoding="utf-8")


def _value(declared: dict[str, Any], cell: str) -> str | float:
    return float(cell) if declared["kind"] == "number" else cell


def _encoded(inputs: list[dict[str, Any]], values: dict[str, Any]) -> list[float]:
    """As serving does it: a number is a column, a code one for each that is listed, in the order of the card."""
    row: list[float] = []
    for each in inputs:
        value = values[each["field"]]
        row += [value] if each["kind"] == "number" else [float(value == code) for code in each["codes"]]
    return row


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
