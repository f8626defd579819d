"""JSON ↔ XML by one fixed mapping, so that a definition can speak XML without a mapping language.

| JSON | XML |
|---|---|
| object with one member | document; the member is its root element |
| member whose value is an object | child element with content |
| member whose value is an array | the element repeated, once per item |
| member `@name` | attribute (`@xmlns`, `@xmlns:p` declare namespaces) |
| member `#text` | text of an element that has attributes or children too |
| string, number, true, false | text |
| null | empty element |

Names are written with their prefixes, as they stand in the document. Back from XML all scalars are strings (XML has no
others), an empty element is null, and an element that occurs once is no array. Comments and processing instructions are
dropped. Refused: document types, entities, text between child elements. `read(write(value)) == value` for values that
have this form already.
"""

from __future__ import annotations

from typing import Any

from connectors.codecs import xml_reading, xml_writing
from connectors.codecs.xml_names import MAX_DEPTH, XmlError

__all__ = ["MAX_DEPTH", "XmlError", "read", "write"]


def write(value: Any, charset: str | None = None) -> bytes:
    """The document for an object with one member, with XML declaration. Raises CodecError, as XmlError mostly."""
    return xml_writing.write(value, charset)


def read(document: bytes, charset: str | None = None) -> dict[str, Any]:
    """The object for a document; `charset` goes before what the document declares. Raises CodecError."""
    return xml_reading.read(document, charset)
