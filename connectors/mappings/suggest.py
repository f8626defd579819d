"""A draft of a mapping between two schemas: fields that are called alike are paired, and what is doubtful says so.

Deterministic, by names, the names above them, and types. Nothing is learned and nobody is asked: the draft is for a
person to correct, and its tests are theirs to write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from schemas.payload import Json

SURE = 0.8  # of 1: a pair below it is marked as doubtful
LEAST = 0.45  # below it there is no pair
MOST_FIELDS = 2_000
MAX_DEPTH = 12
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SAME = {
    "no": "number", "nr": "number", "num": "number", "qty": "quantity", "amt": "amount", "desc": "description",
    "addr": "address", "cust": "customer", "client": "customer", "zip": "postcode", "postal": "postcode",
    "tel": "phone",
    "mail": "email", "surname": "last", "family": "last", "given": "first", "forename": "first", "dob": "birthdate",
    "ccy": "currency", "curr": "currency", "article": "sku", "item": "line", "position": "line", "pos": "line",
    "sum": "total", "id": "number", "key": "number", "created": "date", "ordered": "date", "street1": "street",
}  # fmt: skip
_EMPTY = {"code", "value", "text", "name", "the", "of"}  # words that say little by themselves


class Leaf(NamedTuple):
    """A field that has a value: the names above it, its type, and whether it has to be there. `[]` is a list."""

    path: tuple[str, ...]
    type: str
    required: bool
    format: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """A field of the output, and where it may come from."""

    target: Leaf
    source: Leaf | None
    score: float
    doubts: tuple[str, ...]


def schema_of(document: Json) -> Any:
    """A JSON Schema as it is; of an example, a schema that it fits."""
    if isinstance(document, dict) and any(name in document for name in ("$schema", "properties", "$ref", "$defs")):
        return document
    return _inferred(document)


def leaves(schema: Any) -> list[Leaf]:
    """The fields with values of a schema, in its order."""
    found: list[Leaf] = []
    for leaf in _leaves(schema, schema, (), True, 0):
        found.append(leaf)
        if len(found) >= MOST_FIELDS:
            break
    return found


def pairs(source: Any, target: Any) -> list[Pair]:
    """For each field of the output the best of the input that no other has a better claim to."""
    theirs, ours = leaves(source), leaves(target)
    scored = sorted(
        ((_score(one, other), -here, -there) for here, one in enumerate(ours) for there, other in enumerate(theirs)),
        reverse=True,
    )
    taken: dict[int, tuple[int, float]] = {}
    used: set[int] = set()
    for score, here, there in scored:
        if score >= LEAST and -here not in taken and -there not in used:
            taken[-here] = (-there, score)
            used.add(-there)
    rivals = {here: sorted((_score(one, each) for each in theirs), reverse=True)[:2] for here, one in enumerate(ours)}
    return [_pair(one, theirs, taken.get(here), rivals[here]) for here, one in enumerate(ours)]


def draft(found: list[Pair], source: str, target: str) -> str:
    """The text of a mapping file."""
    doubtful = sum(1 for each in found if each.doubts)
    head = [f"# A draft: {len(found)} fields, {doubtful} of them doubtful. Look at each `doubtful`, then write tests."]
    head += [f"from: {source}" if source else "", f"to: {target}" if target else "", "fields:"]
    lines = [each for each in head if each]
    lines += _written(found, 1, (), ())
    lines += ["# tests:", "#   - {name: the usual, input: {}, output: {}}"]
    return "\n".join(lines) + "\n"


def _written(found: list[Pair], level: int, below: tuple[str, ...], item: tuple[str, ...]) -> Iterator[str]:
    """The lines of the fields below a list (`below`), whose items are those of the input's list `item`."""
    pad = "  " * level
    done: set[tuple[str, ...]] = set()
    for each in found:
        rest = each.target.path[len(below) :]
        if "[]" in rest[:-1] or rest[-1:] == ("[]",):
            cut = rest.index("[]")
            head = rest[:cut]
            if head in done:
                continue
            done.add(head)
            inner = [one for one in found if one.target.path[len(below) :][: cut + 1] == (*head, "[]")]
            yield from _list(inner, (*below, *head, "[]"), head, item, level)
            continue
        yield f"{pad}{_name(rest)}: {_rule(each, item)}{_remark(each)}"


def _list(
    inner: list[Pair], below: tuple[str, ...], head: tuple[str, ...], item: tuple[str, ...], level: int
) -> Iterator[str]:
    pad = "  " * level
    lists = [each.source.path[: each.source.path.index("[]", len(item)) + 1]
             for each in inner if each.source and "[]" in each.source.path[len(item):]]  # fmt: skip
    if not lists:
        yield f"{pad}# {_name(head)}: doubtful: no list of the input fits"
        return
    theirs = max(set(lists), key=lambda one: (lists.count(one), one))
    path = _path(theirs[:-1], item)
    if any(each.target.path == below for each in inner):
        yield f"{pad}{_name(head)}: {{each: {path}}}"
        return
    yield f"{pad}{_name(head)}:"
    yield f"{pad}  each: {path}"
    yield f"{pad}  fields:"
    yield from _written(inner, level + 2, below, theirs)


def _rule(pair: Pair, item: tuple[str, ...]) -> str:
    target, source = pair.target, pair.source
    if source is None:
        return "{value: null}"
    path = _path(source.path, item)
    more = {}
    if target.type in ("integer", "number", "boolean") and source.type == "string":
        more["type"] = target.type
    elif target.type == "string" and source.type in ("integer", "number", "boolean"):
        more["type"] = "text" if source.type == "boolean" else "decimal"
    if not target.required and not source.required:
        more["optional"] = "true"
    if not more:
        return path
    return "{" + ", ".join([f"from: {path}", *(f"{name}: {value}" for name, value in more.items())]) + "}"


def _remark(pair: Pair) -> str:
    return f"  # doubtful: {'; '.join(pair.doubts)}" if pair.doubts else ""


def _path(path: tuple[str, ...], item: tuple[str, ...]) -> str:
    if path[: len(item)] != item:
        return "$" + "".join(f'."{each}"' if not each.isidentifier() else f".{each}" for each in path if each != "[]")
    rest = [each for each in path[len(item) :] if each != "[]"]
    text = "".join(
        f".{each}" if re.fullmatch(r"[A-Za-z_@#][\w@#:-]*", each) else f".{json.dumps(each)}" for each in rest
    )
    return text if re.fullmatch(r"[\w.@]*", text) else f"'{text}'" if text else "."


def _name(path: tuple[str, ...]) -> str:
    text = ".".join(each if re.fullmatch(r"[A-Za-z_@#][\w@#:-]*", each) else json.dumps(each) for each in path)
    return text if re.fullmatch(r"[A-Za-z_][\w.]*", text) else f"'{text}'"


def _pair(target: Leaf, theirs: list[Leaf], taken: tuple[int, float] | None, rivals: list[float]) -> Pair:
    if taken is None:
        return Pair(target, None, 0.0, ("nothing of the input is called like it",))
    source, score = theirs[taken[0]], taken[1]
    doubts = []
    if score < SURE:
        doubts.append("the names are only alike")
    if len(rivals) > 1 and rivals[0] - rivals[1] < 0.05 and rivals[1] >= LEAST:
        doubts.append("another field fits as well")
    if source.type != target.type and {source.type, target.type} != {"integer", "number"}:
        doubts.append(f"{source.type} becomes {target.type}")
    if source.format != target.format and "date" in source.format + target.format:
        doubts.append("dates may be written in another way")
    if target.required and not source.required:
        doubts.append("it may be missing in the input")
    if source.path.count("[]") != target.path.count("[]"):
        doubts.append("one is in a list and the other is not")
    return Pair(target, source, score, tuple(doubts))


def _score(one: Leaf, other: Leaf) -> float:
    mine, theirs = _words(one.path[-1:] if one.path[-1] != "[]" else one.path[-2:]), _words(other.path[-1:])
    if other.path[-1] == "[]":
        theirs = _words(other.path[-2:])
    names = _alike(mine, theirs)
    whole = _alike(_words(one.path), _words(other.path))
    lists = 0.0 if one.path.count("[]") == other.path.count("[]") else 0.15
    types = 0.0 if one.type == other.type else 0.05
    return max(0.0, round(0.65 * names + 0.35 * max(whole, names * 0.6) - lists - types, 4))


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    if not one or not other:
        return 0.0
    if one == other:
        return 1.0
    weigh = {word: 0.4 if word in _EMPTY else 1.0 for word in one | other}
    common = sum(weigh[word] for word in one & other) / sum(weigh.values())
    letters = SequenceMatcher(None, "".join(sorted(one)), "".join(sorted(other))).ratio()
    return max(common, 0.75 * letters if letters > 0.7 else 0.0)


def _words(path: tuple[str, ...]) -> frozenset[str]:
    found = (word.lower() for name in path for word in _WORDS.findall(name))
    return frozenset(_SAME.get(word, word.removesuffix("s") if len(word) > 3 else word) for word in found)


def _leaves(whole: Any, schema: Any, path: tuple[str, ...], required: bool, depth: int) -> Iterator[Leaf]:
    for _ in range(20):
        reference = schema.get("$ref") if isinstance(schema, Mapping) else None
        if not isinstance(reference, str) or not reference.startswith("#"):
            break
        schema = whole
        for part in reference[1:].split("/")[1:]:
            schema = schema.get(part, {}) if isinstance(schema, Mapping) else {}
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return
    types = schema.get("type", "object" if "properties" in schema else "array" if "items" in schema else "any")
    type_ = next((each for each in types if each != "null"), "any") if isinstance(types, list) else types
    required = required and not (isinstance(types, list) and "null" in types)
    if type_ == "object" and isinstance(schema.get("properties"), Mapping):
        for name, inner in schema["properties"].items():
            needed = required and name in schema.get("required", ())
            yield from _leaves(whole, inner, (*path, name), needed, depth + 1)
    elif type_ == "array":
        yield from _leaves(whole, schema.get("items", {}), (*path, "[]"), required, depth + 1)
    elif path:
        yield Leaf(path, str(type_), required, str(schema.get("format", "")))


def _inferred(value: Json) -> Any:
    if isinstance(value, dict):
        properties = {name: _inferred(each) for name, each in value.items()}
        return {"type": "object", "properties": properties, "required": list(properties)}
    if isinstance(value, list):
        return {"type": "array", "items": _inferred(value[0]) if value else {}}
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return {"type": kinds.get(type(value), "any")}
