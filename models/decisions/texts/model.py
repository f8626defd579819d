"""How a model of texts comes about: terms are chosen, a softmax regression is trained on them, its weights are rounded.

The terms are those of serving (`models.serving.terms`): all words that occur twice, and of pairs and letters those that
tell most about the labels (chi square). A row is weighted by the inverse document frequency and has length 1. Weights
are kept as whole numbers of eight bits, with a scale for each label: the file is a quarter of the size, and what is
measured, tested and certified is the rounded model.

Probabilities of a softmax that is as sharp as the labels deserve are near 1 for much that is about something else, too.
So they are made softer, which leaves the order of labels and parts such texts better from the others (area under the
curve 0.955 instead of 0.936 on those that CLINC150 has for training and validation, in a trial before this model); and
a line on their log odds, fitted to rows that the scored model had not seen, makes probabilities of them again.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import chi2
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from models.decisions.measure import Flags, Scores
from models.serving.terms import LETTERS, Terms, spaced, words_of

APART = 0.25  # of the rows: left out of a first model, whose scores of them say how sure it may be
LENGTHS = (3,)  # of letters
RARE_WORD, RARE = 2, 3  # texts that a word, or another term, has to be in
INVERSE_PENALTY = 8.0
ITERATIONS = 25
LEVELS = 127  # of a weight, either side of 0
SHARPNESS = np.geomspace(0.5, 8, 60)
SOFTER = 0.5
LEAST = 1e-6  # of a probability and of what is left to 1, so that both have a logarithm

Weights = NDArray[np.int8]


class TextModel(NamedTuple):
    """A trained model: softmax of (row @ weights) * scale + bias, and a line on the log odds of it."""

    terms: tuple[str, ...]
    labels: tuple[str, ...]
    rarity: NDArray[np.float32]  # of each term; a row is multiplied by it, and then made to have length 1
    weights: Weights  # [terms, labels]
    scale: NDArray[np.float32]  # of each label
    bias: NDArray[np.float32]
    line: tuple[float, float] = (1.0, 0.0)  # slope and intercept

    def probabilities(self, counted: Any) -> Scores:
        """Of counted rows, a column for each label."""
        slope, intercept = self.line
        return sure(slope * log_odds(self.soft(counted)) + intercept)

    def soft(self, counted: Any) -> Scores:
        """The same before the line."""
        rows = _long_one(counted, self.rarity)
        return softmax((rows @ self.weights.astype(np.float64)) * self.scale + self.bias)


def train(texts: Sequence[str], labels: Sequence[str], size: int, seed: int) -> tuple[TextModel, Scores]:
    """A model, and doubts of some of the texts by one that had not seen them."""
    terms = choose_terms(texts, labels, size)
    counted = count(texts, terms)
    known = np.array(labels)
    learn, test = train_test_split(np.arange(len(labels)), test_size=APART, stratify=known, random_state=seed)
    raw = np.log(_fit(counted[learn], known[learn], terms).soft(counted[test]))
    whole = _fit(counted, known, terms)
    right = np.searchsorted(np.array(whole.labels), known[test])
    soft = SOFTER * min(SHARPNESS, key=lambda each: _loss(softmax(raw * each), right))
    unseen = softmax(raw * soft)
    slope, intercept = _line(log_odds(unseen.max(axis=1)), unseen.argmax(axis=1) == right)
    doubts = 1 - sure(slope * log_odds(unseen.max(axis=1)) + intercept)
    scale, bias = (whole.scale * soft).astype(np.float32), (whole.bias * soft).astype(np.float32)
    return whole._replace(scale=scale, bias=bias, line=(slope, intercept)), doubts


def choose_terms(texts: Sequence[str], labels: Sequence[str], size: int) -> tuple[str, ...]:
    """At most so many terms, words first, in alphabetical order."""
    texts_with: Counter[str] = Counter()
    for text in texts:
        texts_with.update({*_terms_of(text)})
    single = [term for term, n in texts_with.items() if n >= RARE_WORD and _is_word(term)]
    others = sorted(term for term, n in texts_with.items() if n >= RARE and not _is_word(term))
    counted = count(texts, (*single, *others))[:, len(single) :]
    telling = np.nan_to_num(chi2(counted, np.array(labels))[0])
    best = np.argsort(-telling, kind="stable")[: max(0, size - len(single))].tolist()
    return tuple(sorted([*single, *(others[at] for at in best)]))


def count(texts: Sequence[str], terms: Sequence[str]) -> Any:
    """A sparse row for each text, a column for each term; nothing where no word is known, as serving reads none."""
    known = Terms(terms)
    found = [Counter(known.places(text)) for text in texts]
    starts = np.cumsum([0, *map(len, found)])
    columns = [place for each in found for place in each]
    values = [number for each in found for number in each.values()]
    return sparse.csr_matrix((values, columns, starts), shape=(len(texts), len(terms)), dtype=np.float64)


def softmax(odds: Scores) -> Scores:
    """Probabilities, a row for each row."""
    powers = np.exp(odds - odds.max(axis=1, keepdims=True))
    shares: Scores = powers / powers.sum(axis=1, keepdims=True)
    return shares


def log_odds(probabilities: Scores) -> Scores:
    """Their log odds, for what is as good as 0 or 1, too."""
    kept = np.clip(probabilities, LEAST, 1 - LEAST)
    odds: Scores = np.log(kept / (1 - kept))
    return odds


def sure(odds: Scores) -> Scores:
    """The probabilities of log odds."""
    probabilities: Scores = 0.5 + 0.5 * np.tanh(odds / 2)
    return probabilities


def _line(odds: Scores, was_right: Flags) -> tuple[float, float]:
    """The line to the log odds of being right; as if one more had been wrong at the least, right at the most."""
    shown, outcomes = np.append(odds, [odds.min(), odds.max()]), np.append(was_right, [False, True])
    line = LogisticRegression(C=1e6).fit(shown[:, None], outcomes)
    return float(line.coef_[0, 0]), float(line.intercept_[0])


def _fit(counted: Any, labels: NDArray[np.str_], terms: Sequence[str]) -> TextModel:
    with_term = np.asarray((counted > 0).sum(axis=0)).ravel()
    rarity = (np.log((1 + counted.shape[0]) / (1 + with_term)) + 1).astype(np.float32)
    native = LogisticRegression(C=INVERSE_PENALTY, max_iter=ITERATIONS, tol=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # after so many rounds it is good enough
        native.fit(_long_one(counted, rarity), labels)
    weights: NDArray[np.float64] = native.coef_.T
    scale = np.abs(weights).max(axis=0) / LEVELS
    rounded = np.round(weights / scale).astype(np.int8)
    bias = native.intercept_.astype(np.float32)
    return TextModel(tuple(terms), tuple(native.classes_.tolist()), rarity, rounded, scale.astype(np.float32), bias)


def _long_one(counted: Any, rarity: NDArray[np.float32]) -> Any:
    rows = counted.multiply(rarity.astype(np.float64)).tocsr()
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return sparse.diags(1 / np.maximum(length, 1e-6)) @ rows


def _loss(probabilities: Scores, right: NDArray[np.intp]) -> float:
    return float(-np.log(probabilities[np.arange(len(right)), right] + 1e-12).mean())


def _terms_of(text: str) -> Iterator[str]:
    """All terms of a text that could be chosen."""
    words = words_of(text)
    yield from words
    yield from map(" ".join, pairwise(words))
    letters = spaced(words)
    yield from (LETTERS + letters[at : at + n] for n in LENGTHS for at in range(len(letters) - n + 1))


def _is_word(term: str) -> bool:
    return " " not in term and not term.startswith(LETTERS)
