"""What the cards of all models say in the same way: their file, their inputs, a usual case, and what made them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from importlib.metadata import version as package_version
from typing import Any

from models.decisions.onnx_export import OUTPUT, OUTPUT_COLUMN, onnx_scores
from models.decisions.training import D, Trained
from models.making.drafting import as_toml, usual
from models.serving.features import Encoder, Input
from models.serving.predict import SCORE_DECIMALS

PACKAGES = ("scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy", "scipy", "protobuf")


def model_file(trained: Trained[D]) -> dict[str, Any]:
    """The file of a model that gives one score, and how far it is from the native one."""
    return {
        "sha256": hashlib.sha256(trained.model).hexdigest(),
        "output": OUTPUT,
        "column": OUTPUT_COLUMN,
        "kind": trained.chosen,
        "parity": f"Largest gap to the native scores over all rows {trained.parity_gap:.0e}, no other route.",
    }


def declared(inputs: Iterable[Input]) -> list[dict[str, Any]]:
    """Inputs as a card says them."""
    return [as_toml(each) for each in inputs]


def reference(trained: Trained[D], cases: Sequence[dict[str, Any]], name: str, how_chosen: str) -> dict[str, Any]:
    """The usual one of some cases, with its score."""
    values = {each.field: usual(each, [case[each.field] for case in cases]) for each in trained.inputs}
    score = onnx_scores(trained.model, Encoder(trained.inputs).encode(values))[0]
    return {
        "name": name,
        "how_chosen": how_chosen,
        "score": round(float(score), SCORE_DECIMALS),
        "values": values,
    }


def packages(names: Iterable[str] = PACKAGES) -> dict[str, str]:
    """The versions of what a model was made with."""
    return {name: package_version(name) for name in names}
