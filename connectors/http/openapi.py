"""Operations of an OpenAPI document (3.0 and 3.1): what a call of one is as a request, before anything is sent.

Of a document counts what a request is made of: method, path, parameters with their place and style, media types of the
body. References lead within the document. What is not known is refused when the document is read, not when it is used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from connectors.codecs.scalars import text as scalar
from connectors.hub.documents import DocumentError, mapping
from schemas.payload import Json

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
STYLES = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
MOST_PARAMETERS = 200  # of one operation
MOST_IN_ALL = 50_000  # parameters of all operations: those of a path count for each of its operations
_BODIES = (
    "application/json",
    "application/xml",
    "text/xml",
    "application/x-www-form-urlencoded",
    "text/plain",
    "multipart/form-data",
    "application/octet-stream",
)
_OF_OTHERS = ("accept", "content-type", "authorization")  # headers that the document may not declare (3.1, 4.8.12)
_CONNECTION = re.compile(r"connection://([A-Za-z0-9._-]+)/?")
_IN_PATH = re.compile(r"\{([^{}]+)\}")
_DELIMITERS = {"form": ",", "simple": ",", "spaceDelimited": "%20", "pipeDelimited": "|"}


class ParameterError(ValueError):
    """What is wrong with the parameters of a call; it quotes no value."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation."""

    name: str
    place: str
    required: bool
    style: str
    explode: bool
    is_json: bool = False  # `content` of application/json in place of a style
    reserved: bool = False  # allowReserved


@dataclass(frozen=True, slots=True)
class ApiOperation:
    """One operation: how it is called."""

    id: str
    method: str  # in capitals
    path: str
    parameters: tuple[Parameter, ...]
    bodies: tuple[str, ...]  # media types that can be written here
    takes_body: bool
    needs_body: bool


Api = Mapping[str, ApiOperation]
NO_API: Api = {}


@dataclass(frozen=True, slots=True)
class Filled:
    """What the parameters of a call come to."""

    path: str
    query: str
    headers: dict[str, str]


def connection(endpoint: str) -> str | None:
    """The name of the connection that an address is; None where it is another one."""
    found = _CONNECTION.fullmatch(endpoint)
    return found[1] if found else None


def read(document: Any) -> Api:
    """The operations of a document by their id. Raises DocumentError."""
    version = document.get("openapi") if isinstance(document, dict) else None
    if not isinstance(version, str) or not re.match(r"3\.[01]\.", version):
        raise DocumentError("is no OpenAPI document of 3.0 or 3.1")
    found: dict[str, ApiOperation] = {}
    parameters = 0
    for path, item in mapping(document, document.get("paths") or {}, "paths").items():
        if not isinstance(path, str):
            raise DocumentError("has a path that is no text; write it in quotes")
        members = mapping(document, item, f"paths.{path}")
        for method in METHODS:
            if method in members:
                operation = _operation(document, path, method, members)
                if operation is None:
                    continue
                if operation.id in found:
                    raise DocumentError(f"has the operationId {operation.id} twice")
                found[operation.id] = operation
                parameters += len(operation.parameters)
                if parameters > MOST_IN_ALL:
                    raise DocumentError(f"has more than {MOST_IN_ALL} parameters; name the operations that are needed")
    return found


def fill(operation: ApiOperation, given: Mapping[str, Json]) -> Filled:
    """Path, query and headers of a call; raises ParameterError, and CodecError for a value that has no text."""
    known = {each.name: each for each in operation.parameters}
    for name in given:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise ParameterError(f"has no parameter of the name given; there are {listed}")
    path, query, headers, cookies = operation.path, [], {}, []
    for name, parameter in known.items():
        value = given.get(name)
        if value is None:
            if parameter.required:
                raise ParameterError(f"needs the parameter {name}")
            continue
        match parameter.place:
            case "path":
                path = path.replace(f"{{{name}}}", _in_path(parameter, value))
            case "query":
                query.append(_pairs(parameter, value))
            case "header":
                headers[name] = ",".join(_flat(parameter, value, _plain))
            case _:
                cookies.append(_pairs(parameter, value).replace("&", "; "))
    if cookies:
        headers["Cookie"] = "; ".join(cookies)
    return Filled(path, "&".join(filter(None, query)), headers)


def cut(document: Any, wanted: Mapping[str, ApiOperation]) -> dict[str, Any]:
    """A document with these operations and nothing else, its references resolved."""
    paths: dict[str, dict[str, Any]] = {}
    for each in wanted.values():
        operation: dict[str, Any] = {"operationId": each.id}
        if each.parameters:
            operation["parameters"] = [_written(parameter) for parameter in each.parameters]
        if each.takes_body:
            operation["requestBody"] = {"required": each.needs_body, "content": {kind: {} for kind in each.bodies}}
        paths.setdefault(each.path, {})[each.method.lower()] = operation
    info = document.get("info")
    return {"openapi": document["openapi"], "info": info if isinstance(info, dict) else {}, "paths": paths}


def _written(parameter: Parameter) -> dict[str, Any]:
    named = {"name": parameter.name, "in": parameter.place, "required": parameter.required}
    if parameter.is_json:
        return named | {"content": {"application/json": {}}}
    reserved = {"allowReserved": True} if parameter.reserved else {}
    return named | {"style": parameter.style, "explode": parameter.explode} | reserved


def _operation(document: Any, path: str, method: str, item: Mapping[str, Any]) -> ApiOperation | None:
    place = f"paths.{path}.{method}"
    said = mapping(document, item[method], place)
    name = said.get("operationId")
    if not isinstance(name, str) or not name:
        return None  # nobody can call it by its name
    merged = {
        (each.name, each.place): each
        for source in (item, said)
        for each in _parameters(document, source.get("parameters") or [], place)
    }
    in_path = set(_IN_PATH.findall(path))
    if in_path != {each.name for each in merged.values() if each.place == "path"}:
        raise DocumentError(f"{place}: its parameters in the path are not those of the path")
    if len({each.name for each in merged.values()}) != len(merged):
        raise DocumentError(f"{place}: two parameters have one name")
    body = mapping(document, said["requestBody"], place) if "requestBody" in said else None
    content = mapping(document, body.get("content") or {}, place) if body is not None else {}
    bodies = tuple(kind for wanted in _BODIES for kind in content if kind.partition(";")[0].strip().lower() == wanted)
    more = tuple(kind for kind in content if kind not in bodies and _written_as_text(kind.partition(";")[0].strip()))
    needs = body is not None and body.get("required") is True
    return ApiOperation(name, method.upper(), path, tuple(merged.values()), bodies + more, body is not None, needs)


def _written_as_text(kind: str) -> bool:
    return kind.endswith(("+json", "+xml")) or (kind.startswith("text/") and "*" not in kind)


def _parameters(document: Any, given: Any, place: str) -> Iterator[Parameter]:
    if not isinstance(given, list):
        raise DocumentError(f"{place}: parameters are no list")
    if len(given) > MOST_PARAMETERS:
        raise DocumentError(f"{place}: more than {MOST_PARAMETERS} parameters")
    for each in given:
        said = mapping(document, each, place)
        name, where = said.get("name"), said.get("in")
        if not isinstance(name, str) or not isinstance(where, str) or where not in STYLES:
            raise DocumentError(f"{place}: a parameter has no name, or no place that is known")
        if where == "header" and name.lower() in _OF_OTHERS:
            continue
        style = said.get("style") or STYLES[where][0]
        if style not in STYLES[where]:
            raise DocumentError(f"{place}: the parameter {name} has the style {style}, which is not one of its place")
        is_json = "content" in said
        explode = said.get("explode", style == "form")
        reserved = said.get("allowReserved") is True
        yield Parameter(name, where, where == "path" or said.get("required") is True, style, explode, is_json, reserved)


def _plain(value: Json) -> str:
    return scalar(value)


def _encoded(value: Json) -> str:
    return quote(scalar(value), safe="")


def _reserved(value: Json) -> str:
    return quote(scalar(value), safe=":/?@!$'()*+,;")


def _flat(parameter: Parameter, value: Json, write: Any) -> list[str]:
    """The value as texts: one, those of a list, or names and values of an object."""
    if parameter.is_json:
        return [write(json.dumps(value, ensure_ascii=False, separators=(",", ":")))]
    if isinstance(value, list):
        return [write(each) for each in value]
    if isinstance(value, dict):
        if parameter.explode:
            return [f"{write(name)}={write(each)}" for name, each in value.items()]
        return [part for name, each in value.items() for part in (write(name), write(each))]
    return [write(value)]


def _in_path(parameter: Parameter, value: Json) -> str:
    parts = _flat(parameter, value, _encoded)
    if not all(parts) or not parts:
        raise ParameterError(f"has nothing for {parameter.name} in its path")
    if parameter.style == "simple" or parameter.is_json:
        return ",".join(parts)
    if parameter.style == "label":
        return "." + (("." if parameter.explode else ",").join(parts))
    name = _encoded(parameter.name)
    if parameter.explode and isinstance(value, dict):
        return "".join(f";{part}" for part in parts)
    return "".join(f";{name}={part}" for part in parts) if parameter.explode else f";{name}={','.join(parts)}"


def _pairs(parameter: Parameter, value: Json) -> str:
    """The parameter in a query or a cookie."""
    write = _reserved if parameter.reserved else _encoded
    name = _encoded(parameter.name)
    if parameter.style == "deepObject" and isinstance(value, dict):
        return "&".join(f"{name}%5B{_encoded(key)}%5D={write(each)}" for key, each in value.items())
    parts = _flat(parameter, value, write)
    if parameter.explode and isinstance(value, dict) and not parameter.is_json:
        return "&".join(parts)
    if parameter.explode and isinstance(value, list) and not parameter.is_json:
        return "&".join(f"{name}={part}" for part in parts)
    delimiter = _DELIMITERS.get(parameter.style, ",")
    return f"{name}={delimiter.join(parts)}"
