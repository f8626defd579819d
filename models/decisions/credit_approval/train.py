"""Trains the credit approval model: `python -m models.decisions.credit_approval.train --data FILE`.

FILE is the data of credit card clients in Taiwan, a packed CSV file (`models.decisions.credit_approval.data` names the
source); it is no part of the project. What is written, and what it is worth, is as for the credit risk model.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import statistics
import sys
from collections.abc import Sequence
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import tomli_w

from models.decisions.credit_approval.data import Data
from models.decisions.credit_approval.model import (
    APPROVE_BELOW,
    COST_BAD,
    COST_REVIEW,
    DELTA,
    FOLDS,
    SEED,
    TARGET,
    Trained,
    train,
)
from models.decisions.measure import fairness, quality, route_quality
from models.decisions.onnx_export import OUTPUT, OUTPUT_COLUMN, onnx_scores
from models.making.certification import Cases, certificate
from models.serving.card import CARD_FILE, MODEL_FILE, read_card
from models.serving.certificate import CERTIFICATE_FILE, Certificate, covered
from models.serving.features import Encoder
from models.serving.predict import SCORE_DECIMALS, Model
from models.serving.registry import FOLDER

NAME = "credit-approval"
CODE = "models.decisions.credit_approval"
PARITY_FILE = "parity.jsonl"
APPROVE_PAIRS, REVIEW_PAIRS = 1, 2
EXIT_NOT_CERTIFIED = 3
PACKAGES = ("scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy", "scipy", "protobuf")
LIMITS = (
    "For demonstration, not for lending. The clients are those of one bank in Taiwan in 2005, amid a crisis of card "
    "debt; scores and certificate hold for such clients. Some codes of the months in arrears (-2, 0) are documented "
    "nowhere. The costs are an assumption."
)
ATTRIBUTION = (
    "Yeh, I.-C. (2009). Default of Credit Card Clients [Dataset]. UCI Machine Learning Repository. "
    "https://doi.org/10.24432/C55S3H. CC BY 4.0. Changed: converted to CSV, a random 80 % of the rows."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains, checks and writes one version; 1 if another model is there already, 3 if nothing is proved of it."""
    parser = argparse.ArgumentParser(prog=f"python -m {CODE}.train", description="Train the credit approval model.")
    parser.add_argument("--data", type=Path, required=True, help="the data, train.csv.gz")
    parser.add_argument("--registry", type=Path, default=FOLDER, help="where the version is written")
    parser.add_argument("--version", default="1", help="number of the version to write")
    options = parser.parse_args(arguments)
    folder = options.registry / NAME / options.version
    try:
        data = Data.read(options.data)
    except OSError as error:
        parser.error(f"--data {options.data}: {error.strerror or error}")
    except ValueError as error:
        parser.error(f"--data {error}")
    trained = train(data)
    if (folder / MODEL_FILE).exists() and (folder / MODEL_FILE).read_bytes() != trained.model:
        print(f"{folder}: holds another model. Give the next number with --version.", file=sys.stderr)
        return 1
    proof = _write(folder, trained, options.version)
    print(json.dumps({"folder": str(folder), "certificate": msgspec.to_builtins(proof)}))
    if not proof.certified:
        print(f"{folder}: nothing is proved of it, so it decides nothing. Everything goes to people.", file=sys.stderr)
        return EXIT_NOT_CERTIFIED
    return 0


def _write(folder: Path, trained: Trained, version: str) -> Certificate:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL_FILE).write_bytes(trained.model)
    (folder / CARD_FILE).write_text(tomli_w.dumps(card(trained, version)))
    (folder / PARITY_FILE).write_text("".join(json.dumps(case) + "\n" for case in trained.parity))
    read, written = read_card(folder)
    proof, text = certificate(
        read, covered(trained.model, written), held_out(trained), trained.grid, target=TARGET, delta=DELTA, code=CODE
    )
    (folder / CERTIFICATE_FILE).write_bytes(text)
    Model.load(folder)
    return proof


def held_out(trained: Trained) -> Cases:
    """The rows that had no part in the model."""
    out = trained.held_out
    rounded = np.round(trained.unseen_scores, SCORE_DECIMALS)
    shown = zip(rounded[out].tolist(), trained.readable[out].tolist(), strict=True)
    return Cases(
        scores=[score if known else None for score, known in shown],
        wrong=trained.data.bad[out].tolist(),
        groups={name: members[out].tolist() for name, members in trained.data.groups.items()},
        sha256=trained.data.sha256,
    )


def card(trained: Trained, version: str) -> dict[str, Any]:
    """The whole card, ready to be written as TOML."""
    fields = [each.field for each in trained.inputs]
    drawn = random.Random(SEED)
    return {
        "name": NAME,
        "version": version,
        "purpose": (
            "Probability that a card client does not pay next month's bill. Low risk is approved; everything else is "
            "for a person to decide."
        ),
        "limits": LIMITS,
        "model": {
            "sha256": hashlib.sha256(trained.model).hexdigest(),
            "output": OUTPUT,
            "column": OUTPUT_COLUMN,
            "kind": trained.chosen,
            "parity": f"Largest gap to the native scores over all rows {trained.parity_gap:.0e}, no other route.",
        },
        "routing": {
            "approve_below": APPROVE_BELOW,
            "cost_bad": COST_BAD,
            "cost_review": COST_REVIEW,
            "how_chosen": (
                "Cost of a review by cost of a client who does not pay, both assumed. What may be approved is what the "
                "certificate says, up to here. No automatic reject."
            ),
        },
        "reference": _reference(trained),
        "explaining": {
            "approve_pairs": APPROVE_PAIRS,
            "review_pairs": REVIEW_PAIRS,
            "orders": [drawn.sample(fields, len(fields)) for _ in range(max(APPROVE_PAIRS, REVIEW_PAIRS))],
        },
        "inputs": [_declared(each) for each in trained.inputs],
        "together": [msgspec.to_builtins(pair) for pair in trained.together],
        "data": {
            "name": "Default of Credit Card Clients",
            "reference": "https://doi.org/10.24432/C55S3H",
            "licence": "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
            "attribution": ATTRIBUTION,
            "sha256": trained.data.sha256,
            "rows": len(trained.data.bad),
            "rows_held_out": int(trained.held_out.sum()),
            "attributes_never_inputs": "SEX, MARRIAGE, AGE; EDUCATION, of which several codes are documented nowhere",
        },
        "metrics": _metrics(trained),
        "fairness": {
            "how": "Rows and scores as in metrics.routes. Attributes of the groups are no inputs.",
            "groups": fairness(trained.data.groups.items(), trained.approved, trained.data.bad),
        },
        "training": {
            "script": f"python -m {CODE}.train",
            "seed": SEED,
            "chosen_by": f"log loss of {FOLDS}-fold cross-validation within the rows that are not held out",
            "packages": {name: package_version(name) for name in PACKAGES},
            "candidates": trained.tried,
        },
    }


def _declared(declared: Any) -> dict[str, Any]:
    """As TOML can say it, which knows no null."""
    return {name: value for name, value in msgspec.to_builtins(declared).items() if value is not None}


def _reference(trained: Trained) -> dict[str, Any]:
    typical = trained.approved & ~trained.held_out
    approved = [request for request, yes in zip(trained.data.requests, typical.tolist(), strict=True) if yes]
    values = {each.field: statistics.median_low([one[each.field] for one in approved]) for each in trained.inputs}
    score = onnx_scores(trained.model, Encoder(trained.inputs).encode(values))[0]
    return {
        "name": "typical-approved-client/1",
        "how_chosen": "Median of each number over the training rows that are approved.",
        "score": round(float(score), SCORE_DECIMALS),
        "values": values,
    }


def _metrics(trained: Trained) -> dict[str, Any]:
    out, scores, bad = trained.held_out, trained.unseen_scores, trained.data.bad
    return {
        "how": (
            f"out_of_fold: {FOLDS}-fold cross-validation within the training rows. held_out: the model itself on rows "
            "that had no part in it. routes: all rows at the break-even of the costs, each scored by a model that had "
            "not seen it. calibration_error: mean gap between score and bad share over 10 bins of equal size."
        ),
        "out_of_fold": quality(scores[~out], bad[~out]),
        "held_out": quality(scores[out], bad[out]),
        "routes": route_quality(trained.approved, bad),
    }


if __name__ == "__main__":
    sys.exit(main())
