"""A loaded model: input → score → route, with reasons.

Scoring is done inline, in the process and thread that asks: one call takes some ten microseconds, less than handing
it over would. So onnxruntime gets one thread and no pool.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime as ort

from models.serving import onnx_file
from models.serving.card import MODEL_FILE, Card, read_card
from models.serving.errors import FeatureError, RefusedModelError
from models.serving.explain import Contribution, Explainer, Scores
from models.serving.features import Encoder, Row

Route = Literal["approve", "review"]

SCORE_DECIMALS = 6  # what is compared, recorded and shown; beyond it, processors of different makes disagree
_REFERENCE_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a model says about one case."""

    score: float  # calibrated probability of the bad outcome, 6 decimals
    route: Route
    outside: tuple[
        str, ...
    ]  # fields beyond the range of the training data: then the route is review, whatever the score
    contributions: tuple[Contribution, ...]  # of all fields, largest first; they add up to score - reference score


class Model:
    """One version of a model, checked, loaded and warm. Get one by `Model.load`."""

    def __init__(self, card: Card, session: ort.InferenceSession) -> None:
        self.card = card
        self.encoder = Encoder(card.inputs)
        self.labels = {i.field: i.label for i in card.inputs}  # what people read for a field
        self._run = session.run
        self._input = session.get_inputs()[0].name
        self._output = [card.model.output]
        self._column = card.model.column
        self._explainers = self._make_explainers()

    @classmethod
    def load(cls, folder: Path) -> Model:
        """The model of a registry folder.

        Raises RefusedModelError if a file is missing, is not the one that the card pins, contains what is not allowed,
        or does not give the score that the card states for its reference profile.
        """
        card = read_card(folder)
        model = cls(card, _session(_checked_bytes(folder, card)))
        score = model.predict(card.reference.values)
        if abs(score - card.reference.score) > _REFERENCE_TOLERANCE:
            raise RefusedModelError(
                f"{folder}: scores its reference profile {score}, the card says {card.reference.score}. Train it anew."
            )
        model.decide(card.reference.values)  # the first call of a kind is slow
        return model

    def predict(self, values: Mapping[str, Any]) -> float:
        """The score of one input; raises FeatureError if the model cannot read it."""
        return self._score(self.encoder.encode(values))

    def score_rows(self, rows: Row) -> Scores:
        """Scores of many encoded rows, unrounded."""
        scores: Scores = self._run(self._output, {self._input: rows})[0][:, self._column].astype(np.float64)
        return scores

    def decide(self, values: Mapping[str, Any]) -> Verdict:
        """Score, route and reasons of one input; raises FeatureError if the model cannot read it."""
        row = self.encoder.encode(values)
        score = self._score(row)
        outside = tuple(self.encoder.outside(values))
        route: Route = "approve" if score < self.card.routing.approve_below and not outside else "review"
        explainer = self._explainers[route]
        reasons = tuple(explainer.explain(row, self.score_rows)) if explainer else ()
        return Verdict(score, route, outside, reasons)

    def _score(self, row: Row) -> float:
        return round(float(self._run(self._output, {self._input: row})[0][0, self._column]), SCORE_DECIMALS)

    def _make_explainers(self) -> dict[Route, Explainer | None]:
        how = self.card.explaining
        try:
            reference = self.encoder.encode(self.card.reference.values)
        except FeatureError as error:
            raise RefusedModelError(
                f"Card of {self.card.name}: reference profile: {error} Train the model anew."
            ) from None
        pairs: dict[Route, int] = {"approve": how.approve_pairs, "review": how.review_pairs}
        return {r: Explainer(self.encoder, reference, how.orders[:n]) if n else None for r, n in pairs.items()}


def _checked_bytes(folder: Path, card: Card) -> bytes:
    path = folder / MODEL_FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise RefusedModelError(f"{path}: missing. Install the model again or train it anew.") from None
    if hashlib.sha256(data).hexdigest() != card.model.sha256:
        raise RefusedModelError(f"{path}: not the file that its card pins (SHA-256 differs). Install the model again.")
    onnx_file.check(data)
    return data


def _session(data: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
