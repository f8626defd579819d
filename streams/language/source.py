"""A definition as written: YAML 1.2 as plain data, and the line and column of every key and value in it.

YAML 1.2 and not 1.1, so `on` is a text and `0755` a decimal number. What JSON cannot hold (NaN, keys that are no
texts) and what only makes a file hard to read (duplicate keys) is a fault. Aliases are resolved within a limit on the
number of values.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from schemas.payload import Json
from streams.language.faults import DefinitionError, Fault, Severity

MAX_CHARACTERS = 512 * 1024
MAX_VALUES = 50_000
MAX_LEVELS = 60

Path = tuple[str | int, ...]

_INTEGER = re.compile(r"[-+]?(0o[0-7]+|0x[0-9a-fA-F]+|[0-9]+)")
_NO_PLACE = "write the value out"


def pointer(path: Path) -> str:
    """The JSON Pointer (RFC 6901) of a place in the document."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


@dataclass(slots=True)
class Source:
    """The data of a file, the places of its parts, and the faults found so far."""

    file: str
    text: str
    value: Json = None
    values: dict[Path, Node] = field(default_factory=dict)
    keys: dict[Path, Node] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def fault(
        self,
        path: Path,
        code: str,
        message: str,
        remedy: str,
        *,
        key: bool = False,
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Notes a fault at a value, or at the key that leads to it."""
        node = (self.keys.get(path) if key else None) or self._nearest(path)
        self._note(node.start_mark.line, node.start_mark.column, code, message, remedy, severity)

    def fault_inside(self, path: Path, inner: str, offset: int, code: str, message: str, remedy: str) -> None:
        """Notes a fault at an offset of `inner`, a part of the text at `path`; at its beginning where YAML has folded
        the text."""
        node = self._nearest(path)
        start = self.text.find(inner, node.start_mark.index, node.end_mark.index)
        at = node.start_mark.index if start < 0 else start + offset
        before = self.text[:at]
        self._note(before.count("\n"), at - (before.rfind("\n") + 1), code, message, remedy, Severity.ERROR)

    def _nearest(self, path: Path) -> Node:
        while path not in self.values:
            path = path[:-1]
        return self.values[path]

    def _note(self, line: int, column: int, code: str, message: str, remedy: str, severity: Severity) -> None:
        fault = Fault(
            file=self.file,
            line=line + 1,
            column=column + 1,
            code=code,
            message=message,
            remedy=remedy,
            severity=severity,
        )
        if fault not in self.faults:
            self.faults.append(fault)


def parse(text: str, file: str) -> Source:
    """The source of a text; raises `DefinitionError` if it is no YAML, has no single document or is too large."""
    if len(text) > MAX_CHARACTERS:
        raise _unreadable(file, 0, 0, f"the file has more than {MAX_CHARACTERS:,} characters", "split the workflow")
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(filter(None, (error.context, error.problem)))
        line, column = (mark.line, mark.column) if mark else (0, 0)
        raise _unreadable(file, line, column, f"not YAML: {reason}", "check indentation, quotes and colons") from None
    except YAMLError as error:
        raise _unreadable(
            file, 0, 0, f"not YAML: {str(error).splitlines()[0]}", "save the file as UTF-8 text"
        ) from None
    if root is None:
        raise _unreadable(file, 0, 0, "the file is empty", "begin with `document:`")
    source = Source(file, text)
    source.value = _Converter(source).convert(root, ())
    return source


def _unreadable(file: str, line: int, column: int, message: str, remedy: str) -> DefinitionError:
    fault = Fault(file=file, line=line + 1, column=column + 1, code="yaml", message=message, remedy=remedy)
    return DefinitionError([fault])


class _Converter:
    """Nodes of YAML to values of JSON."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def convert(self, node: Node, path: Path) -> Json:
        self._source.values[path] = node
        if len(self._source.values) > MAX_VALUES or len(path) > MAX_LEVELS:
            mark = node.start_mark
            limits = f"the file has more than {MAX_VALUES:,} values or {MAX_LEVELS} levels"
            raise _unreadable(self._source.file, mark.line, mark.column, limits, "split the workflow")
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.convert(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Json]:
        result: dict[str, Json] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                self._source.values.setdefault((*path, ""), key)
                self._source.fault((*path, ""), "key", "a key has to be a text", _NO_PLACE)
                continue
            place = (*path, key.value)
            if key.value in result:
                first = self._source.keys[place].start_mark.line + 1
                self._source.values[(*path, key.value, "")] = key
                message = f"`{key.value}` is already set in line {first}"
                self._source.fault((*place, ""), "duplicate-key", message, "keep one of them")
                continue
            self._source.keys[place] = key
            result[key.value] = self.convert(value, place)
        return result

    def _scalar(self, node: Node, path: Path) -> Json:
        kind = str(node.tag).rpartition(":")[2]
        if kind == "null":
            return None
        if kind == "bool":
            return node.value.lower() == "true"
        if kind == "int" and _INTEGER.fullmatch(node.value):
            return self._integer(node.value, path)
        if kind == "float":
            return self._float(node.value, path)
        if kind not in ("str", "timestamp", "int"):
            self._source.fault(path, "yaml-tag", f"the YAML tag !{kind} has no meaning here", "remove the tag")
        return node.value

    def _integer(self, text: str, path: Path) -> Json:
        sign, digits = (-1 if text[0] == "-" else 1), text.lstrip("+-")
        number = sign * int(digits, 0 if digits[:2] in ("0o", "0x") else 10)
        if not -(2**63) <= number < 2**64:
            self._source.fault(path, "number", "a whole number of more than 64 bits", "write it as a text, in quotes")
        return number

    def _float(self, text: str, path: Path) -> Any:
        number = float(
            text.replace(".inf", "inf").replace(".nan", "nan").replace(".NaN", "nan").replace(".Inf", "inf").lower()
        )
        if not math.isfinite(number):
            self._source.fault(path, "number", "JSON has neither infinity nor NaN", "write a finite number or null")
        return number
