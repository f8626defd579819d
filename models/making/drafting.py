"""A card for a model that somebody brings: what the file says of itself, what its rows show, and what was written down.

What a draft (`card.toml` of the folder that is brought, as far as it goes) says stands. The rest is found out: inputs
and their ranges from rows, the task from the outputs, a reference profile that is the most usual case.
"""

from __future__ import annotations

import hashlib
import random
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import onnxruntime as ort

from models.making.rows import Rows
from models.serving import onnx_file
from models.serving.errors import FeatureError, RefusedModelError
from models.serving.features import Code, Encoder, Input, Number, Text
from models.serving.heads import Band, Head, Table, table
from models.serving.predict import SCORE_DECIMALS, session_of
from models.serving.seat import feeding, takes_columns
from models.serving.together import pairs_of

COST_BAD, COST_REVIEW = 5.0, 1.0
PAIRS = 1, 2  # orders of the explanation of what goes alone, and of what a person looks at
EXPLAINED_WIDTH = 400  # columns; beyond, reasons would cost more than they tell
MOST_CODES = 60
SAMPLE = 2_000  # rows that outputs are looked at on


class DraftError(Exception):
    """No card can be made; the text says what is missing, and where to write it."""


def drafted(model: bytes, given: Mapping[str, Any], rows: Rows | None, name: str, version: str) -> dict[str, Any]:
    """The whole card, ready to be written as TOML. Raises DraftError, or RefusedModelError for the file."""
    onnx_file.check(model)
    try:
        session = session_of(model)
    except Exception as error:  # noqa: BLE001  # onnxruntime raises whatever it likes about what is in a file
        raise RefusedModelError(f"onnxruntime does not take it: {' '.join(str(error).split())[:300]}") from None
    inputs = _inputs(given, rows)
    encoder = Encoder(inputs)
    cases = _readable(encoder, rows)
    output = _output(given, session)
    outputs = _run(session, output, encoder, cases)
    said = {**given.get("model", {}), "output": output, "sha256": hashlib.sha256(model).hexdigest()}
    routing = {"cost_bad": COST_BAD, "cost_review": COST_REVIEW, **given.get("routing", {})}
    routing.setdefault("approve_below", round(min(1.0, routing["cost_review"] / routing["cost_bad"]), SCORE_DECIMALS))
    _task(said, routing, outputs[1], outputs[0])
    card: dict[str, Any] = {
        "purpose": "",
        "limits": "",
        **{key: value for key, value in given.items() if key not in ("model", "routing", "inputs", "reference")},
        "name": name,
        "version": version,
        "model": said,
        "routing": routing,
        "reference": _reference(given, said, routing, session, encoder, cases),
        "explaining": given.get("explaining") or _explaining(inputs, encoder.width, name),
        "inputs": [as_toml(each) for each in inputs],
    }
    if rows is not None and "together" not in given:
        card["together"] = [as_toml(pair) for pair in pairs_of(inputs, cases)]
    if rows is not None:
        card["data"] = {**given.get("data", {}), "rows": len(rows.cases), "rows_sha256": rows.sha256}
    return card


def _inputs(given: Mapping[str, Any], rows: Rows | None) -> tuple[Input, ...]:
    """As they are declared, else as the columns of the rows are: numbers, or codes in the order of the alphabet."""
    if given.get("inputs"):
        declared = [_completed(each, rows) for each in given["inputs"]]
        try:
            return msgspec.convert(declared, tuple[Input, ...])
        except msgspec.ValidationError as error:
            raise DraftError(f"inputs of card.toml: {error}") from None
    if rows is None:
        raise DraftError("what the model reads is not known: give rows that it was trained on, or declare its inputs")
    return _of_columns(rows)


def seen_inputs(rows: Rows) -> list[dict[str, Any]]:
    """The inputs that rows show, as a card declares them; ranges are told once a model is made. Raises DraftError."""
    ranges = ("minimum", "maximum")
    found = (as_toml(each) for each in _of_columns(rows))
    return [{"kind": each["kind"], **{name: each[name] for name in each if name not in ranges}} for each in found]


def _of_columns(rows: Rows) -> tuple[Input, ...]:
    return tuple(_seen(name, [case[name] for case in rows.cases if name in case]) for name in rows.columns)


def _completed(declared: Mapping[str, Any], rows: Rows | None) -> dict[str, Any]:
    """A declared input, with the range that the rows show where it states none."""
    known = {"label": declared.get("field", "").replace("_", " "), **declared}
    if rows is None or known.get("kind") != "number" or {"minimum", "maximum"} <= {*known}:
        return known
    seen = _seen(known["field"], [each for each in rows.column(known["field"]) if each is not None])
    return {**as_toml(seen), **known} if isinstance(seen, Number) else known


def _seen(name: str, values: Sequence[Any]) -> Input:
    label = name.replace("_", " ")
    if values and not any(isinstance(value, str) for value in values):
        whole = all(float(value).is_integer() for value in values)
        return Number(name, label, float(min(values)), float(max(values)), whole=whole)
    codes = sorted({str(value) for value in values})
    if not 0 < len(codes) <= MOST_CODES:
        raise DraftError(
            f"column {name!r} holds {len(codes)} different texts: declare it among the inputs of card.toml"
        )
    return Code(name, label, tuple(codes))


def _readable(encoder: Encoder, rows: Rows | None) -> list[dict[str, Any]]:
    """The rows that lack nothing. Raises DraftError if there is none."""
    cases = []
    for case in rows.cases if rows else ():
        try:
            encoder.encode(case)
        except FeatureError as error:
            fault = error
        else:
            cases.append(case)
    if rows is not None and not cases:
        raise DraftError(f"none of the rows can be read: {fault}")
    return cases


def _output(given: Mapping[str, Any], session: ort.InferenceSession) -> str:
    """The output that is named, else the one that looks like probabilities, else the last."""
    names = [output.name for output in session.get_outputs()]
    named = given.get("model", {}).get("output")
    if named is not None and named not in names:
        raise DraftError(f"model.output of card.toml: there is no {named!r}; there are {', '.join(names)}")
    return str(named) if named else next((name for name in names if "prob" in name.lower()), names[-1])


def _run(
    session: ort.InferenceSession, output: str, encoder: Encoder, cases: Sequence[Mapping[str, Any]]
) -> tuple[Any, Table]:
    """What the model gives for rows, or for a row of zeros, as it is and as a table."""
    taken = session.get_inputs()
    if takes_columns(session):
        if not encoder.only_texts:
            raise DraftError("the model takes columns of terms, which only texts have: declare its inputs in card.toml")
    elif len(taken) != 1 or taken[0].type != "tensor(float)":
        kinds = ", ".join(f"{each.name}: {each.type}" for each in taken)
        raise RefusedModelError(f"takes {kinds}; convert it to take one tensor of float32, a row for each case")
    elif len(shape := taken[0].shape) != 2 or (isinstance(shape[1], int) and shape[1] != encoder.width):
        raise DraftError(
            f"the model takes rows of {shape[1:]} columns, the inputs make {encoder.width}: "
            "give rows with exactly the columns that it was trained on, in their order, or declare its inputs"
        )
    encoded = [encoder.encode(case) for case in cases[:SAMPLE]] or [np.zeros((1, encoder.width), dtype=np.float32)]
    try:
        raw = session.run([output], feeding(session)(np.concatenate(encoded)))[0]
        return raw, table(raw)
    except Exception as error:  # noqa: BLE001  # as above
        raise RefusedModelError(f"its output {output!r}: {' '.join(str(error).split())[:300]}") from None


def _task(said: dict[str, Any], routing: Mapping[str, Any], found: Table, raw: Any) -> None:
    """Finds out what the outputs are, as far as the draft does not say it."""
    if not np.isfinite(found).all():
        raise RefusedModelError("gives no ordinary numbers for some of the rows")
    columns = found.shape[1]
    probabilities = bool((found >= -1e-6).all() and (found <= 1 + 1e-6).all())
    if "task" not in said:
        if routing.get("bands"):
            said["task"] = "regression"
        elif columns > 2:
            said["task"] = "classes"
        elif probabilities:
            said["task"] = "binary"
        else:
            raise DraftError("the model gives a number that is no probability: write its bands as [[routing.bands]]")
    if said["task"] == "binary" and not probabilities:
        raise DraftError("a binary model gives a probability, from 0 to 1; this one gives other numbers")
    mapped = [str(key) for key in raw[0]] if isinstance(raw, list) else []
    if said["task"] == "classes" and not said.get("labels"):
        if not mapped:
            raise DraftError(
                "write the names of the classes, in the order of the columns, as model.labels of card.toml"
            )
        said["labels"] = mapped
    elif mapped and not said.get("labels"):
        said["labels"] = mapped
    said.setdefault("column", 1 if said["task"] == "binary" and columns == 2 else 0)


def _reference(
    given: Mapping[str, Any],
    said: Mapping[str, Any],
    routing: Mapping[str, Any],
    session: ort.InferenceSession,
    encoder: Encoder,
    cases: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    written = given.get("reference", {})
    values = written.get("values") or {i.field: usual(i, [case[i.field] for case in cases]) for i in encoder.inputs}
    try:
        row = encoder.encode(values)
    except FeatureError as error:
        raise DraftError(f"reference.values of card.toml: {error}") from None
    bands = [Band(band["route"], band.get("below", float("inf"))) for band in routing.get("bands", ())]
    head = Head(
        said["task"], said["column"], routing.get("route", "approve"), said.get("labels", ()), bands,
        routing.get("scale", 1.0),
    )  # fmt: skip
    output = session.run([said["output"]], feeding(session)(row))[0]
    score = head.judge(table(output, said.get("labels", ()))[0], SCORE_DECIMALS).score
    return {"name": written.get("name", "usual-case/1"), "score": score, "values": values}


def usual(declared: Input, values: Sequence[Any]) -> Any:
    """The median of numbers, the commonest code. Raises DraftError of no values."""
    if not values:
        raise DraftError("no rows to find the usual case in: give rows, or write [reference.values] into card.toml")
    if isinstance(declared, Text):
        return values[0] if len(values[0]) < 200 else " ".join(declared.words[:5])
    return statistics.mode(sorted(values)) if isinstance(declared, Code) else statistics.median_low(values)


def _explaining(inputs: Sequence[Input], width: int, seed: str) -> dict[str, Any]:
    fields = [declared.field for declared in inputs]
    pairs = PAIRS if len(fields) > 1 and width <= EXPLAINED_WIDTH else (0, 0)
    drawn = random.Random(seed)
    orders = [drawn.sample(fields, len(fields)) for _ in range(max(pairs))]
    return {"approve_pairs": pairs[0], "review_pairs": pairs[1], "orders": orders}


def as_toml(value: Any) -> dict[str, Any]:
    """As TOML can say it, which knows no null; codes that have no words say nothing of them."""
    return {name: each for name, each in msgspec.to_builtins(value).items() if each is not None and each != {}}
