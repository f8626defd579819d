"""A connection drafted from an OpenAPI document: its entry in `connections.yaml`, and the document, cut."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.http.openapi import Api, ApiOperation, cut, read
from connectors.hub.documents import DocumentError
from streams.ground.references import MAX_BYTES
from streams.processors.call.connections import is_address

_VARIABLE = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written, and what it holds."""

    entry: str
    file: str  # name of the document's file, beside `connections.yaml`
    document: str
    operations: tuple[ApiOperation, ...]


def draft(name: str, document: Any, url: str | None, wanted: Collection[str] = ()) -> Draft:
    """The draft for a connection of this name. Raises DocumentError, with a remedy."""
    chosen = _chosen(read(document), wanted)
    url = url or _server(document)
    if url is None or not is_address(url) or not url.startswith(("http://", "https://")):
        raise DocumentError("names no server by a whole address; give it with --url")
    text = json.dumps(cut(document, chosen), ensure_ascii=False, indent=1) + "\n"
    if len(text.encode()) > MAX_BYTES:
        raise DocumentError(
            f"has {len(chosen)} operations, more than fit in {MAX_BYTES:,} bytes; name some: --operation"
        )
    file = f"{name}.openapi.json"
    lines = [f"{name}:", f"  url: {json.dumps(url)}", f"  openapi: '${{file:{file}}}'"]
    return Draft("\n".join(lines + _authentication(name, document)) + "\n", file, text, tuple(chosen.values()))


def _chosen(api: Api, wanted: Collection[str]) -> Api:
    unknown = [each for each in wanted if each not in api]
    if unknown:
        raise DocumentError(f"has no operation {unknown[0]}; there are {', '.join(list(api)[:20]) or 'none'}")
    found = {name: each for name, each in api.items() if not wanted or name in wanted}
    if not found:
        raise DocumentError("has no operation with an operationId")
    return found


def _server(document: Any) -> str | None:
    servers = document.get("servers")
    first = servers[0] if isinstance(servers, list) and servers else None
    url = first.get("url") if isinstance(first, dict) else None
    if not isinstance(url, str):
        return None
    variables = first.get("variables") if isinstance(first, dict) else None
    known = variables if isinstance(variables, dict) else {}
    return _VARIABLE.sub(lambda found: _usual(known.get(found[1]), found[0]), url)


def _usual(variable: Any, written: str) -> str:
    return str(variable.get("default", written)) if isinstance(variable, dict) else written


def _authentication(name: str, document: Any) -> list[str]:
    """The ways in that the document names, as lines that do nothing until their secrets are there."""
    components = document.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, dict) else None
    prefix = name.upper().replace("-", "_")
    ways = [way for each in (schemes or {}).values() if isinstance(each, dict) and (way := _way(each, prefix))]
    return [f"  # authentication: {way}" for way in dict.fromkeys(ways)]


def _way(scheme: Mapping[str, Any], prefix: str) -> str:
    secret = f"'${{env:{prefix}_SECRET}}'"
    match scheme:
        case {"type": "http", "scheme": str(kind)} if kind.lower() in ("basic", "digest"):
            return f"{{{kind.lower()}: {{username: '${{env:{prefix}_USER}}', password: {secret}}}}}"
        case {"type": "http", "scheme": str(kind)} if kind.lower() == "bearer":
            return f"{{bearer: {{token: {secret}}}}}"
        case {"type": "apiKey", "in": "header" | "query" as place, "name": str(key)}:
            return f"{{key: {{{place}: {json.dumps(key)}, value: {secret}}}}}"
        case {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": str(url)}}}:
            origin, path = re.fullmatch(r"(https?://[^/]*)?(.*)", url, re.DOTALL).groups()  # type: ignore[union-attr]
            client = f"{{id: '${{env:{prefix}_CLIENT}}', secret: {secret}}}"
            ends = f"endpoints: {{token: {json.dumps(path or '/')}}}"
            return f"{{oauth2: {{authority: {json.dumps(origin or 'https://HOST')}, {ends}, client: {client}}}}}"
    return ""
