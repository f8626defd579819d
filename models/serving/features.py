"""From a JSON object to the row of numbers that a model reads: one function for training and for serving.

A model declares its inputs in its card, each a code from a list or a number with the range it was trained on. A
code becomes one column per listed code, 1 for the one that is given; a number stays one column. Columns stand in
the order of the declaration. Only declared fields are ever looked at: the card is also the rule of what a model may
see. What a field means that is missing, or holds what the model does not know, the card declares as well: a person
looks (the default), a value takes its place, or the step fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from models.serving.errors import FeatureError
from models.serving.held import Held, Why
from models.serving.terms import Terms

if TYPE_CHECKING:  # workers that only know what a card says do without it, which is 15 MB
    import numpy as np
    from numpy.typing import NDArray

LARGEST = 10**18  # of a number, either sign; keeps all arithmetic on it finite in float32
_LEAST = -LARGEST

Row: TypeAlias = "NDArray[np.float32]"  # shape [1, columns]


Meaning = Literal["review", "default", "error"]


class Code(msgspec.Struct, frozen=True, tag_field="kind", tag="code"):
    """An input that is one of a fixed list of codes."""

    field: str
    label: str  # for people, in reasons: "state of the checking account"
    codes: tuple[str, ...]
    missing: Meaning = "review"
    unknown: Meaning = "review"
    default: str | None = None
    texts: dict[str, str] = msgspec.field(
        default_factory=dict
    )  # what a code means, for people; no code has to have one

    @property
    def width(self) -> int:
        """Columns that it takes."""
        return len(self.codes)


class Number(msgspec.Struct, frozen=True, tag_field="kind", tag="number"):
    """An input that is a number; the range is that of the training data."""

    field: str
    label: str
    minimum: float
    maximum: float
    whole: bool = False  # only whole numbers were seen in training
    missing: Meaning = "review"
    unknown: Meaning = "review"
    default: float | None = None

    @property
    def width(self) -> int:
        """Columns that it takes."""
        return 1


class Text(msgspec.Struct, frozen=True, tag_field="kind", tag="text"):
    """An input that is a text, in any language: a column for each term that the model knows, how often it occurs.

    A term is a word, two words that follow each other ("my card"), or a few letters ("#ard", "# my": a blank stands for
    the ends of words). Terms are made by `models.serving.terms`, in training as in serving, so that a model needs no
    tokenizer of its own.
    """

    field: str
    label: str
    words: tuple[str, ...]
    missing: Meaning = "review"
    unknown: Meaning = "review"  # of a text in which no word is known
    default: str | None = None

    @property
    def width(self) -> int:
        """Columns that it takes."""
        return len(self.words)


Input = Code | Number | Text


class Encoder:
    """The declared inputs of one model, made ready for speed."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self.inputs = tuple(inputs)
        self.only_texts = all(isinstance(i, Text) for i in self.inputs)
        self._fields = tuple(i.field for i in self.inputs)
        self._picked = itemgetter(*self._fields) if len(self._fields) > 1 else self._one
        starts = [sum(i.width for i in self.inputs[:n]) for n in range(len(self.inputs))]
        self.columns = tuple(slice(start, start + i.width) for start, i in zip(starts, self.inputs, strict=True))
        self.width = sum(i.width for i in self.inputs)
        self._codes = [
            (i.field, {code: start + n for n, code in enumerate(i.codes)})
            for start, i in zip(starts, self.inputs, strict=True)
            if isinstance(i, Code)
        ]
        self._numbers = [
            (i.field, start, _whole(i.minimum), _whole(i.maximum), i)
            for start, i in zip(starts, self.inputs, strict=True)
            if isinstance(i, Number)
        ]
        self._texts = [
            (i.field, Terms(i.words, start))
            for start, i in zip(starts, self.inputs, strict=True)
            if isinstance(i, Text)
        ]

    def _one(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(values[field] for field in self._fields)

    def encode(self, values: Mapping[str, Any]) -> Row:
        """The row of `values`, float32[1, width].

        Raises FeatureError for the first field that is missing, has the wrong type or holds an unknown code.
        """
        import numpy as np

        row: Row = np.zeros((1, self.width), dtype=np.float32)
        self.write(values, memoryview(row[0]))
        return row

    def write(self, values: Mapping[str, Any], cells: Any) -> bool:
        """The same into cells that are all 0: the memory of a row. Raises as `encode`.

        True where all numbers are such as the training data had; else `beyond` has to tell.
        """
        usual = True
        try:
            for field, columns in self._codes:
                cells[columns[values[field]]] = 1.0
        except (KeyError, TypeError):
            raise _wrong_code(field, tuple(columns), values) from None
        for field, column, low, high, declared in self._numbers:
            value: Any = values.get(field)
            kind = type(value)
            if kind is int and low <= value <= high:
                cells[column] = value
                continue
            if (kind is not int and kind is not float) or not _LEAST <= value <= LARGEST:
                raise _wrong_number(field, values)
            cells[column] = value
            usual = usual and low <= value <= high and not declared.whole
        for field, terms in self._texts:
            for place in _places(field, terms, values):
                cells[place] += 1.0
        return usual

    def places(self, values: Mapping[str, Any]) -> list[int]:
        """Of inputs that are texts: the columns of all terms, each as often as it occurs. Raises as `encode`."""
        if len(self._texts) == 1:
            return _places(*self._texts[0], values)
        return [place for field, terms in self._texts for place in _places(field, terms, values)]

    def filled(self, values: Mapping[str, Any]) -> tuple[dict[str, Any] | None, list[Held]]:
        """An input as the card wants it read where a field is missing or cannot be read; None if a person has to.

        Raises FeatureError for a field whose card says that this is an error.
        """
        read, held = {}, []
        for declared in self.inputs:
            fault = self._fault(declared, values)
            if fault is None:
                read[declared.field] = values[declared.field]
                continue
            meaning = declared.missing if fault.missing else declared.unknown
            if meaning == "error":
                raise fault
            if meaning == "default":
                read[declared.field] = declared.default
            else:
                why = Why.MISSING if fault.missing else Why.UNKNOWN
                held.append(Held(why, declared.field, f"{declared.label} ({declared.field}): {fault.reason}"))
        return (None if held else read), held

    def _fault(self, declared: Input, values: Mapping[str, Any]) -> FeatureError | None:
        """What is wrong with one field of an input."""
        field = declared.field
        if isinstance(declared, Code):
            known = isinstance(values.get(field), str) and values[field] in declared.codes
            return None if known else _wrong_code(field, declared.codes, values)
        if isinstance(declared, Text):
            try:
                _places(field, next(terms for name, terms in self._texts if name == field), values)
            except FeatureError as fault:
                return fault
            return None
        value = values.get(field)
        fits = type(value) in (int, float) and -LARGEST <= value <= LARGEST  # type: ignore[operator]
        return None if fits else _wrong_number(field, values)

    def beyond(self, values: Mapping[str, Any]) -> list[Held]:
        """Number fields of an encodable input that are not such as the training data had, where the score means little.

        Quick where there are none.
        """
        held = []
        for field, _, low, high, declared in self._numbers:
            value = values[field]
            if not low <= value <= high:
                ends = f"{declared.minimum:g} to {declared.maximum:g}"
                text = f"{declared.label} ({field}): outside of {ends}, the range of the training data"
                held.append(Held(Why.OUTSIDE, field, text))
            elif type(value) is not int and declared.whole and value != int(value):
                held.append(Held(Why.NOT_WHOLE, field, f"{declared.label} ({field}): only comes in whole numbers"))
        return held

    def declared(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The part of an input that the model sees, in the order of the declaration."""
        try:
            return dict(zip(self._fields, self._picked(values), strict=True))
        except KeyError:
            return {field: values[field] for field in self._fields if field in values}


def _whole(end: float) -> float:
    """The same number, as an int where it is whole: most fields are, and ints are compared with ints much faster."""
    return int(end) if float(end).is_integer() else end


def _wrong_code(field: str, codes: tuple[str, ...], values: Mapping[str, Any]) -> FeatureError:
    remedy = f"Give one of {', '.join(codes)}."
    if field not in values:
        return FeatureError(field, "missing", remedy, missing=True)
    if values[field] is None:
        return FeatureError(field, "is null, not a string", remedy, missing=True)
    if not isinstance(values[field], str):
        return FeatureError(field, f"is {_kind(values[field])}, not a string", remedy)
    return FeatureError(field, "holds a code that the model does not know", remedy)


def _places(field: str, terms: Terms, values: Mapping[str, Any]) -> list[int]:
    """The columns of the terms of a text. Raises FeatureError."""
    value = values.get(field)
    if value is None:
        missing = "missing" if field not in values else "is null"
        raise FeatureError(field, missing, "Give a text.", missing=True)
    if not isinstance(value, str):
        raise FeatureError(field, f"is {_kind(value)}, not a text", "Give a text.")
    places = terms.places(value)
    if not places:
        remedy = "Give a text of the kind that it was trained on."
        raise FeatureError(field, "holds no word that the model knows", remedy)
    return places


def _wrong_number(field: str, values: Mapping[str, Any]) -> FeatureError:
    if field not in values:
        return FeatureError(field, "missing", "Give a number.", missing=True)
    value = values[field]
    if value is None:
        return FeatureError(
            field, "is null, not a number", "Give an ordinary number, without quotation marks.", missing=True
        )
    reason = "is too large a number, or none" if type(value) in (int, float) else f"is {_kind(value)}, not a number"
    return FeatureError(field, reason, "Give an ordinary number, without quotation marks.")


def _kind(value: Any) -> str:
    """What JSON calls the type of a value; never the value itself."""
    names = {type(None): "null", bool: "a boolean", str: "a string", list: "an array", dict: "an object"}
    return names.get(type(value), "a number")
