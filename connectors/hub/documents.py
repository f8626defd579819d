"""Documents that describe systems, OpenAPI and AsyncAPI: their references, which lead within the document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST_REFERENCES = 20  # one behind the other


class DocumentError(ValueError):
    """What is wrong with a document, and where."""


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
