"""A definition as written: YAML 1.2 as plain data, and the line and column of every key and value in it.

YAML 1.2 and not 1.1, so `on` is a text and `0755` a decimal number. What JSON cannot hold (NaN, keys that are no
texts) and what only makes a file hard to read (duplicate keys) is a fault. Aliases are resolved within a limit on the
number of values.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from schemas.payload import Json
from streams.language.faults import DefinitionError, Fault, FaultList, Severity
from streams.language.yaml import MAX_LEVELS, MAX_VALUES, YamlLimitError, compose

MAX_CHARACTERS = 512 * 1024

Path = tuple[str | int, ...]

_INTEGER = re.compile(r"[-+]?(0o[0-7]+|0x[0-9a-fA-F]+|[0-9]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_FLOAT = re.compile(r"[-+]?\.inf|\.nan", re.IGNORECASE)
_BOOLEANS = {"true": True, "false": False}
_MAX_DIGITS = 100  # of a whole number; more are far beyond 64 bits, and take Python long
_NULLS = ("", "~", "null", "Null", "NULL")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_PLACE = "write the value out"
_SHOWN = 80  # characters of a key or a tag


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
    _found: FaultList = field(default_factory=FaultList)

    @property
    def faults(self) -> list[Fault]:
        """The faults found so far, each once; of very many the first, and one that counts the others."""
        return self._found.listed()

    def mirror(self, of: Path, at: Path, value: Json) -> None:
        """A part of the document is read at another place, too; raises `DefinitionError` where there is too much."""
        self.values[at] = self.values[of]
        if of in self.keys:
            self.keys[at] = self.keys[of]
        if len(self.values) > MAX_VALUES:
            mark = self.values[of].start_mark
            message = f"with all calls of its functions the file has more than {MAX_VALUES:,} values"
            raise _unreadable(self.file, mark.line, mark.column, message, "split the workflow")
        for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
            self.mirror((*of, key), (*at, key), value[key])

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
        self._found.add(fault)


def parse(text: str, file: str) -> Source:
    """The source of a text; raises `DefinitionError` if it is no YAML, has no single document or is too large."""
    if len(text) > MAX_CHARACTERS:
        raise _unreadable(file, 0, 0, f"the file has more than {MAX_CHARACTERS:,} characters", "split the workflow")
    try:
        root = compose(text)
    except YamlLimitError as error:
        raise _unreadable(file, error.line, error.column, str(error), "split the workflow") from None
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
            limits = f"with its aliases the file has more than {MAX_VALUES:,} values or {MAX_LEVELS} levels"
            raise _unreadable(self._source.file, mark.line, mark.column, limits, "split the workflow")
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.convert(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Json]:
        result: dict[str, Json] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or str(key.tag) == "tag:yaml.org,2002:merge":
                self._source.values[(*path, "")] = key
                self._source.fault((*path, ""), "key", "a key has to be a text", _NO_PLACE)
                continue
            if self._text(key.value, (*path, ""), key) != key.value:
                continue
            place = (*path, key.value)
            if key.value in result:
                first = self._source.keys[place].start_mark.line + 1
                self._source.values[(*path, key.value, "")] = key
                message = f"`{key.value[:_SHOWN]}` is already set in line {first}"
                self._source.fault((*place, ""), "duplicate-key", message, "keep one of them")
                continue
            self._source.keys[place] = key
            result[key.value] = self.convert(value, place)
        return result

    def _scalar(self, node: Node, path: Path) -> Json:
        kind = str(node.tag).rpartition(":")[2]
        text = str(node.value)
        if kind == "null" and text in _NULLS:
            return None
        if kind == "bool" and text.lower() in _BOOLEANS:
            return _BOOLEANS[text.lower()]
        if kind == "int" and _INTEGER.fullmatch(text):
            return self._integer(text, path)
        if kind == "float":
            return self._float(text, path)
        if kind in ("null", "bool"):
            self._source.fault(path, "yaml-tag", f"the text has the YAML tag !!{kind} and is none", "remove the tag")
        elif kind not in ("str", "timestamp", "int"):
            self._source.fault(path, "yaml-tag", f"the YAML tag !{kind[:_SHOWN]} has no meaning here", "remove the tag")
        return self._text(text, path, node)

    def _text(self, text: str, path: Path, node: Node) -> str:
        """The text itself, unless UTF-8 cannot hold it."""
        if not text.isascii() and _SURROGATE.search(text):
            self._source.values[path] = node
            self._source.fault(path, "text", "half of a surrogate pair", "write the character itself")
            return ""
        return text

    def _integer(self, text: str, path: Path) -> Json:
        sign, digits = (-1 if text[0] == "-" else 1), text.lstrip("+-")
        if len(digits) <= _MAX_DIGITS:
            number = sign * int(digits, 0 if digits[:2] in ("0o", "0x") else 10)
            if -(2**63) <= number < 2**64:
                return number
        self._source.fault(path, "number", "a whole number of more than 64 bits", "write it as a text, in quotes")
        return 0

    def _float(self, text: str, path: Path) -> Json:
        if _FLOAT.fullmatch(text):
            number = float(text)
            if math.isfinite(number):
                return number
        elif not _NO_FLOAT.fullmatch(text):
            self._source.fault(
                path, "number", "not a number of YAML 1.2", "write it with digits, a dot and an exponent"
            )
            return 0
        self._source.fault(path, "number", "JSON has neither infinity nor NaN", "write a finite number or null")
        return 0
