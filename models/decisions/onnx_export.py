"""From a scikit-learn classifier to an ONNX file, and the proof that both say the same."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import onnxruntime as ort
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

from models.decisions.measure import Scores
from models.serving.features import Code, Encoder, Number, Row
from models.serving.predict import SCORE_DECIMALS

OPSETS = {"": 18, "ai.onnx.ml": 3}
OUTPUT, OUTPUT_COLUMN = "probabilities", 1
MAX_PARITY_GAP = 1e-5
PARITY_CASES = 60


def export(native: Any, width: int) -> bytes:
    """The ONNX file of a fitted classifier: float32[n, width] in, float32[n, 2] out, no map types."""
    row = [("row", FloatTensorType([None, width]))]
    proto = to_onnx(native, initial_types=row, target_opset=OPSETS, options={"zipmap": False})
    data: bytes = proto.SerializeToString(deterministic=True)
    return data


def onnx_scores(model: bytes, rows: Row) -> Scores:
    """Scores of encoded rows by an ONNX file, one row at a time as in serving."""
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    one = [session.run([OUTPUT], {"row": row[None]})[0][0, OUTPUT_COLUMN] for row in rows]
    return np.array(one, dtype=np.float64)


def check_parity(native: Scores, served: Scores, approve_below: float) -> float:
    """The largest gap between native and served scores. Raises ValueError if it is too large or changes a route."""
    gap = float(np.abs(native - served).max())
    moved = (np.round(native, SCORE_DECIMALS) < approve_below) != (np.round(served, SCORE_DECIMALS) < approve_below)
    if gap > MAX_PARITY_GAP or moved.any():
        raise ValueError(f"The ONNX model is off by {gap:.1e} and gives {moved.sum()} other routes. Do not ship it.")
    return gap


def parity_cases(encoder: Encoder, native: Any, seed: int) -> list[dict[str, Any]]:
    """Made-up inputs with the native score of each, for checking the ONNX file wherever it is served."""
    drawn = random.Random(seed)

    def draw() -> dict[str, Any]:
        return {
            i.field: drawn.choice(i.codes) if isinstance(i, Code) else drawn.randint(int(i.minimum), int(i.maximum))
            for i in encoder.inputs
            if isinstance(i, Code | Number)
        }

    inputs = [draw() for _ in range(PARITY_CASES)]
    scores = native.predict_proba(np.concatenate([encoder.encode(values) for values in inputs]))[:, 1]
    return [{"input": v, "score": round(float(s), SCORE_DECIMALS + 2)} for v, s in zip(inputs, scores, strict=True)]
