"""The YAML of a site file: values that know their line and column, so that a fault can be told with its place.

YAML 1.2. What makes a file ambiguous (keys that stand twice) or dangerous (anchors, which can unfold without end) is a
fault. Values are looked at by the parser of the file, one by one; what it does not ask for it refuses by `only`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from schemas.payload import Json
from streams.ground.references import UnresolvedError

MAX_LEVELS = 20
_MOST_DIGITS = 18
_BITS_64 = range(-(2**63), 2**64)
_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXT = "tag:yaml.org,2002:str"


class SiteFault(Exception):
    """What is wrong with a site file, where, and what to do; no value of it."""

    def __init__(self, line: int, column: int, reason: str, remedy: str) -> None:
        super().__init__(f"{line}:{column}: {reason}. Remedy: {remedy}.")
        self.line = line
        self.column = column
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True)
class Part:
    """A value of the file."""

    node: Node
    resolve: Callable[[str], str]
    place: Node

    def fault(self, reason: str, remedy: str) -> NoReturn:
        """Raises the fault at this place."""
        raise _at(self.place, reason, remedy)

    @property
    def is_mapping(self) -> bool:
        """Whether it has members."""
        return isinstance(self.node, MappingNode)

    @property
    def is_list(self) -> bool:
        """Whether it has items."""
        return isinstance(self.node, SequenceNode)

    @property
    def is_text(self) -> bool:
        """Whether it is a text, and not a number or a flag."""
        return isinstance(self.node, ScalarNode) and self.node.tag == _TEXT

    def members(self) -> dict[str, Part]:
        """The members of a mapping by key; a fault where it is none, or a key stands twice."""
        if not isinstance(self.node, MappingNode):
            self.fault("not a mapping", "write `name: value` on each line")
        found: dict[str, Part] = {}
        for key, value in self.node.value:
            if not isinstance(key, ScalarNode) or key.tag != _TEXT:
                raise _at(key, "a key that is no text", "write it in quotes")
            if key.value in found:
                raise _at(key, f"`{key.value}` stands twice", "keep one of them")
            is_there = value.start_mark.index < value.end_mark.index
            found[key.value] = Part(value, self.resolve, value if is_there else key)
        return found

    def only(self, *known: str) -> dict[str, Part]:
        """The members; a fault where there is another one."""
        found = self.members()
        for (key, _), name in zip(self.node.value, found, strict=True):
            if name not in known:
                raise _at(key, f"`{name}` is no key here", f"write {' or '.join(known)}")
        return found

    def items(self) -> list[Part]:
        """The items of a list; a fault where it is none."""
        if not isinstance(self.node, SequenceNode):
            self.fault("not a list", "write `- item` on each line, or [item, item]")
        return [Part(each, self.resolve, each) for each in self.node.value]

    def written(self) -> str:
        """The text as it stands in the file, with its references; a fault where it is none, or empty."""
        if not isinstance(self.node, ScalarNode) or self.node.tag != _TEXT or not self.node.value:
            self.fault("no text", "write a text, in quotes if it looks like something else")
        return str(self.node.value)

    def scalar(self) -> str:
        """A number or a text, as it stands in the file; a fault where it is neither."""
        if not isinstance(self.node, ScalarNode) or not self.node.value:
            self.fault("no single value", "write a number or a text")
        return str(self.node.value)

    def whole(self, least: int, most: int, what: str) -> int:
        """A whole number within bounds; a fault where it is none. `what` it counts is for people."""
        text = self.scalar()
        is_number = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
        if not is_number or not least <= int(text) <= most:
            self.fault(f"no number of {what}", f"write a whole number from {least} to {most}")
        return int(text)

    def text(self) -> str:
        """The text with its references resolved; a fault where one stands for nothing."""
        try:
            return self.resolve(self.written())
        except UnresolvedError as error:
            self.fault(str(error), error.remedy)

    def plain(self) -> Json:
        """The value as JSON has it. A date is a text, as it is written."""
        if self.is_mapping:
            return {name: each.plain() for name, each in self.members().items()}
        if self.is_list:
            return [each.plain() for each in self.items()]
        return _scalar(self)

    def at(self, path: Iterable[str | int]) -> Part:
        """The part at a path of names and numbers, or as near to it as there is one."""
        found = self
        for step in path:
            inner: list[Part] | dict[str, Part]
            if isinstance(step, int):
                inner = found.items() if found.is_list else []
                if step >= len(inner):
                    return found
                found = inner[step]
            else:
                inner = found.members() if found.is_mapping else {}
                if step not in inner:
                    return found
                found = inner[step]
        return found


def read(text: str, resolve: Callable[[str], str]) -> Part | None:
    """The document of a text; None where it holds none. Raises SiteFault."""
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        # Only what the parser says of the grammar: its longer messages quote the text.
        problem = str(error.problem or "a line that cannot be read").partition("\n")[0]
        raise SiteFault(line, column, f"not YAML ({problem})", "check indentation, quotes and colons") from None
    except (YAMLError, RecursionError, ValueError):
        raise SiteFault(1, 1, "not YAML", "save it as UTF-8 text without deep nesting") from None
    if root is None or (isinstance(root, ScalarNode) and root.tag == "tag:yaml.org,2002:null"):
        return None
    for node, level in _nodes(root, 1):
        if node.anchor:
            raise _at(node, "an anchor", "write the value out")
        if level > MAX_LEVELS:
            raise _at(node, f"more than {MAX_LEVELS} levels", "write it flatter")
        if isinstance(node, ScalarNode) and _SURROGATE.search(node.value):
            raise _at(node, "half of a surrogate pair", "write the character itself")
    return Part(root, resolve, root)


def _scalar(part: Part) -> Json:
    kind, text = str(part.node.tag).rpartition(":")[2], str(part.node.value)
    try:
        match kind:
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                number = int(text.replace("_", ""), 0 if text.lstrip("+-")[:2] in ("0x", "0o") else 10)
                if number in _BITS_64:
                    return number
            case "float" if math.isfinite(found := float(text.replace("_", ""))):
                return found
            case "str" | "timestamp":
                return text
    except ValueError:
        part.fault("no number", "write it in quotes")
    return part.fault("no value that JSON has", "write it in quotes")


def _nodes(node: Node, level: int) -> Iterator[tuple[Node, int]]:
    """All nodes, each before what is in it: an anchor comes before the alias that leads back to it."""
    yield node, level
    if isinstance(node, MappingNode):
        for pair in node.value:
            for each in pair:
                yield from _nodes(each, level + 1)
    elif isinstance(node, SequenceNode):
        for each in node.value:
            yield from _nodes(each, level + 1)


def _at(node: Node, reason: str, remedy: str) -> SiteFault:
    return SiteFault(node.start_mark.line + 1, node.start_mark.column + 1, reason, remedy)
