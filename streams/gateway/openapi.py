"""The shape of the interface: routes as data, from which the server and the OpenAPI document are both made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from aiohttp import web

from schemas.cloudevents import FORBIDDEN
from streams.gateway.problems import CONTENT_TYPE, ProblemError

Schema = Mapping[str, Any]

MAX_QUERY_LENGTH = 1_024
MAX_DIGITS = 20

PROBLEM: Schema = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "faults": {
            "type": "array",
            "items": {"type": "object"},
            "description": "Everything that is wrong, one by one.",
        },
    },
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query; `schema` is of type string or integer."""

    name: str
    description: str
    schema: Schema = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, kw_only=True)
class Route:
    """One operation: how it is called, what it answers, and who answers it."""

    method: str
    path: str
    handler: Callable[[web.Request], Awaitable[web.Response]]
    summary: str
    answers: Mapping[int, Schema]  # JSON unless `media_type` says otherwise
    problems: tuple[int, ...] = ()
    query: tuple[Parameter, ...] = ()
    body: Mapping[str, Schema] = field(default_factory=dict)  # by media type
    media_type: str = "application/json"
    open: bool = False  # needs no token
    verb: str | None = None  # of the command line that does the same: "tasks complete"
    for_systems: bool = False  # a door for systems outside, which nobody goes through by hand: needs no verb

    @property
    def operation_id(self) -> str:
        """Name of the operation for generated clients."""
        return self.handler.__name__


def object_of(required: Mapping[str, Schema], **optional: Schema) -> Schema:
    """Schema of an object with these members; others may follow in later versions."""
    return {"type": "object", "required": list(required), "properties": {**required, **optional}}


def text_of(choices: Iterable[str] = ()) -> Schema:
    """Schema of a text, or of one of a few."""
    known = list(choices)
    return {"type": "string", "enum": known} if known else {"type": "string"}


def list_of(items: Schema) -> Schema:
    """Schema of an array."""
    return {"type": "array", "items": items}


def read_query(request: web.Request, parameters: Iterable[Parameter]) -> dict[str, Any]:
    """The query's parameters, integers as such; raises ProblemError for unknown, doubled and unfit ones."""
    declared = {parameter.name: parameter for parameter in parameters}
    read: dict[str, Any] = {}
    for name, text in request.query.items():
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise ProblemError(400, "query", f"{name[:50]!r} is no parameter of this operation; there are: {known}")
        if name in read:
            raise ProblemError(400, "query", f"{name} is given twice; send it once")
        read[name] = _value(declared[name], text)
    return read


def _value(parameter: Parameter, text: str) -> Any:
    schema = parameter.schema
    if schema["type"] == "integer":
        low, high = schema["minimum"], schema["maximum"]
        if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and low <= int(text) <= high:
            return int(text)
        raise ProblemError(400, "query", f"{parameter.name} is a whole number from {low} to {high}")
    unfit = not text or len(text) > MAX_QUERY_LENGTH or FORBIDDEN.search(text)
    if unfit or text not in schema.get("enum", (text,)):
        choice = ", ".join(schema.get("enum", ())) or f"a text of 1 to {MAX_QUERY_LENGTH} characters, no control ones"
        raise ProblemError(400, "query", f"{parameter.name} is {choice}")
    return text


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(_template(route.path), {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Exlify",
            "version": version("exlify"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {"Problem": PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _path_names(route.path)
    ]
    in_query = [
        {"name": each.name, "in": "query", "description": each.description, "schema": each.schema}
        for each in route.query
    ]
    answers = {
        str(status): _answer(status, {route.media_type: {"schema": schema}}) for status, schema in route.answers.items()
    }
    reference = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusals = {str(status): _answer(status, reference) for status in sorted({*route.problems, *_ALWAYS})}
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "parameters": in_path + in_query,
        "responses": answers | refusals,
        "security": [] if route.open else [{"token": []}, {}],
    }
    if route.body:
        content = {media_type: {"schema": schema} for media_type, schema in route.body.items()}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


_ALWAYS = (401, 421, 500)


def _answer(status: int, content: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": HTTPStatus(status).phrase, "content": content}


def _path_names(path: str) -> list[str]:
    return [part.partition("}")[0].partition(":")[0] for part in path.split("{")[1:]]


def _template(path: str) -> str:
    """The path without aiohttp's patterns: `/v1/tasks/{task_id:.+}` is `/v1/tasks/{task_id}`."""
    for name in _path_names(path):
        head, _, tail = path.partition("{" + name)
        path = head + "\0" + name + "\1" + tail.partition("}")[2]
    return path.replace("\0", "{").replace("\1", "}")
