"""What the trainers share: from rows to a finished model, and the command that writes it as a version of the registry.

A version is the ONNX file, its card, its certificate, and made-up cases with scores. The same data, seed and package
versions give the same bytes on the same kind of processor, elsewhere the same scores to 1e-6. A model that nothing is
proved of is written, too: it decides nothing, everything goes to people.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec
import numpy as np
import tomli_w
from sklearn.pipeline import Pipeline

from models.decisions.measure import Flags, Scores
from models.decisions.onnx_export import check_parity, export, onnx_scores, parity_cases
from models.making.certification import THRESHOLDS, Cases, certificate, thresholds
from models.making.pictures import overall
from models.serving.card import CARD_FILE, MODEL_FILE, read_card
from models.serving.certificate import CERTIFICATE_FILE, Certificate, covered
from models.serving.coefficients import Linear
from models.serving.features import Encoder, Input, Row
from models.serving.pair import Pair
from models.serving.predict import SCORE_DECIMALS, Model
from models.serving.registry import FOLDER
from models.serving.together import Company, pairs_of

PARITY_FILE = "parity.jsonl"
EXIT_NOT_CERTIFIED = 3


class Rows(Protocol):
    """Data that a model is made of."""

    @property
    def sha256(self) -> str:
        """Of the file."""

    @property
    def bad(self) -> Flags:
        """Which rows went wrong."""


D = TypeVar("D", bound=Rows)


@dataclass(frozen=True)
class Trained(Generic[D]):
    """A finished model with all that its card tells. Arrays run over the rows of the data."""

    data: D
    model: bytes
    inputs: tuple[Input, ...]
    tried: list[dict[str, Any]]
    chosen: str
    parity_gap: float
    held_out: Flags
    unseen_scores: Scores  # by the model itself where held out, else by one that was trained without the row
    readable: Flags  # rows that nothing holds back, so that their score decides
    grid: list[float]  # thresholds that may be certified, from strict to loose
    together: tuple[Pair, ...]
    parity: list[dict[str, Any]]
    linear: Linear | None  # the coefficients of a linear model
    unseen: list[dict[str, Any]]  # the requests that are held out

    @property
    def approved(self) -> Flags:
        """The routes at the loosest threshold that may be certified."""
        taken: Flags = (np.round(self.unseen_scores, SCORE_DECIMALS) < self.grid[-1]) & self.readable
        return taken


class Choice(NamedTuple):
    """The kind of model that is best, what every candidate reached, and its scores of rows that it had not seen."""

    name: str
    make: Callable[[], Any]
    tried: list[dict[str, Any]]
    unseen: Scores


def finished(
    data: D,
    requests: Sequence[dict[str, Any]],
    inputs: tuple[Input, ...],
    held_out: Flags,
    choose: Callable[[Row, Flags], Choice],
    *,
    loosest: float,
    seed: int,
    count: int = THRESHOLDS,
    pairs: bool = True,
) -> Trained[D]:
    """Chooses, trains and converts; `loosest` is the loosest of `count` thresholds that may be certified. Without
    `pairs`, cases need not be like the others in two numbers at once.

    Raises ValueError if the ONNX model decides other than the native one.
    """
    encoder = Encoder(inputs)
    rows: Row = np.concatenate([encoder.encode(request) for request in requests])
    chosen = choose(rows[~held_out], data.bad[~held_out])
    native = chosen.make().fit(rows[~held_out], data.bad[~held_out])
    model = export(native, encoder.width)
    scores = onnx_scores(model, rows)
    gap = check_parity(native.predict_proba(rows)[:, 1], scores, loosest)
    scores[~held_out] = chosen.unseen
    learn = [request for request, out in zip(requests, held_out.tolist(), strict=True) if not out]
    together = pairs_of(inputs, learn) if pairs else ()
    company = Company(together, {each.field: each.label for each in inputs})
    readable = np.array([not (encoder.beyond(request) or company.unlike(request)) for request in requests])
    grid = thresholds(scores[~held_out & readable].tolist(), loosest, count)
    parity = parity_cases(encoder, native, seed)
    linear = _linear(native, encoder.width)
    unseen = [request for request, out in zip(requests, held_out.tolist(), strict=True) if out]
    return Trained(
        data, model, inputs, chosen.tried, chosen.name, gap, held_out, scores, readable, grid, together, parity, linear,
        unseen,
    )  # fmt: skip


def _linear(native: Any, width: int) -> Linear | None:
    """The coefficients of the columns as they are, before any scaling; None of a model that is not linear."""
    if not hasattr(native[-1] if isinstance(native, Pipeline) else native, "coef_"):
        return None
    start, *moved = native.decision_function(np.concatenate([np.zeros((1, width)), np.eye(width)])).tolist()
    return Linear(start, tuple(each - start for each in moved))


@dataclass(frozen=True, kw_only=True)
class Trainer(Generic[D]):
    """The command of one model: `python -m CODE.train --data FILE`."""

    name: str
    code: str  # what made it; the packages are in the card
    of: str  # for people, as in "the credit risk model"
    data: str  # what FILE is; empty where none is needed, since the data is simulated
    read: Callable[[Path], D]  # raises OSError, and ValueError for what is none of this data
    train: Callable[[D], Trained[D]]
    card: Callable[[Trained[D], str], dict[str, Any]]
    groups: Callable[[D], Mapping[str, Flags]]
    target: float
    delta: float

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Trains, checks and writes one version; 1 if another model is there already, 3 if nothing is proved of it."""
        parser = argparse.ArgumentParser(prog=f"python -m {self.code}.train", description=f"Train the {self.of} model.")
        if self.data:
            parser.add_argument("--data", type=Path, required=True, help=self.data)
        parser.add_argument("--registry", type=Path, default=FOLDER, help="where the version is written")
        parser.add_argument("--version", default="1", help="number of the version to write")
        options = parser.parse_args(arguments)
        folder = options.registry / self.name / options.version
        try:
            data = self.read(options.data if self.data else Path())
        except OSError as error:
            parser.error(f"--data {options.data}: {error.strerror or error}")
        except ValueError as error:
            parser.error(f"--data {options.data}: {error}")
        trained = self.train(data)
        if (folder / MODEL_FILE).exists() and (folder / MODEL_FILE).read_bytes() != trained.model:
            print(f"{folder}: holds another model. Give the next number with --version.", file=sys.stderr)
            return 1
        proof = self._write(folder, trained, options.version)
        print(json.dumps({"folder": str(folder), "certificate": msgspec.to_builtins(proof)}))
        if not proof.certified:
            told = f"{folder}: nothing is proved of it, so it decides nothing. Everything goes to people."
            print(told, file=sys.stderr)
            return EXIT_NOT_CERTIFIED
        return 0

    def _write(self, folder: Path, trained: Trained[D], version: str) -> Certificate:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MODEL_FILE).write_bytes(trained.model)
        (folder / CARD_FILE).write_text(tomli_w.dumps(self.card(trained, version)))
        (folder / PARITY_FILE).write_text("".join(json.dumps(case) + "\n" for case in trained.parity))
        read, written = read_card(folder)
        covers, cases = covered(trained.model, written), self._held_out(trained, Model.load(folder))
        proof, text = certificate(
            read, covers, cases, trained.grid, target=self.target, delta=self.delta, code=self.code
        )
        (folder / CERTIFICATE_FILE).write_bytes(text)
        Model.load(folder)
        return proof

    def _held_out(self, trained: Trained[D], model: Model) -> Cases:
        """The rows that had no part in the model."""
        out = trained.held_out
        rounded = np.round(trained.unseen_scores[out], SCORE_DECIMALS).tolist()
        shown = zip(rounded, trained.readable[out].tolist(), strict=True)
        return Cases(
            scores=[score if known else None for score, known in shown],
            wrong=trained.data.bad[out].tolist(),
            groups={name: members[out].tolist() for name, members in self.groups(trained.data).items()},
            sha256=trained.data.sha256,
            reasons=overall(model, trained.unseen),
        )
