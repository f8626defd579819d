"""Expressions as the graph holds them: evaluated on data and variables, the same result for the same input, for ever.

An expression is jq in strict mode: a text that is as a whole `${ ... }`. Where the language allows nothing but an
expression (`if`, `when`, `while`, `in`, `from`, `as`) the braces may be left out. A template is a JSON tree in which
such texts are leaves. All of them have the shape of `streams.language.graph.Expression`; they differ in what they
promise of their result.

Of several results the first counts, no result is null. Results share structure with the data, so data is never
changed in place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from schemas.payload import Json
from streams.language.durations import DurationError, milliseconds
from streams.language.graph import Expression
from streams.language.jq import Program, ProgramError, compile_program
from streams.language.jq.numbers import whole
from streams.language.jq.program import reason_of

__all__ = ["ExpressionError", "ProgramError"]

NO_VARIABLES: Mapping[str, Json] = {}
_WHOLE = re.compile(r"\s*\$\{(.*)\}\s*", re.DOTALL)
_PATH = re.compile(r"(?:\$([A-Za-z_]\w*))?((?:\.[A-Za-z_]\w*)+)|\$([A-Za-z_]\w*)", re.ASCII)
_TEXT_IN_JQ = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


class ExpressionError(Exception):
    """An expression failed on this data or needed too much work. The text names the reason and the expression, never
    a value."""

    def __init__(self, text: str, reason: str) -> None:
        shown = text if len(text) <= 200 else f"{text[:197]}..."
        super().__init__(f"expression {shown}: {reason}")
        self.text = text
        self.reason = reason


def inner_text(text: str) -> str | None:
    """What stands between `${` and `}` if the whole text is an expression, else None."""
    found = _WHOLE.fullmatch(text)
    return found[1].strip() if found and _is_one(found[1]) else None


def _is_one(source: str) -> bool:
    """Whether the braces around it belong together: `${ .a } and ${ .b }` are two expressions in a text."""
    if "${" not in source:
        return True
    depth = 0
    for character in _TEXT_IN_JQ.sub("", source):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return True


def expression(source: str) -> Expression:
    """The expression for a jq text without its braces; raises `ProgramError` with every complaint about it."""
    program = compile_program(source)
    found = _PATH.fullmatch(source.strip())
    if source.strip() == ".":
        return Path(source, None, ())
    if found:
        return Path(source, found[1] or found[3], tuple(found[2].split(".")[1:]) if found[2] else ())
    return Jq(program)


Leaf = Callable[[str, tuple[str | int, ...]], Expression]


def leaf(text: str, at: tuple[str | int, ...] = ()) -> Expression:
    """An expression if the whole text is one, else the text itself; raises `ProgramError`."""
    source = inner_text(text)
    return Constant(text) if source is None else expression(source)


def template(value: Json, make_leaf: Leaf = leaf, at: tuple[str | int, ...] = ()) -> Expression:
    """A JSON tree with expressions as leaves. `make_leaf` gets each text and its place in the tree."""
    if isinstance(value, str):
        return make_leaf(value, at)
    if isinstance(value, dict):
        return members({key: template(member, make_leaf, (*at, key)) for key, member in value.items()})
    if isinstance(value, list):
        elements = [template(element, make_leaf, (*at, index)) for index, element in enumerate(value)]
        return Elements(elements) if _moving(elements) else Constant([_constant(element) for element in elements])
    return Constant(value)


def members(parts: Mapping[str, Expression]) -> Expression:
    """An object made of expressions; a constant if all of them are."""
    if _moving(parts.values()):
        return Members(parts)
    return Constant({key: _constant(part) for key, part in parts.items()})


def _constant(part: Expression) -> Json:
    return part.evaluate(None, NO_VARIABLES)


def _moving(parts: Any) -> bool:
    return any(not isinstance(part, Constant) for part in parts)


def _variables(parts: Any) -> frozenset[str]:
    return frozenset().union(*(part.variables for part in parts))


class Constant:
    """A value that is known beforehand."""

    __slots__ = ("text", "value", "variables")

    def __init__(self, value: Json) -> None:
        self.text = value if isinstance(value, str) else ""
        self.value = value
        self.variables: frozenset[str] = frozenset()

    def evaluate(self, data: Json, variables: Mapping[str, Json]) -> Json:
        """The value itself, not a copy."""
        return self.value


class Path:
    """`.`, `.a.b`, `$name` or `$name.a.b`: most expressions of most workflows, without an evaluator."""

    __slots__ = ("_keys", "_variable", "text", "variables")

    def __init__(self, text: str, variable: str | None, keys: tuple[str, ...]) -> None:
        self.text = text
        self.variables = frozenset((variable,) if variable else ())
        self._variable = variable
        self._keys = keys

    def evaluate(self, data: Json, variables: Mapping[str, Json]) -> Json:
        """The value at the path, null where it ends early; raises `ExpressionError` on the way through a scalar or a
        list."""
        if self._variable is not None:
            if self._variable not in variables:
                raise ExpressionError(self.text, f"${self._variable} is not available here")
            data = variables[self._variable]
        for key in self._keys:
            if type(data) is dict:
                data = data.get(key)
            elif data is not None:
                raise ExpressionError(self.text, f'Cannot index {_kind(data)} with "{key}"')
        return whole(data) if type(data) is float else data


class Jq:
    """Any other expression."""

    __slots__ = ("_run", "text", "variables")

    def __init__(self, program: Program) -> None:
        self.text = program.source
        self.variables = program.variables
        self._run = program.run

    def evaluate(self, data: Json, variables: Mapping[str, Json]) -> Json:
        """The first result, null if there is none."""
        try:
            value = self._run(data, variables)
            return whole(value) if type(value) is float else value
        except Exception as error:  # the edge to a foreign evaluator: whatever it raises is a failed expression
            raise ExpressionError(self.text, reason_of(error)) from error


class Members:
    """An object whose values are expressions."""

    __slots__ = ("_members", "text", "variables")

    def __init__(self, members: Mapping[str, Expression]) -> None:
        self.text = ""
        self.variables = _variables(members.values())
        self._members = [(key, member.evaluate) for key, member in members.items()]

    def evaluate(self, data: Json, variables: Mapping[str, Json]) -> Json:
        """A new object."""
        return {key: evaluate(data, variables) for key, evaluate in self._members}


class Elements:
    """A list whose elements are templates."""

    __slots__ = ("_elements", "text", "variables")

    def __init__(self, elements: list[Expression]) -> None:
        self.text = ""
        self.variables = _variables(elements)
        self._elements = [element.evaluate for element in elements]

    def evaluate(self, data: Json, variables: Mapping[str, Json]) -> Json:
        """A new list."""
        return [evaluate(data, variables) for evaluate in self._elements]


class _Checked:
    """An expression with a promise about its result."""

    __slots__ = ("_inner", "text", "variables")

    def __init__(self, inner: Expression) -> None:
        self.text = inner.text
        self.variables = inner.variables
        self._inner = inner


class Condition(_Checked):
    """`if`, `when`, `exceptWhen`, `while`: true or false."""

    __slots__ = ()

    def evaluate(self, data: Json, variables: Mapping[str, Json]) -> bool:
        """A boolean; null counts as false, anything else is an `ExpressionError`, so that "no" or 0 never passes for
        true."""
        value = self._inner.evaluate(data, variables)
        if value is True or value is False:
            return value
        if value is None:
            return False
        raise ExpressionError(self.text, f"gives {_a(value)} where true or false is needed; compare it with something")


class Collection(_Checked):
    """`for.in`: what is iterated."""

    __slots__ = ()

    def evaluate(self, data: Json, variables: Mapping[str, Json]) -> list[Json]:
        """A list; anything else is an `ExpressionError`."""
        value = self._inner.evaluate(data, variables)
        if type(value) is list:
            return value
        raise ExpressionError(self.text, f"gives {_a(value)} where a list is needed")


class Milliseconds(_Checked):
    """`wait`, `timeout.after`, `due`: a time."""

    __slots__ = ()

    def evaluate(self, data: Json, variables: Mapping[str, Json]) -> int:
        """Milliseconds, at least 0, from a duration object or an ISO 8601 text; anything else is an
        `ExpressionError`."""
        value = self._inner.evaluate(data, variables)
        try:
            return milliseconds(value)
        except DurationError as error:
            raise ExpressionError(self.text, str(error)) from None


def _kind(value: Json) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def _a(value: Json) -> str:
    kind = _kind(value)
    return kind if kind == "null" else f"{'an' if kind[0] in 'ao' else 'a'} {kind}"


def evaluate_once(source: str, data: Json, variables: Mapping[str, Json] = NO_VARIABLES) -> Json:
    """Compiles and evaluates a text without braces; for tools and tests."""
    return expression(source).evaluate(data, variables)
