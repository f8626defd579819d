"""Documents that describe systems, OpenAPI and AsyncAPI: the argument that says whose, and their references, which lead
within the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.functions import Argument, Kind

MOST_REFERENCES = 20  # one behind the other


class DocumentError(ValueError):
    """What is wrong with a document, and where."""


def argument(connection: str, beside: str) -> Argument:
    """What a call says of a document; `connection` is that of the example, `beside` what it is, too."""
    return Argument(
        name="document",
        summary=f"Whose document: the connection, which {beside}, too.",
        kind=Kind.OBJECT,
        required=True,
        example=f"document: {{endpoint: 'connection://{connection}'}}",
        members=(
            Argument(
                name="endpoint",
                summary="The connection, as an address without a path.",
                kind=Kind.ADDRESS,
                required=True,
                example=f"endpoint: connection://{connection}",
            ),
        ),
    )


def mapping(document: Any, given: Any, place: str) -> Mapping[str, Any]:
    """The object that stands there, or where its reference leads. Raises DocumentError."""
    for _ in range(MOST_REFERENCES):
        if not isinstance(given, dict):
            raise DocumentError(f"{place}: not an object")
        reference = given.get("$ref")
        if not isinstance(reference, str):
            return given
        given = _referred(document, reference, place)
    raise DocumentError(f"{place}: its references lead in a circle")


def _referred(document: Any, reference: str, place: str) -> Any:
    if not reference.startswith("#/"):
        raise DocumentError(f"{place}: a reference leads out of the document; bundle it into one file")
    value = document
    for part in reference[2:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, dict) or key not in value:
            raise DocumentError(f"{place}: a reference leads nowhere")
        value = value[key]
    return value
