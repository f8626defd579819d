"""Names in XML, as both directions of the mapping know them."""

from __future__ import annotations

import re

from connectors.codecs.scalars import CodecError

MAX_DEPTH = 100
XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"

_START = (
    "A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f\u2c00-\u2fef"
    "\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_LOCAL = f"[{_START}][{_START}0-9.\u00b7\u0300-\u036f\u203f\u2040-]*"
is_name = re.compile(f"(?:{_LOCAL}:)?{_LOCAL}").fullmatch  # with at most one prefix


class XmlError(CodecError):
    """Not XML, or not in the mapping; the text holds element names at most."""


def prefix_of(name: str) -> str:
    """The prefix of a qualified name, or nothing."""
    return name.partition(":")[0] if ":" in name else ""


def declared_by(name: str) -> str | None:
    """The prefix that an attribute of this name declares, empty for the default; None if it declares none."""
    if not name.startswith("xmlns"):
        return None
    if name == "xmlns":
        return ""
    return name[6:] if name[5] == ":" else None


def check_declaration(prefix: str, uri: str) -> None:
    """Raises XmlError for a declaration that says nothing, or gives a name to what has another."""
    if prefix and not uri:
        raise XmlError(f"prefix {prefix!r}: a namespace is expected")
    if prefix == "xmlns" or (prefix == "xml") != (uri == XML_NAMESPACE):
        raise XmlError(f"prefix {prefix!r}: its namespace is reserved")
