"""OpenAPI and AsyncAPI documents of a site."""

from __future__ import annotations

from functools import cached_property
from io import StringIO
from typing import TYPE_CHECKING, Any

import structlog

from connectors.asyncapi.document import AsyncApi
from connectors.asyncapi.document import read as read_async
from connectors.http.openapi import Api, read
from connectors.hub.documents import DocumentError
from schemas.payload import Json

if TYPE_CHECKING:
    from streams.ground.site_yaml import Part
    from streams.language.schema import JsonSchema

log = structlog.get_logger()

MAX_CHARACTERS = 16 * 1024 * 1024


def parsed(text: str) -> Any:
    """A document in JSON or YAML. Raises DocumentError."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if len(text) > MAX_CHARACTERS:
        raise DocumentError(f"has more than {MAX_CHARACTERS:,} characters")
    try:
        return YAML(typ="safe", pure=not text.lstrip().startswith("{")).load(StringIO(text))
    except (YAMLError, ValueError, RecursionError):
        raise DocumentError("is neither JSON nor YAML") from None


def read_document(part: Part) -> Api:
    """The operations of an OpenAPI document that stands in a file; a fault at its place."""
    try:
        return read(parsed(part.text()))
    except DocumentError as error:
        part.fault(f"the document {error}", "name a document of OpenAPI 3 by ${file:PATH}, cut to what is called")


class Payloads:
    """Holds payloads against a JSON Schema, which is read when the first one comes.

    A schema that cannot be read here holds nothing, and the log says so.
    """

    def __init__(self, schema: Json) -> None:
        self._schema = schema

    def __call__(self, payload: Json) -> str | None:
        """What is wrong, in one line; None if nothing is."""
        return None if self._compiled is None else self._compiled.check(payload)

    @cached_property
    def _compiled(self) -> JsonSchema | None:
        from streams.language.schema import JsonSchema, SchemaFaultError

        try:
            return JsonSchema(self._schema)
        except SchemaFaultError as error:
            log.warning("schema of messages not read", reason=str(error), path=list(error.path))
            return None


def read_async_document(part: Part) -> AsyncApi:
    """What can be published by an AsyncAPI document that stands in a file; a fault at its place."""
    try:
        return read_async(parsed(part.text()), Payloads)
    except DocumentError as error:
        part.fault(f"the document {error}", "name a document of AsyncAPI 2 or 3 by ${file:PATH}, bundled into one")
