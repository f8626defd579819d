"""The functions a definition can call, and the arguments each of them takes.

Evaluated arguments go into a command as they are described here; the step processors rely on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches

from streams.language import profile
from streams.language.expressions import Constant, UriTemplate, inner_text, members
from streams.language.graph import Expression
from streams.language.nodes import Node
from streams.language.schema import JsonSchema, SchemaFaultError
from streams.language.slots import BODY, Scope, read_duration, read_leaf, read_template

Arguments = dict[str, Expression]

_URI = re.compile(r"(https?|connection)://[^\s]+")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


def read_call(task: Node, scope: Scope) -> tuple[str, Expression]:
    """The function of a `call` and the expression of its arguments, an object."""
    node = task.child("call")
    function = node.text("call: http")
    read = _READERS.get(function)
    if read is None:
        _unknown_function(node, function)
        return function, Constant({})
    arguments = task.optional("with")
    if arguments is None:
        task.fault("missing", f"`call: {function}` lacks `with`", f"write with: {_EXAMPLES[function]}", key=True)
        return function, Constant({})
    return function, members(read(arguments, scope))


def _unknown_function(node: Node, function: str) -> None:
    name = function.partition(":")[0]
    refusal = profile.CALLS.get(name)
    if refusal is not None:
        node.fault(refusal.code, refusal.message(f"call: {name}"), refusal.remedy)
    elif function:
        close = get_close_matches(function, profile.FUNCTIONS, n=1)
        remedy = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(profile.FUNCTIONS)}"
        node.fault("unknown-function", f"there is no function `{function}`", remedy)


def _http(node: Node, scope: Scope) -> Arguments:
    known = ("method", "endpoint", "headers", "query", "body", "output", "redirect")
    parts = node.members(known, required=("method", "endpoint"), example=_EXAMPLES["http"])
    arguments: Arguments = {}
    for name, part in parts.items():
        match name:
            case "method":
                arguments[name] = _method(part)
            case "endpoint":
                arguments[name] = _endpoint(part, scope)
            case "output":
                arguments[name] = Constant(part.choice(("content", "raw", "response"), "output: content"))
            case "redirect":
                arguments[name] = _boolean(part)
            case "headers" | "query":
                arguments[name] = _object(part, scope)
            case _:
                arguments[name] = read_template(part, BODY, scope)
    return arguments


def _method(node: Node) -> Expression:
    method = node.text("method: get").upper()
    if method and method not in profile.HTTP_METHODS:
        node.fault("value", "not a method of HTTP", f"write one of {', '.join(profile.HTTP_METHODS).lower()}")
    return Constant(method)


def _endpoint(node: Node, scope: Scope) -> Expression:
    if isinstance(node.value, dict):
        example = "endpoint: {uri: https://example.com/orders/{id}}"
        parts = node.members(("uri",), required=("uri",), refused=profile.ENDPOINT, example=example)
        return _endpoint(parts["uri"], scope) if "uri" in parts else Constant("")
    text = node.text("endpoint: https://example.com/orders/{id}")
    if inner_text(text) is not None:
        return read_leaf(node, BODY, scope)
    template = UriTemplate(text)
    if text and (not _URI.fullmatch(text) or any(not re.fullmatch(r"\w+", name) for name in template.names)):
        remedy = "write https://host/{name} (a member of the task's input), connection://NAME/path or an expression"
        node.fault("uri", "not an address", remedy)
    return template if template.names else Constant(text)


def _boolean(node: Node) -> Expression:
    if not isinstance(node.value, bool):
        node.wrong_type("true or false", f"{node.name}: true")
    return Constant(node.value)


def _object(node: Node, scope: Scope) -> Expression:
    if not isinstance(node.value, dict) and not (isinstance(node.value, str) and inner_text(node.value)):
        node.wrong_type("an object", f"{node.name}: {{name: value}}")
    return read_template(node, BODY, scope)


def _name(node: Node, scope: Scope, example: str) -> Expression:
    text = node.text(example)
    if text and inner_text(text) is None and not _NAME.fullmatch(text):
        node.fault("name", f"`{node.name}` is a name in lower case with digits, hyphens and dots", f"write {example}")
    return read_leaf(node, BODY, scope) if text else Constant("")


def _decide(node: Node, scope: Scope) -> Arguments:
    parts = node.members(("model", "input"), required=("model",), example=_EXAMPLES["decide"])
    arguments = {"input": read_leaf(Node(node.source, node.path, "${ . }"), BODY, scope)}
    for name, part in parts.items():
        arguments[name] = (
            _name(part, scope, "model: credit-risk") if name == "model" else read_template(part, BODY, scope)
        )
    return arguments


def _human(node: Node, scope: Scope) -> Arguments:
    known = ("team", "title", "form", "outcomes", "input", "due")
    parts = node.members(known, required=("team", "title", "outcomes"), example=_EXAMPLES["human"])
    arguments = {"input": read_leaf(Node(node.source, node.path, "${ . }"), BODY, scope)}
    for name, part in parts.items():
        match name:
            case "team":
                arguments[name] = _name(part, scope, "team: manual-review")
            case "title":
                arguments[name] = (
                    read_leaf(part, BODY, scope) if part.text("title: Review the application") else Constant("")
                )
            case "form":
                arguments[name] = read_schema(part)
            case "outcomes":
                arguments[name] = _outcomes(part)
            case "due":
                arguments[name] = read_duration(part, BODY, scope)
            case _:
                arguments[name] = read_template(part, BODY, scope)
    return arguments


def read_schema(node: Node) -> Expression:
    """A JSON Schema that is an argument; checked, and handed on as it is."""
    compiled_schema(node)
    return Constant(node.value)


def compiled_schema(node: Node) -> JsonSchema | None:
    """A JSON Schema; None, with a fault, if it is wrong."""
    if not isinstance(node.value, dict | bool):
        node.wrong_type("a JSON Schema", "{type: object, required: [amount]}")
        return None
    try:
        return JsonSchema(node.value)
    except SchemaFaultError as fault:
        place = Node(node.source, (*node.path, *fault.path), None)
        place.fault("schema", f"not a valid JSON Schema: {fault}", "see json-schema.org, draft 2020-12")
        return None


def _outcomes(node: Node) -> Expression:
    items = node.items("outcomes: [approve, reject]")
    names = [item.text("outcomes: [approve, reject]") for item in items]
    if isinstance(node.value, list) and not names:
        node.fault("value", "a task for people needs at least one outcome", "write outcomes: [approve, reject]")
    for index, item in enumerate(items):
        if names[index] in names[:index]:
            item.fault("duplicate-name", f"the outcome `{names[index]}` is already in the list", "remove it")
        if "${" in names[index]:
            item.fault("value", "outcomes are fixed texts", "write outcomes: [approve, reject]")
    return Constant(names)


def _sql(function: str) -> Callable[[Node, Scope], Arguments]:
    def read(node: Node, scope: Scope) -> Arguments:
        known = ("connection", "statement", "parameters")
        parts = node.members(known, required=known[:2], example=_EXAMPLES[function])
        arguments: Arguments = {}
        for name, part in parts.items():
            match name:
                case "connection":
                    arguments[name] = _name(part, scope, "connection: compliance")
                case "statement":
                    arguments[name] = _statement(part)
                case _:
                    arguments[name] = _object(part, scope)
        return arguments

    return read


def _statement(node: Node) -> Expression:
    text = node.text("statement: SELECT name FROM person WHERE id = :id")
    if "${" in text:
        remedy = "write :name in the statement and its value under `parameters`"
        node.fault("sql-injection", "a statement is a fixed text, data must not become part of it", remedy)
    return Constant(text)


_READERS: dict[str, Callable[[Node, Scope], Arguments]] = {
    "http": _http,
    "decide": _decide,
    "human": _human,
    "sql.query": _sql("sql.query"),
    "sql.execute": _sql("sql.execute"),
}
_EXAMPLES = {
    "http": "{method: get, endpoint: https://example.com/orders/{id}}",
    "decide": "{model: credit-risk, input: ${ .application }}",
    "human": "{team: manual-review, title: Review the application, outcomes: [approve, reject]}",
    "sql.query": "{connection: hr, statement: SELECT name FROM person WHERE id = :id, parameters: {id: ${ .id }}}",
    "sql.execute": "{connection: ledger, statement: INSERT INTO entry (step_id) VALUES (:step_id)}",
}
