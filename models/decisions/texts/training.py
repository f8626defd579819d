"""From texts to a finished model: what `models.decisions.training` writes as a version of the registry."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from models.decisions.measure import Scores
from models.decisions.onnx_export import OUTPUT, PARITY_CASES
from models.decisions.texts.card import APPROVE_BELOW, DELTA, TARGET, About, card
from models.decisions.texts.data import FIELD, Judged, Texts
from models.decisions.texts.graph import graph_of
from models.decisions.texts.model import TextModel, count, train
from models.decisions.training import Trained, Trainer
from models.making.certification import thresholds
from models.serving.errors import FeatureError
from models.serving.features import Encoder, Text
from models.serving.predict import SCORE_DECIMALS, session_of
from models.serving.seat import seat
from models.serving.terms import words_of

MADE_UP_WORDS = 9
MAX_PARITY_GAP = 1e-4  # more than usual: the log odds of what is nearly certain have few digits in float32
THRESHOLDS = 60  # more than usual: there are labels enough to tell them apart, and only the starts share delta


def trainer(about: About, read: Callable[[Path], Texts], data: str) -> Trainer[Judged]:
    """The command of one model of texts."""
    return Trainer(
        name=about.name,
        code=about.code,
        of=about.of,
        data=data,
        read=lambda path: _unjudged(read(path)),
        train=partial(finished, about),
        card=partial(card, about),
        groups=lambda judged: {},
        target=TARGET,
        delta=DELTA,
    )


def finished(about: About, data: Judged) -> Trained[Judged]:
    """Trains and converts. Raises ValueError if the ONNX model decides other than the native one."""
    texts = data.texts
    learnt, unseen = texts.learnt, ~texts.learnt
    with threadpool_limits(limits=1):  # so that the bytes do not hang on the number of cores
        model, learnt_doubts = train(*texts.part(learnt), about.terms, about.seed)
    written = graph_of(model)
    inputs = (Text(FIELD, "what is asked", model.terms),)
    asked, truth = texts.part(unseen)
    served, readable = _served(written, Encoder(inputs), asked, len(model.labels))
    gap = _parity(model.probabilities(count(asked, model.terms))[readable], served[readable])
    doubts, wrong, known = np.zeros(len(learnt)), np.zeros(len(learnt), np.bool_), np.ones(len(learnt), np.bool_)
    doubts[unseen] = 1 - np.round(served.max(axis=1), SCORE_DECIMALS)
    wrong[unseen], known[unseen] = np.array(model.labels)[served.argmax(axis=1)] != np.array(truth), readable
    return Trained(
        data=Judged(texts, wrong, model.labels),
        model=written,
        inputs=inputs,
        tried=[],
        chosen=f"softmax regression on {len(model.terms):,} words, pairs of words and letters",
        parity_gap=gap,
        held_out=texts.held_out,
        unseen_scores=doubts,
        readable=known,
        grid=thresholds(learnt_doubts.tolist(), APPROVE_BELOW, THRESHOLDS),
        together=(),
        parity=_made_up(model, inputs, about.seed),
        linear=None,
        unseen=[{FIELD: text} for text in texts.part(texts.held_out)[0]],
    )


def _unjudged(texts: Texts) -> Judged:
    return Judged(texts, np.zeros(len(texts.labels), np.bool_), ())


def _served(model: bytes, encoder: Encoder, texts: Sequence[str], labels: int) -> tuple[Scores, Any]:
    """Probabilities as serving has them, one text at a time, and which of the texts it can read."""
    asked = seat(session_of(model), OUTPUT, encoder)
    served, readable = np.full((len(texts), labels), 1 / labels), np.ones(len(texts), np.bool_)
    for number, text in enumerate(texts):
        try:
            asked.take({FIELD: text})
        except FeatureError:
            readable[number] = False
        else:
            served[number] = asked.ask()
    return served, readable


def _parity(native: Scores, served: Scores) -> float:
    gap = float(np.abs(native - served).max())
    top = np.sort(native, axis=1)[:, -2:]
    moved = (native.argmax(axis=1) != served.argmax(axis=1)) & (top[:, 1] - top[:, 0] > MAX_PARITY_GAP)
    if gap > MAX_PARITY_GAP or moved.any():
        raise ValueError(f"The ONNX model is off by {gap:.1e} and gives {moved.sum()} other routes. Do not ship it.")
    return gap


def _made_up(model: TextModel, inputs: tuple[Text, ...], seed: int) -> list[dict[str, Any]]:
    """Texts of words that the model knows, in no order, with the native score of each."""
    drawn, words = random.Random(seed), [term for term in model.terms if words_of(term) == [term]]
    texts = [" ".join(drawn.sample(words, min(MADE_UP_WORDS, len(words)))) for _ in range(PARITY_CASES)]
    scores = model.probabilities(count(texts, inputs[0].words)).max(axis=1).tolist()
    return [
        {"input": {FIELD: text}, "score": round(score, SCORE_DECIMALS + 2)}
        for text, score in zip(texts, scores, strict=True)
    ]
