"""A part of a definition on its way into the model: its value, its place, and readers that complain instead of raising.

A reader that finds a fault notes it and gives a harmless stand-in, so that one run finds every fault of the file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from schemas.payload import Json
from streams.language.faults import Severity
from streams.language.forms import Form
from streams.language.profile import Refusal
from streams.language.source import Path, Source, pointer

_NAMES = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}


def kind_of(value: Json) -> str:
    """What a value is, for people."""
    return _NAMES.get(type(value), "a number")


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the document with its place."""

    source: Source
    path: Path
    value: Json

    @property
    def name(self) -> str:
        """The last key of the path."""
        return str(self.path[-1]) if self.path else "the definition"

    @property
    def pointer(self) -> str:
        """The JSON Pointer of the place."""
        return pointer(self.path)

    def child(self, key: str | int) -> Node:
        """A member or element that is known to exist."""
        return Node(self.source, (*self.path, key), self.value[key])

    def optional(self, key: str) -> Node | None:
        """A member, None if it is missing."""
        return self.child(key) if isinstance(self.value, dict) and key in self.value else None

    def fault(self, code: str, message: str, remedy: str, *, key: bool = False) -> None:
        """Notes an error here."""
        self.source.fault(self.path, code, message, remedy, key=key)

    def warn(self, code: str, message: str, remedy: str) -> None:
        """Notes a warning here."""
        self.source.fault(self.path, code, message, remedy, key=True, severity=Severity.WARNING)

    def wrong_type(self, wanted: str, example: str) -> None:
        """Notes that the value is something else than what is needed."""
        self.fault("type", f"`{self.name}` is {kind_of(self.value)} where {wanted} is needed", f"write {example}")

    def members(
        self,
        known: Collection[str],
        *,
        required: Collection[str] = (),
        refused: Mapping[str, Refusal] | None = None,
        example: str,
    ) -> dict[str, Node]:
        """The members of an object that are known; complains about all others and about those that are missing."""
        if not isinstance(self.value, dict):
            self.wrong_type("an object", example)
            return {}
        for key in self.value:
            if key not in known:
                self.child(key).unknown(known, refused or {})
        for key in required:
            if key not in self.value:
                self.fault("missing", f"`{self.name}` lacks `{key}`", f"write {example}", key=True)
        return {key: self.child(key) for key in self.value if key in known}

    def parts(self, form: Form, *, refused: Mapping[str, Refusal] | None = None, example: str) -> dict[str, Node]:
        """The members of an object of this form."""
        return self.members(form["properties"], required=form.get("required", ()), refused=refused, example=example)

    def refuse(self, refused: Mapping[str, Refusal]) -> bool:
        """Complains about a value that is part of the specification and not understood; whether it did."""
        refusal = refused.get(self.value) if isinstance(self.value, str) else None
        if refusal is not None:
            self.fault(refusal.code, refusal.message(f"{self.name}: {self.value}"), refusal.remedy)
        return refusal is not None

    def unknown(self, known: Collection[str], refused: Mapping[str, Refusal]) -> None:
        """Complains about this key."""
        refusal = refused.get(self.name)
        if refusal is not None:
            self.fault(refusal.code, refusal.message(self.name), refusal.remedy, key=True)
            return
        close = get_close_matches(self.name, known, n=1)
        remedy = f"did you mean `{close[0]}`?" if close else f"known here: {', '.join(sorted(known))}"
        self.fault("unknown-key", f"unknown key `{self.name}`", remedy, key=True)

    def items(self, example: str) -> list[Node]:
        """The elements of a list."""
        if not isinstance(self.value, list):
            self.wrong_type("a list", example)
            return []
        return [self.child(index) for index in range(len(self.value))]

    def named_items(self, example: str) -> list[Node]:
        """The elements of a list in which each is an object with one key, its name; gives what stands under the
        names."""
        named = []
        for item in self.items(example):
            if isinstance(item.value, dict) and len(item.value) == 1:
                named.append(item.child(next(iter(item.value))))
            else:
                item.fault("type", "an element of this list is an object with one key, its name", f"write {example}")
        return named

    def text(self, example: str) -> str:
        """A text that is not empty; the empty text stands in."""
        if isinstance(self.value, str) and self.value.strip():
            return self.value
        self.wrong_type("a text", example) if not isinstance(self.value, str) else self.fault(
            "type", f"`{self.name}` is empty", f"write {example}"
        )
        return ""

    def fixed_text(self, remedy: str) -> str:
        """A text that holds no expression."""
        text = self.text(f"{self.name}: text")
        if "${" in text:
            message = f"an expression as `{self.name}` is not part of Exlify's profile"
            self.fault("not-in-profile", message, remedy)
        return text

    def flag(self, example: str) -> bool | None:
        """True or false; None stands in."""
        if isinstance(self.value, bool):
            return self.value
        self.wrong_type("true or false", example)
        return None

    def choice(self, choices: Collection[str], example: str) -> str:
        """One of a few texts."""
        if self.value in choices:
            return str(self.value)
        self.fault("value", f"`{self.name}` is none of {', '.join(choices)}", f"write {example}")
        return ""


def unique(nodes: Sequence[Node], what: str) -> None:
    """Complains about names that are taken twice."""
    seen: dict[str, Node] = {}
    for node in nodes:
        first = seen.setdefault(node.name, node)
        if first is not node:
            line = node.source.keys[first.path].start_mark.line + 1
            message = f"the {what} `{node.name}` is already in line {line}"
            node.fault("duplicate-name", message, "rename one of them", key=True)
