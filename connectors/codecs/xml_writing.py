"""From JSON to XML, in one pass: names are written as they are given, once their prefix is known to be declared."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from connectors.codecs import charsets
from connectors.codecs.scalars import CodecError, text
from connectors.codecs.xml_names import MAX_DEPTH, XML_NAMESPACE, XmlError, check_declaration, declared_by, is_name

Namespaces = ChainMap[str, str]  # by prefix; empty: the default
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile("[&<>\r]")
_SPECIAL_IN_ATTRIBUTE = re.compile('[&<>"\t\n\r]')
_TAG = re.compile("<[^>]*")  # neither texts nor attributes have < and >
_QUOTED = re.compile('"[^"]*"')
_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def write(value: Any, charset: str | None) -> bytes:
    """The document for an object with one member, with XML declaration. Raises CodecError."""
    if not isinstance(value, dict) or len(value) != 1:
        raise XmlError("an object with one member, the root element, is expected")
    ((name, content),) = value.items()
    if isinstance(content, list):
        raise XmlError("a document has one root element, not an array")
    charset = charset or charsets.UTF8
    encoding = charsets.known(charset)
    parts: list[str] = []
    _element(parts, name, content, ChainMap({"xml": XML_NAMESPACE}), 1)
    document = "".join(parts)
    if not document.isascii():
        document = _written(document, encoding)
    return f"<?xml version='1.0' encoding='{charset}'?>\n{document}".encode(encoding)


def _written(document: str, encoding: str) -> str:
    """The document with references for the characters that the encoding lacks; names cannot have them."""
    try:
        document.encode(encoding)
    except UnicodeError:
        made = document.encode(encoding, "xmlcharrefreplace").decode(encoding)
        tags = (_QUOTED.sub("", tag) for tag in _TAG.findall(made))
        if any("&" in tag for tag in tags):
            raise XmlError(f"a name has characters that {encoding} does not have") from None
        return made
    return document


def _element(parts: list[str], name: str, content: Any, known: Namespaces, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise XmlError(f"nested deeper than {MAX_DEPTH} elements")
    if not isinstance(content, dict):
        _check(name, known)
        text = _text(name, content)
        parts.append(f"<{name}>{text}</{name}>" if text else f"<{name}/>")
        return
    known = _with_declared(content, known)
    _check(name, known)
    parts.append(f"<{name}")
    parts += [_attribute(name, key[1:], value, known) for key, value in content.items() if key.startswith("@")]
    parts.append(">")
    begun = len(parts)
    _inner(parts, name, content, known, depth)
    if len(parts) > begun:
        parts.append(f"</{name}>")
    else:
        parts[-1] = "/>"


def _inner(parts: list[str], element: str, members: Mapping[str, Any], known: Namespaces, depth: int) -> None:
    """What stands between the tags: the text comes first, as that is where it is read."""
    if text := _text(element, members.get("#text")):
        parts.append(text)
    for key, value in members.items():
        if key == "#text" or key.startswith("@"):
            continue
        if isinstance(value, list):
            for item in value:
                _element(parts, key, item, known, depth + 1)
        else:
            _element(parts, key, value, known, depth + 1)


def _text(element: str, value: Any) -> str:
    return _SPECIAL.sub(_escape, _scalar(element, value))


def _attribute(element: str, name: str, value: Any, known: Namespaces) -> str:
    if declared_by(name) is None:
        _check(name, known)
    return f' {name}="{_SPECIAL_IN_ATTRIBUTE.sub(_escape, _scalar(element, value))}"'


def _with_declared(members: Mapping[str, Any], known: Namespaces) -> Namespaces:
    declared: dict[str, str] = {}
    for key, uri in members.items():
        prefix = declared_by(key[1:]) if key.startswith("@xmlns") else None
        if prefix is None:
            continue
        if not isinstance(uri, str):
            raise XmlError(f"member {key!r}: a namespace is expected")
        if prefix and not is_name(prefix):
            raise XmlError(f"member {key!r}: no name in XML")
        check_declaration(prefix, uri)
        declared[prefix] = uri
    return known.new_child(declared) if declared else known


def _check(name: str, known: Namespaces) -> None:
    if not is_name(name):
        raise XmlError(f"{name!r} is no name in XML")
    prefix, colon, _ = name.partition(":")
    if colon and prefix not in known:
        raise XmlError(f"name {name!r}: prefix {prefix!r} is not declared; add a member '@xmlns:{prefix}'")


def _scalar(element: str, value: Any) -> str:
    if value is None:
        return ""
    try:
        written = text(value)
    except CodecError:
        raise XmlError(f"element {element!r}: an array or object cannot stand for text") from None
    if _FORBIDDEN.search(written):
        raise XmlError(f"element {element!r}: it has characters that XML does not have")
    return written


def _escape(found: re.Match[str]) -> str:
    return _ESCAPED[found[0]]


def element(name: str, content: Any, namespaces: Mapping[str, str], depth: int) -> str:
    """One element that stands in a document where these prefixes are declared. Raises CodecError."""
    parts: list[str] = []
    _element(parts, name, content, ChainMap({"xml": XML_NAMESPACE, **namespaces}), depth)
    return "".join(parts)


def attributes(namespaces: Mapping[str, str]) -> str:
    """The declarations of prefixes, as they stand in a tag. Raises CodecError."""
    known = ChainMap({"xml": XML_NAMESPACE})
    names = {f"@xmlns:{prefix}" if prefix else "@xmlns": uri for prefix, uri in namespaces.items()}
    known = _with_declared(names, known)
    return "".join(_attribute("", name[1:], uri, known) for name, uri in names.items())
