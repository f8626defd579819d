"""The model card: everything that serving believes about one version of a model, in a file that people read too.

A training script writes it beside the model. Serving reads the part below and ignores the rest (origin of the data,
measurements, fairness), which is for people. The card pins the model file by its SHA-256.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from models.serving.errors import RefusedModelError
from models.serving.features import Input

CARD_FILE = "card.toml"
MODEL_FILE = "model.onnx"


class ModelFile(msgspec.Struct, frozen=True):
    """The ONNX file and where its score comes out."""

    sha256: str
    output: str  # name of the graph output that holds the score
    column: int  # of that output, which is float32[n, columns]


class Routing(msgspec.Struct, frozen=True):
    """Which scores go which way. There is no automatic reject: what is not approved is looked at by a person."""

    approve_below: float  # scores strictly below are approved
    cost_ratio: float  # cost of a bad loan approved, in units of a good one refused
    certificate: str  # id of the certificate of the automatic route; empty if there is none


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


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a card that serving reads."""

    name: str
    version: str
    model: ModelFile
    routing: Routing
    reference: Reference
    explaining: Explaining
    inputs: tuple[Input, ...]


def read_card(folder: Path) -> Card:
    """The card of a model version; raises RefusedModelError if it is missing or does not fit."""
    path = folder / CARD_FILE
    try:
        card = msgspec.toml.decode(path.read_bytes(), type=Card)
    except FileNotFoundError:
        raise RefusedModelError(f"{path}: missing. Install the model again or train it anew.") from None
    except msgspec.DecodeError as error:
        raise RefusedModelError(f"{path}: {error}. Write it with the model's training script.") from None
    fields = {i.field for i in card.inputs}
    if set(card.reference.values) != fields or any(set(order) != fields for order in card.explaining.orders):
        raise RefusedModelError(
            f"{path}: reference profile or orders name other fields than the inputs. Train the model anew."
        )
    if len(card.explaining.orders) < max(card.explaining.approve_pairs, card.explaining.review_pairs):
        raise RefusedModelError(f"{path}: fewer orders than pairs are asked for. Train the model anew.")
    return card
