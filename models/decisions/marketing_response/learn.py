"""The trainer that a card of marketing response names: `python -m models.decisions.marketing_response.learn`.

It is given ROWS and FOLDER. ROWS are labels as `exlify models learn` gives them, oldest first: the route that would
have been right, and the chance that such a case is looked at, by which it is weighted. The ranges stay those that can
come (`data.COLUMNS`).
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from threadpoolctl import threadpool_limits

from models.decisions.cards import declared
from models.decisions.marketing_response.data import COLUMNS, declared_inputs
from models.decisions.marketing_response.model import APPROVE_BELOW, KIND, SEED, trees
from models.decisions.onnx_export import OUTPUT, OUTPUT_COLUMN, check_parity, export, onnx_scores, parity_cases
from models.making.checking import PARITY_FILE
from models.serving.card import CARD_FILE, MODEL_FILE
from models.serving.features import Encoder

SKIP = "skip"


def learn(rows: Path, folder: Path) -> None:
    """Trains on labels, and writes what is made of them. Raises ValueError where they teach nothing."""
    with rows.open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    encoder = Encoder(declared_inputs())
    cases = np.concatenate([encoder.encode(_case(row)) for row in found])
    sold = np.array([row["label"] != SKIP for row in found])
    weights = np.array([1 / float(row["inclusion_probability"]) for row in found])
    with threadpool_limits(limits=1):
        native = trees().fit(cases, sold, sample_weight=weights)
    model = export(native, encoder.width)
    check_parity(native.predict_proba(cases)[:, 1], onnx_scores(model, cases), APPROVE_BELOW)
    (folder / MODEL_FILE).write_bytes(model)
    lines = (json.dumps(case) for case in parity_cases(encoder, native, SEED))
    (folder / PARITY_FILE).write_text("".join(f"{line}\n" for line in lines))
    card = {
        "inputs": declared(encoder.inputs),
        "together": [],
        "model": {"output": OUTPUT, "column": OUTPUT_COLUMN, "kind": KIND},
    }
    (folder / CARD_FILE).write_text(tomli_w.dumps(card))


def _case(row: dict[str, str]) -> dict[str, Any]:
    return {each.field: row[each.field] if each.codes else float(row[each.field]) for each in COLUMNS}


if __name__ == "__main__":
    learn(Path(sys.argv[1]), Path(sys.argv[2]))
