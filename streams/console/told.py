"""Data as people read it: names as words, and codes as what the card of a model says that they mean. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from models.serving.features import Code, Input
from streams.console import words

MOST = 40  # facts that are told; whatever is more stands in the data itself
MOST_DEPTH = 3
Inputs = Mapping[str, Input]  # of a model, by field


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: what it is, and its value."""

    label: str
    value: str


def facts(data: Any, inputs: Inputs) -> tuple[Fact, ...]:
    """The fields of an object, those of objects in it too; nothing of what is none."""
    return tuple(islice(_facts(data, inputs, (), MOST_DEPTH), MOST)) if isinstance(data, dict) else ()


def _facts(data: Mapping[str, Any], inputs: Inputs, above: tuple[str, ...], depth: int) -> Iterator[Fact]:
    for name, value in data.items():
        path = (*above, name)
        if isinstance(value, dict) and value and depth > 1:
            yield from _facts(value, inputs, path, depth - 1)
        else:
            yield Fact(label(path, inputs), text(name, value, inputs))


def texts(inputs: Inputs) -> Mapping[str, Mapping[str, str]]:
    """What the codes of a model mean, by field."""
    return {name: each.texts for name, each in inputs.items() if isinstance(each, Code) and each.texts}


def label(path: Sequence[str], inputs: Inputs) -> str:
    """What people call a field: as the card of the model does, else its name as words, with what it stands in."""
    known = inputs.get(path[-1])
    own = known.label if known is not None and known.label else words.titled(path[-1])
    parts = [*(words.titled(part) for part in path[:-1]), own]
    return ", ".join([parts[0][:1].upper() + parts[0][1:], *map(words.small, parts[1:])])


def text(name: str, value: Any, inputs: Inputs) -> str:
    """A value on one line; a code of a model as what it means."""
    known = inputs.get(name)
    if isinstance(known, Code) and isinstance(value, str) and value in known.texts:
        return known.texts[value]
    if isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        said = [each["text"] for each in value if isinstance(each, dict) and isinstance(each.get("text"), str)]
        return "; ".join(said) if said else words.counted(len(value), "entry", "entries")
    return words.plain(value) or "–"
