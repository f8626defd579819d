"""The arguments of a `call`: read, judged and shown to editors as their function declares them.

For each kind of argument there is one way of writing it. What comes of it goes into the command, where the step
processor finds it as its declaration says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from schemas.arguments import Argument, Kind, Values
from schemas.functions import Function
from schemas.payload import Json
from streams.language import authentications, profile
from streams.language.addresses import NAME, UriTemplate
from streams.language.expressions import Constant, inner_text, members
from streams.language.forms import DURATION, EXPRESSION, FIXED_TEXT, JSON, OBJECT, SCHEMA, TEXT, Form, closed, either
from streams.language.graph import Expression
from streams.language.literals import broken_rules
from streams.language.nodes import Node
from streams.language.schema import compiled_schema
from streams.language.slots import BODY, Scope, read_duration, read_leaf, read_template

_ADDRESS = r"(https?|connection)://[^\s]+"
_NAME = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?"

Place = tuple[str | int, ...]


def read_arguments(task: Node, function: Function, scope: Scope) -> Expression:
    """The expression of the arguments, an object: those with a default first, then the others as written."""
    given = task.optional("with")
    if function.undeclared:
        return Constant({}) if given is None else read_template(given, BODY, scope)
    required = [argument for argument in function.arguments if argument.required]
    if given is None and required:
        remedy = f"write with: {function.example}"
        task.fault("missing", f"`call: {function.name}` lacks `with`", remedy, key=True)
        return Constant({})
    read: dict[str, Expression] = {
        argument.name: read_leaf(Node(task.source, task.path, argument.default), BODY, scope)
        for argument in function.arguments
        if argument.default is not None
    }
    if given is not None:
        declared = {argument.name: argument for argument in function.arguments}
        refused, example = profile.ARGUMENTS.get(function.name), f"with: {function.example}"
        for name, part in given.members(declared, refused=refused, example=example).items():
            read[name] = WAYS[declared[name].kind].read(part, scope, declared[name])
        for one, other in function.apart:
            if one in read and other in read:
                given.child(one).fault("value", f"`{one}` stands beside `{other}`", "leave one of them out", key=True)
        for argument in required:
            if isinstance(given.value, dict) and argument.name not in given.value:
                given.fault("missing", f"`with` lacks `{argument.name}`", _remedy(argument), key=True)
    return members(read)


def refuse_pages(node: Node, function: Function) -> None:
    """Only the call of a task asks for all pages of a list."""
    given = node.optional("with")
    pages = given.optional(function.paged) if given is not None and function.paged else None
    if pages is not None:
        pages.fault("pages", "only the call of a task asks for pages", "leave it out, and ask for one page", key=True)


def arguments_form(function: Function) -> Form:
    """How the arguments of a function are written."""
    return _closed(function.arguments)


def _closed(arguments: Iterable[Argument]) -> Form:
    listed = tuple(arguments)
    forms = {each.name: {**WAYS[each.kind].form(each), "description": each.summary} for each in listed}
    return closed(forms, [each.name for each in listed if each.required])


def _example(argument: Argument) -> str:
    return argument.example or f"{argument.name}: ..."


def _remedy(argument: Argument) -> str:
    return f"write {_example(argument)}"


def _any(node: Node, scope: Scope, argument: Argument) -> Expression:
    return read_template(node, BODY, scope)


def _typed(node: Node, scope: Scope, argument: Argument) -> Expression:
    for place, what in broken_rules(argument.json_schema(), node.value):
        remedy = f"write for example {argument.example}"
        Node(node.source, (*node.path, *place), None).fault("type", f"`{node.name}` {what}", remedy)
    return read_template(node, BODY, scope)


def _object(node: Node, scope: Scope, argument: Argument) -> Expression:
    if not isinstance(node.value, dict):
        if not (isinstance(node.value, str) and inner_text(node.value)):
            node.wrong_type("an object", argument.example or f"{node.name}: {{name: value}}")
    elif argument.members:
        return members(_members(node, scope, argument))
    elif argument.values is not None:
        for name, value in node.value.items():
            _named_value(node.child(name), value, argument.values)
    found = read_template(node, BODY, scope)
    return found if argument.values is None else _present(found)


class _Present:
    """An object without its members that are null: a header or a part of a query that is not there."""

    __slots__ = ("_inner", "text", "variables")

    def __init__(self, inner: Expression) -> None:
        self.text = inner.text
        self.variables = inner.variables
        self._inner = inner

    def evaluate(self, data: Json, variables: Mapping[str, Json]) -> Json:
        """A new object where something is left out."""
        value = self._inner.evaluate(data, variables)
        if type(value) is not dict or None not in value.values():
            return value
        return {name: member for name, member in value.items() if member is not None}


def _present(found: Expression) -> Expression:
    present = _Present(found)
    return Constant(present.evaluate(None, {})) if isinstance(found, Constant) else present


def _named_value(node: Node, value: Json, values: Values) -> None:
    lists = values is Values.SCALARS
    each = value if lists and isinstance(value, list) else [value]
    if value is not None and not all(isinstance(one, str | int | float) for one in each):
        wanted = "a text, a number, true or false" + (", or a list of them," if lists else "")
        node.wrong_type(wanted, f"{node.name}: text")


def _members(node: Node, scope: Scope, argument: Argument) -> dict[str, Expression]:
    """What an argument that is an object consists of."""
    known = {each.name: each for each in argument.members}
    required = [each.name for each in known.values() if each.required]
    parts = node.members(known, required=required, example=_example(argument))
    return {name: WAYS[known[name].kind].read(part, scope, known[name]) for name, part in parts.items()}


def _line(node: Node, scope: Scope, argument: Argument) -> Expression:
    if node.value == "" and not argument.min_length:
        return Constant("")
    text = node.text(_example(argument))
    if inner_text(text) is None and argument.max_length is not None and len(text) > argument.max_length:
        node.fault("value", f"`{node.name}` has more than {argument.max_length} characters", _remedy(argument))
    return read_leaf(node, BODY, scope) if text else Constant("")


def _name(node: Node, scope: Scope, argument: Argument) -> Expression:
    text = node.text(_example(argument))
    if text and inner_text(text) is None and not re.fullmatch(_NAME, text):
        message = f"`{node.name}` is a name in lower case with digits, hyphens and dots"
        node.fault("name", message, _remedy(argument))
    return read_leaf(node, BODY, scope) if text else Constant("")


def _address(node: Node, scope: Scope, argument: Argument) -> Expression:
    if isinstance(node.value, dict) and argument.members:
        parts = _members(node, scope, argument)
        return members(parts) if len(parts) > 1 else parts.get("uri", Constant(""))
    text = node.text(_example(argument))
    if inner_text(text) is not None:
        return read_leaf(node, BODY, scope)
    template = UriTemplate(text)
    if text and (not re.fullmatch(_ADDRESS, text) or any(not re.fullmatch(NAME, name) for name in template.names)):
        remedy = "write https://host/{name} (a member of the task's input), connection://NAME/path or an expression"
        node.fault("uri", "not an address", remedy)
    return template if template.names else Constant(text)


def _choice(node: Node, scope: Scope, argument: Argument) -> Expression:
    known = {choice.lower(): choice for choice in argument.choices}
    text = node.text(_example(argument))
    if text and text.lower() not in known:
        message = f"`{node.name}` is none of {', '.join(argument.choices)}"
        node.fault("value", message, _remedy(argument))
    return Constant(known.get(text.lower(), ""))


def _flag(node: Node, scope: Scope, argument: Argument) -> Expression:
    return Constant(node.flag(argument.example or f"{node.name}: true"))


def _statement(node: Node, scope: Scope, argument: Argument) -> Expression:
    text = node.text(_example(argument))
    if "${" in text:
        remedy = "write :name in the statement and its value under `parameters`"
        remedy = remedy if argument.name == "statement" else _remedy(argument)
        node.fault("sql-injection", f"a {node.name} is a fixed text, data must not become part of it", remedy)
    return Constant(text)


def _choices(node: Node, scope: Scope, argument: Argument) -> Expression:
    items = node.items(_example(argument))
    texts = [item.text(_example(argument)) for item in items]
    if isinstance(node.value, list) and not texts:
        node.fault("value", f"`{node.name}` needs at least one text", _remedy(argument))
    seen: set[str] = set()
    for text, item in zip(texts, items, strict=True):
        if text in seen:
            item.fault("duplicate-name", f"`{text}` is already in the list", "remove it")
        seen.add(text)
        if "${" in text:
            item.fault("value", f"`{node.name}` are fixed texts", _remedy(argument))
    return Constant(texts)


def _schema(node: Node, scope: Scope, argument: Argument) -> Expression:
    compiled_schema(node)
    return Constant(node.value)


def _fixed(node: Node, scope: Scope, argument: Argument) -> Expression:
    expressions = [*_expressions(node.value, ())]
    for place in expressions:
        message = f"`{node.name}` is written out, data must not become part of it"
        Node(node.source, (*node.path, *place), None).fault("value", message, "write the value itself")
    wrong = [*argument.judge(node.value)] if argument.judge and () not in expressions else []
    for place, what, remedy in wrong:
        key = bool(place) and isinstance(place[-1], str)
        Node(node.source, (*node.path, *place), None).fault("value", f"`{node.name}` {what}", remedy, key=key)
    for place, what, remedy in argument.hint(node.value) if argument.hint and not (wrong or expressions) else ():
        Node(node.source, (*node.path, *place), None).warn("gap", f"`{node.name}` {what}", remedy)
    return Constant(node.value)


def _expressions(value: Json, place: Place) -> Iterator[Place]:
    if isinstance(value, str):
        if "${" in value:
            yield place
    elif isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _expressions(inner, (*place, key))


def _authentication(node: Node, scope: Scope, argument: Argument) -> Expression:
    return Constant(authentications.read(node))


def _duration(node: Node, scope: Scope, argument: Argument) -> Expression:
    return read_duration(node, BODY, scope)


def _choice_form(argument: Argument) -> Form:
    """The choices as an editor offers them, or in any case of letters."""
    spelled = "|".join("".join(map(_any_case, choice)) for choice in argument.choices)
    listed = [choice.lower() for choice in argument.choices]
    return either({"enum": listed}, {"type": "string", "pattern": f"^({spelled})$"})


def _any_case(letter: str) -> str:
    return f"[{letter.upper()}{letter.lower()}]" if letter.isalpha() else re.escape(letter)


def _line_form(argument: Argument) -> Form:
    text: Form = TEXT if argument.min_length else {"type": "string"}
    return either(text if argument.max_length is None else {**text, "maxLength": argument.max_length}, EXPRESSION)


def _object_form(argument: Argument) -> Form:
    if argument.members:
        return either(_members_form(argument), EXPRESSION)
    values: Form = {} if argument.values is None else {"additionalProperties": _VALUES[argument.values]}
    return either({**OBJECT, **values}, EXPRESSION)


def _address_form(argument: Argument) -> Form:
    return either(_ADDRESS_TEXT, _members_form(argument)) if argument.members else _ADDRESS_TEXT


def _members_form(argument: Argument) -> Form:
    return _closed(argument.members)


_ADDRESS_TEXT = either({"type": "string", "pattern": f"^{_ADDRESS}$"}, EXPRESSION)
_TEXTS: Form = {"type": "array", "minItems": 1, "uniqueItems": True, "items": FIXED_TEXT}
_SCALAR: Form = {"type": ["string", "number", "boolean"]}
_NULL: Form = {"type": "null"}  # as if it were not there
_VALUES: Mapping[Values, Form] = {
    Values.SCALAR: either(_SCALAR, _NULL),
    Values.SCALARS: either(_SCALAR, _NULL, {"type": "array", "items": _SCALAR}),
}


class Way(NamedTuple):
    """How a kind of argument is written: what is read of it, and its form for editors."""

    read: Callable[[Node, Scope, Argument], Expression]
    form: Callable[[Argument], Form]


WAYS: Mapping[Kind, Way] = {
    Kind.ANY: Way(_any, lambda argument: JSON),
    Kind.OBJECT: Way(_object, _object_form),
    Kind.LINE: Way(_line, _line_form),
    Kind.NAME: Way(_name, lambda argument: either({"type": "string", "pattern": f"^{_NAME}$"}, EXPRESSION)),
    Kind.ADDRESS: Way(_address, _address_form),
    Kind.CHOICE: Way(_choice, _choice_form),
    Kind.FLAG: Way(_flag, lambda argument: {"type": "boolean"}),
    Kind.STATEMENT: Way(_statement, lambda argument: FIXED_TEXT),
    Kind.CHOICES: Way(_choices, lambda argument: _TEXTS),
    Kind.SCHEMA: Way(_schema, lambda argument: SCHEMA),
    Kind.TYPED: Way(_typed, lambda argument: JSON),
    Kind.FIXED: Way(_fixed, lambda argument: dict(argument.json_schema())),
    Kind.AUTHENTICATION: Way(_authentication, lambda argument: authentications.FORM),
    Kind.DURATION: Way(_duration, lambda argument: DURATION),
}
"""One way for each kind of argument; a test says where one is missing."""
