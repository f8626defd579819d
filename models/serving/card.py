"""The model card: everything that serving believes about one version of a model, in a file that people read too.

A training script writes it beside the model. Serving reads the part below and ignores the rest (origin of the data,
measurements, fairness), which is for people. The card pins the model file by its SHA-256.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from models.serving.coefficients import Linear
from models.serving.errors import RefusedModelError
from models.serving.features import LARGEST, Code, Input, Number, Text
from models.serving.heads import Band, Head, Kind
from models.serving.pair import Pair
from models.serving.terms import Terms, terms_fault

CARD_FILE = "card.toml"
MODEL_FILE = "model.onnx"
REVIEW = "review"  # the route of what a person has to look at
MAX_CARD_BYTES = 4 * 2**20
MAX_MODEL_BYTES = 2**30
MAX_CODE_TEXT = 200  # characters of what a code means


class ModelFile(msgspec.Struct, frozen=True):
    """The ONNX file and where its score comes out."""

    sha256: str
    output: str  # name of the graph output that holds the score
    column: int = 0  # of that output, which has a row for each case; of a label's probability, by the order of `labels`
    kind: str = ""  # of algorithm, for people
    task: Kind = "binary"
    labels: tuple[str, ...] = ()  # of classes, in the order of the columns; of ZipMap, as text


class Routing(msgspec.Struct, frozen=True):
    """Which cases may go without a person: those whose doubt (`heads`) is strictly below, if a certificate says so.

    There is no automatic reject: what is not approved is looked at by a person.
    """

    approve_below: float
    route: str = "approve"  # of a binary model
    bands: tuple[Band, ...] = ()  # of a regression
    scale: float = 1.0  # of a regression: at this distance from an edge the doubt is a half
    cost_bad: float = 1.0  # of a bad case approved
    cost_review: float = 1.0  # of a case that a person looks at

    @property
    def break_even(self) -> float:
        """The share of bad cases at which approving costs what reviewing costs."""
        return min(1.0, self.cost_review / self.cost_bad)


class Reference(msgspec.Struct, frozen=True):
    """The profile that reasons compare with. Its choice is policy, so it has a name and a version."""

    name: str
    score: float  # what the model must give for it; checked whenever the model is loaded
    values: dict[str, Any]


class Explaining(msgspec.Struct, frozen=True):
    """Orders in which fields are switched from the reference profile to the case; each is also used backwards."""

    approve_pairs: int
    review_pairs: int
    orders: tuple[tuple[str, ...], ...]
    linear: Linear | None = None  # of a linear model: reasons follow from its coefficients, it is not asked for them


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a card that serving reads."""

    name: str
    version: str
    model: ModelFile
    routing: Routing
    reference: Reference
    explaining: Explaining
    inputs: tuple[Input, ...]
    together: tuple[Pair, ...] = ()
    cost: float = 0.0  # of a decision, in the currency of the site


def read_card(folder: Path) -> tuple[Card, bytes]:
    """The card of a model version, and its bytes; raises RefusedModelError if it is missing or does not fit."""
    path = folder / CARD_FILE
    written = content(path, MAX_CARD_BYTES)
    try:
        card = msgspec.toml.decode(written, type=Card)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        what = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error) or "nested too deep"
        raise RefusedModelError(f"{path}: {what}. Write it with the model's training script.") from None
    fault = next(_faults(card, folder), None)
    if fault is not None:
        raise RefusedModelError(f"{path}: {fault}. Train the model anew.")
    return card, written


def content(path: Path, most: int) -> bytes:
    """The bytes of a file of a model; raises RefusedModelError where it cannot be read or is larger than `most`."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        raise RefusedModelError(f"{path}: missing. Install the model again or train it anew.") from None
    except OSError as error:
        raise RefusedModelError(f"{path}: {error.strerror}. Let this process read it.") from None
    if len(data) > most:
        raise RefusedModelError(f"{path}: more than {most:,} bytes. Install a smaller model.")
    return data


def _faults(card: Card, folder: Path) -> Iterator[str]:
    """What does not fit together in a card."""
    if (card.name, card.version) != (folder.parent.name, folder.name):
        yield f"it is of {card.name}@{card.version}, its folder is {folder.parent.name}/{folder.name}"
    fields = [i.field for i in card.inputs]
    if not fields or len({*fields}) < len(fields):
        yield "no inputs, or one of them twice"
    yield from (f"input {i.field}: {what}" for i in card.inputs if (what := _input_fault(i)))
    orders = [card.reference.values, *card.explaining.orders]
    if any(len(order) != len(fields) or {*order} != {*fields} for order in orders):
        yield "reference profile or orders name other fields than the inputs"
    pairs = card.explaining.approve_pairs, card.explaining.review_pairs
    if min(pairs) < 0 or len(card.explaining.orders) < max(pairs):
        yield "fewer orders than pairs are asked for"
    if card.model.column < 0:
        yield "model.column is below 0"
    yield from _head_faults(card)
    yield from _linear_faults(card)
    if not 0 <= card.routing.approve_below <= 1:  # false for NaN, too
        yield "routing.approve_below is no number from 0 to 1"
    if not all(0 < cost < math.inf for cost in (card.routing.cost_bad, card.routing.cost_review)):
        yield "routing.cost_bad or routing.cost_review is no ordinary number above 0"
    if not 0 <= card.cost < math.inf:  # false for NaN, too
        yield "cost is no ordinary number of 0 or more"
    numbers = {i.field for i in card.inputs if isinstance(i, Number)}
    if any(not {*pair.fields} <= numbers for pair in card.together):
        yield "together: a pair names what is no number among the inputs"
    if not math.isfinite(card.reference.score):
        yield "reference.score is no ordinary number"


def _head_faults(card: Card) -> Iterator[str]:
    """What does not fit about outputs and routes."""
    labels, bands = card.model.labels, card.routing.bands
    if card.model.task == "classes" and (len(labels) < 2 or len({*labels}) < len(labels)):
        yield "model.labels are too few for classes, or one is there twice"
    if card.model.task == "regression":
        edges = [band.below for band in bands]
        if not edges or any(not a < b for a, b in pairwise(edges)) or edges[-1] != math.inf:
            yield "routing.bands are none, or not in order; the last one has no `below`"
        if not 0 < card.routing.scale < math.inf:
            yield "routing.scale is no ordinary number above 0"
    routes = head(card).routes if bands or card.model.task != "regression" else ()
    if REVIEW in routes or not all(routes):
        yield f"a route is called {REVIEW!r}, or has no name"


def _linear_faults(card: Card) -> Iterator[str]:
    linear = card.explaining.linear
    if linear is None:
        return
    if card.model.task == "classes":
        yield "explaining.linear is of a number or of log odds, and the model gives classes"
    if len(linear.coefficients) != sum(i.width for i in card.inputs):
        yield "explaining.linear has not one coefficient for each column"
    if not all(map(math.isfinite, (linear.intercept, *linear.coefficients))):
        yield "explaining.linear holds what is no ordinary number"


def head(card: Card) -> Head:
    """How the output of a model is read."""
    routing = card.routing
    return Head(card.model.task, card.model.column, routing.route, card.model.labels, routing.bands, routing.scale)


def _input_fault(declared: Input) -> str | None:
    if isinstance(declared, Code):
        if not declared.codes or len({*declared.codes}) < len(declared.codes):
            return "no codes, or one twice"
        if unknown := sorted(declared.texts.keys() - {*declared.codes}):
            return f"texts: {unknown[0][:50]!r} is none of its codes"
        if not all(len(text.strip()) > 0 and len(text) <= MAX_CODE_TEXT for text in declared.texts.values()):
            return f"texts: of at least one character and at most {MAX_CODE_TEXT}"
        fits = declared.default in declared.codes
    elif isinstance(declared, Text):
        if fault := terms_fault(declared.words):
            return fault
        fits = bool(Terms(declared.words).places(declared.default or ""))
    else:
        if not -LARGEST <= declared.minimum <= declared.maximum <= LARGEST:
            return "minimum and maximum are no range of ordinary numbers"
        fits = declared.default is not None and declared.minimum <= declared.default <= declared.maximum
    needs = "default" in (declared.missing, declared.unknown)
    return "its default is none that the model was trained on" if needs and not fits else None
