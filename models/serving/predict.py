"""A loaded model: input → score → route, with reasons.

Scoring is done inline, in the process and thread that asks: one call takes some ten microseconds, less than handing
it over would. So onnxruntime gets one thread and no pool.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime as ort

from models.serving import onnx_file
from models.serving.card import CARD_FILE, MAX_MODEL_BYTES, MODEL_FILE, REVIEW, Card, content, head, read_card
from models.serving.certificate import Certificate, CertificateError, band_end, covered, digest, read_certificate
from models.serving.errors import ChangedModelError, FeatureError, ModelError, RefusedModelError
from models.serving.explain import Contribution, Explainer, Reasons, Scores
from models.serving.features import Encoder, Row
from models.serving.heads import Judged, Table, table
from models.serving.held import Held, Why
from models.serving.linear import ClosedExplainer, probes
from models.serving.seat import Seats, feeding, takes_columns
from models.serving.signature import Trusted
from models.serving.telling import Telling
from models.serving.together import Company

SCORE_DECIMALS = 6  # what is compared, recorded and shown; beyond it, processors of different makes disagree
_REFERENCE_TOLERANCE = 1e-5
MAX_SAID = 300
ANYWAY = Held(Why.NO_CERTIFICATE, "", "asked what it would say")


class Verdict(msgspec.Struct, frozen=True):
    """What a model says about one case."""

    score: float | None  # what the model gives, 6 decimals (`heads`); None where it could not be asked
    route: str
    held: tuple[Held, ...]  # why the model may not act alone on it: then the route is review, whatever the score
    judged: Judged | None = None  # what it would have said
    reasons: Reasons | None = None

    @property
    def contributions(self) -> Sequence[Contribution]:
        """Of all fields, largest first; they add up to score - reference score."""
        return self.reasons.contributions if self.reasons is not None else ()

    @property
    def outside(self) -> tuple[str, ...]:
        """Fields beyond the range of the training data."""
        return tuple(each.field for each in self.held if each.why is Why.OUTSIDE)


class Model:
    """One version of a model, checked, loaded and warm. Get one by `Model.load`."""

    def __init__(self, card: Card, session: ort.InferenceSession | None, band: Band) -> None:
        """Without a session it is never asked, and everything goes to people."""
        self.card = card
        self.band = band
        self.encoder = Encoder(card.inputs)
        self.labels = {i.field: i.label for i in card.inputs}  # what people read for a field
        self.text_ids = {i.field: f"{card.name}.{i.field}" for i in card.inputs}  # of a field's reason, for programs
        self.telling = Telling(card.inputs, card.reference.name, card.reference.values)
        self._company = Company(card.together, self.labels)
        self._session, self._seats = session, None
        self._output = [card.model.output]
        self.head = head(card)
        self._explainers = self._make_explainers()
        if session is not None:
            _check_signature(session, card, self.encoder)
            self._feed = feeding(session)
            self._seats = Seats(session, card.model.output, self.encoder, card.model.labels)

    @classmethod
    def load(cls, folder: Path, trusted: Trusted | None = None) -> Model:
        """The model of a registry folder; with `trusted` its certificate has to be signed by one of these keys.

        Raises RefusedModelError if a file is missing, contains what is not allowed, or does not give the score that the
        card states for its reference profile, and ChangedModelError if it is not the one that the card pins.
        """
        card, written = read_card(folder)
        data = _checked_bytes(folder, card)
        band = _band(folder, card, covered(data, written), trusted)
        try:
            model = cls(card, session_of(data), band)
            score = model.predict(card.reference.values)
        except ModelError as error:
            raise RefusedModelError(f"{folder / CARD_FILE}: {error}") from None
        except Exception as error:  # noqa: BLE001  # onnxruntime raises whatever it likes about what is in a file
            raise RefusedModelError(f"{folder / MODEL_FILE}: {_said(error)}. Train it anew.") from None
        if not abs(score - card.reference.score) <= _REFERENCE_TOLERANCE:  # so that NaN does not pass
            raise RefusedModelError(
                f"{folder}: scores its reference profile {score}, the card says {card.reference.score}. Train it anew."
            )
        model._check_coefficients(folder)
        model.decide(card.reference.values)  # the first call of a kind is slow
        return model

    @classmethod
    def closed(cls, folder: Path, reason: str) -> Model:
        """A model whose file must not be run: it reads its cases and hands them to people. Raises RefusedModelError."""
        card, written = read_card(folder)
        held = Held(Why.CHANGED, "", f"the model may not decide: {reason}")
        try:
            return cls(card, None, Band(0.0, held, None, covered(b"", written), ""))
        except ModelError as error:
            raise RefusedModelError(f"{folder / CARD_FILE}: {error}") from None

    def under(self, band: Band) -> Model:
        """The same model with another band: that of an earlier time, to recompute what was decided then."""
        other = copy(self)
        other.band = band
        return other

    def predict(self, values: Mapping[str, Any]) -> float:
        """The score of one input; raises FeatureError if the model cannot read it."""
        assert self._seats is not None
        seat = self._seats.seat
        seat.take(values)
        return self.head.judge(seat.ask(), SCORE_DECIMALS).score

    def score_rows(self, rows: Row, route: str = "") -> Scores:
        """Scores of many encoded rows, unrounded; of classes the probability of a label."""
        return self.head.spoken_for(self._table(rows), route or self.head.routes[0])

    def judge(self, values: Mapping[str, Any]) -> Judged | None:
        """Score, route and doubt as if nothing had to be certified; None where a person would have to look anyway."""
        verdict = self.decide(values, ANYWAY)
        return verdict.judged if verdict.held == (ANYWAY,) else None

    def changed(self, sha256: str) -> Held | None:
        """Why it may not act alone where its files are meant to have this hash, which is empty if nobody has said."""
        if sha256 in ("", self.band.files_sha256):
            return None
        return Held(Why.CHANGED, "", "the model may not decide: its files are not those that were put into force")

    def decide(self, values: Mapping[str, Any], closed: Held | None = None, *, explain: bool = True) -> Verdict:
        """Score, route and reasons of one input; `closed` says why the model may not act alone, if it may not.

        Raises FeatureError for a field that is missing or cannot be read if the card says that this is an error.
        """
        closed = closed if closed is ANYWAY else self.band.closed or closed
        if self._seats is None:
            return Verdict(None, REVIEW, (closed,) if closed else ())
        seat = self._seats.seat
        try:
            usual = seat.take(values)
        except FeatureError:
            read, unread = self.encoder.filled(values)
            if read is None:
                return Verdict(None, REVIEW, (*unread, *((closed,) if closed else ())))
            values = read
            usual = seat.take(values)
        judged = self.head.judge(seat.ask(), SCORE_DECIMALS)
        held = ([] if usual else self.encoder.beyond(values)) or self._company.unlike(values)
        if not math.isfinite(judged.score):
            return Verdict(None, REVIEW, (*held, Held(Why.NO_SCORE, "", "the model gave no ordinary number")))
        if closed:
            held.append(closed)
        alone = judged.doubt < self.band.approve_below and not held
        explainer = self._explainers[alone] if explain else None
        reasons = None
        if explainer is not None:
            score = partial(self.score_rows, route=judged.route)
            reasons = Reasons(explainer, seat.encoded(), score)
        return Verdict(judged.score, judged.route if alone else REVIEW, tuple(held), judged, reasons)

    def _table(self, rows: Row) -> Table:
        assert self._session is not None
        return table(self._session.run(self._output, self._feed(rows))[0], self.card.model.labels)

    def _make_explainers(self) -> dict[bool, Explainer | ClosedExplainer | None]:
        """By whether the model may act alone."""
        how, reference = self.card.explaining, self._reference()
        pairs = {True: how.approve_pairs, False: how.review_pairs}
        return {alone: self._explainer(reference, how.orders[:count]) for alone, count in pairs.items()}

    def _explainer(self, reference: Row, orders: Sequence[Sequence[str]]) -> Explainer | ClosedExplainer | None:
        linear = self.card.explaining.linear
        if not orders:
            return None
        if linear is not None:
            return ClosedExplainer(self.encoder, reference, orders, linear, odds=self.head.kind == "binary")
        return Explainer(self.encoder, reference, orders)

    def _reference(self) -> Row:
        try:
            return self.encoder.encode(self.card.reference.values)
        except FeatureError as error:
            raise RefusedModelError(f"reference profile: {error} Train the model anew.") from None

    def _check_coefficients(self, folder: Path) -> None:
        """Raises RefusedModelError where the card states coefficients that are not the model's."""
        linear = self.card.explaining.linear
        if linear is None:
            return
        rows = probes(self.encoder, self._reference())
        asked = self.score_rows(rows)
        gaps = np.abs(linear.scores(rows, odds=self.head.kind == "binary") - asked)
        if not (gaps <= _REFERENCE_TOLERANCE * np.maximum(1.0, np.abs(asked))).all():  # so that NaN does not pass
            what = "explaining.linear: its coefficients do not give the model's scores"
            raise RefusedModelError(f"{folder / CARD_FILE}: {what}. Train it anew.")


@dataclass(frozen=True, slots=True)
class Band:
    """The scores for which a model may act alone, and by what right."""

    approve_below: float  # 0 where nothing may be approved
    closed: Held | None  # why nothing may be
    certificate: Certificate | None
    covers: str  # one hash over model and card
    certificate_sha256: str
    files_sha256: str = field(init=False)  # over certificate, too: what is put into force, and a command is pinned to

    def __post_init__(self) -> None:
        """Once, since every command asks for it."""
        object.__setattr__(self, "files_sha256", digest(self.covers.encode(), self.certificate_sha256.encode()))


def _band(folder: Path, card: Card, covers: str, trusted: Trusted | None) -> Band:
    """The certified band, or the cheaper one by costs if it is narrower; empty without a valid certificate."""
    try:
        certificate, written = read_certificate(folder, card, covers, trusted)
    except CertificateError as error:
        held = Held(Why.NO_CERTIFICATE, "", f"the model may not decide alone: {error}")
        return Band(0.0, held, None, covers, "")
    return Band(band_end(card, certificate), None, certificate, covers, hashlib.sha256(written).hexdigest())


def _checked_bytes(folder: Path, card: Card) -> bytes:
    path = folder / MODEL_FILE
    data = content(path, MAX_MODEL_BYTES)
    if hashlib.sha256(data).hexdigest() != card.model.sha256:
        raise ChangedModelError(f"{path}: not the file that its card pins (SHA-256 differs). Install the model again.")
    try:
        onnx_file.check(data)
    except RefusedModelError as error:
        raise RefusedModelError(f"{path}: {error}") from None
    return data


def _check_signature(session: ort.InferenceSession, card: Card, encoder: Encoder) -> None:
    """Raises ValueError saying where the graph does not take and give what the card says."""
    inputs = session.get_inputs()
    if takes_columns(session):
        if not encoder.only_texts:
            raise ValueError("takes columns, as only a model of texts may")
    elif len(inputs) != 1 or inputs[0].type != "tensor(float)":
        raise ValueError("takes something else than one tensor of float32")
    else:
        shape = inputs[0].shape  # a text or None where the graph leaves a dimension open
        if len(shape) != 2 or (isinstance(shape[1], int) and shape[1] != encoder.width):
            raise ValueError(f"takes {shape}, the card declares rows of {encoder.width} columns")
    found = {output.name: output for output in session.get_outputs()}
    if card.model.output not in found:
        raise ValueError(f"has no output {card.model.output!r}; it has {', '.join(sorted(found))}")
    rows = np.zeros((2, encoder.width), dtype=np.float32)
    rows[0, -1] = 1.0  # the last column has to be one that the graph knows
    given = table(session.run([card.model.output], feeding(session)(rows))[0], card.model.labels).shape
    if given[0] != 2 or given[1] < head(card).columns:
        raise ValueError(f"its output {card.model.output!r} has {given[1]} columns, the card asks for more")


def _said(error: Exception) -> str:
    """What an error says, on one line of a length that people read."""
    return " ".join(str(error).split())[:MAX_SAID] or type(error).__name__


def session_of(data: bytes) -> ort.InferenceSession:
    """A model in memory: one thread, no pool, and errors are raised instead of printed."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what is wrong with a file is raised, and told by whoever asked
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
