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

Names are written with their prefixes. Back from XML all scalars are strings (XML has no others), an empty element is
null, and an element that occurs once is no array. Comments and processing instructions are dropped. Refused: document
types, entities, text between child elements. `read(write(value)) == value` for values that have this form already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree

MAX_DEPTH = 100
XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
Namespaces = Mapping[str | None, str]  # by prefix; None: the default


class XmlError(ValueError):
    """Not XML, or not in the mapping; the text holds element names at most."""


def write(value: Any, encoding: str = "utf-8") -> bytes:
    """The document for an object with one member, with XML declaration. Raises XmlError."""
    if not isinstance(value, dict) or len(value) != 1:
        raise XmlError("an object with one member, the root element, is expected")
    ((name, content),) = value.items()
    if isinstance(content, list):
        raise XmlError("a document has one root element, not an array")
    root = _element(None, name, content, {}, 1)
    try:
        return bytes(etree.tostring(root, encoding=encoding, xml_declaration=True))
    except LookupError:
        raise XmlError(f"encoding {encoding!r} is not known") from None


def read(document: bytes, encoding: str | None = None) -> dict[str, Any]:
    """The object for a document; `encoding` goes before what the document declares. Raises XmlError, LookupError."""
    parser = etree.XMLParser(
        encoding=encoding,
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise XmlError(f"not well-formed at line {line}, column {column}") from None
    if root.getroottree().docinfo.doctype:
        raise XmlError("document types are not accepted")
    return {_name(root): _content(root, {}, 1)}


def _element(parent: Any, name: str, content: Any, known: Namespaces, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise XmlError(f"nested deeper than {MAX_DEPTH} elements")
    members = content if isinstance(content, dict) else {"#text": content}
    declared = {_prefix(key): _namespace(uri, key) for key, uri in members.items() if _declares(key)}
    known = {**known, **declared}
    try:
        tag = _qualified(name, known, known.get(None))
        made = etree.Element(tag, nsmap=declared) if parent is None else etree.SubElement(parent, tag, nsmap=declared)
        _fill(made, name, members, known, depth)
    except ValueError as error:
        raise error if isinstance(error, XmlError) else XmlError(f"element {name!r}: not allowed in XML") from None
    return made


def _fill(element: Any, name: str, members: Mapping[str, Any], known: Namespaces, depth: int) -> None:
    for key, value in members.items():
        if key == "#text":
            element.text = _text(value, name)
        elif _declares(key):
            continue
        elif key.startswith("@"):
            element.set(_qualified(key[1:], known, None), _text(value, name) or "")
        else:
            for item in value if isinstance(value, list) else [value]:
                _element(element, key, item, known, depth + 1)


def _text(value: Any, name: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    raise XmlError(f"element {name!r}: an array or object cannot stand for text")


def _namespace(uri: Any, key: str) -> str:
    if isinstance(uri, str) and (uri or key == "@xmlns"):
        return uri
    raise XmlError(f"member {key!r}: a namespace is expected")


def _declares(key: str) -> bool:
    return key == "@xmlns" or key.startswith("@xmlns:")


def _prefix(key: str) -> str | None:
    return key.partition(":")[2] or None


def _qualified(name: str, known: Namespaces, default: str | None) -> str:
    prefix, colon, local = name.partition(":")
    if not colon:
        return f"{{{default}}}{name}" if default else name
    uri = XML_NAMESPACE if prefix == "xml" else known.get(prefix)
    if uri is None:
        raise XmlError(f"name {name!r}: prefix {prefix!r} is not declared; add a member '@xmlns:{prefix}'")
    return f"{{{uri}}}{local}"


def _name(element: Any) -> str:
    local = etree.QName(element).localname
    return f"{element.prefix}:{local}" if element.prefix else str(local)


def _content(element: Any, outer: Namespaces, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise XmlError(f"nested deeper than {MAX_DEPTH} elements")
    members = _attributes(element, outer)
    for child in element:
        if not isinstance(child.tag, str):
            raise XmlError(f"element {_name(element)!r}: entities are not accepted")
        _add(members, _name(child), _content(child, element.nsmap, depth + 1))
        if child.tail and child.tail.strip():
            raise XmlError(f"element {_name(element)!r}: text between child elements is not accepted")
    text = element.text if element.text and (len(element) == 0 or element.text.strip()) else None
    if not members:
        return text
    return members if text is None else {**members, "#text": text}


def _attributes(element: Any, outer: Namespaces) -> dict[str, Any]:
    declared = {key: uri for key, uri in element.nsmap.items() if outer.get(key) != uri}
    members: dict[str, Any] = {f"@xmlns:{key}" if key else "@xmlns": uri for key, uri in declared.items()}
    prefixes = {uri: key for key, uri in element.nsmap.items() if key} | {XML_NAMESPACE: "xml"}
    for name, value in element.attrib.items():
        qualified = etree.QName(name)
        prefix = f"{prefixes[qualified.namespace]}:" if qualified.namespace else ""
        members[f"@{prefix}{qualified.localname}"] = value
    return members


def _add(members: dict[str, Any], name: str, value: Any) -> None:
    if name not in members:
        members[name] = value
    elif isinstance(members[name], list):
        members[name].append(value)
    else:
        members[name] = [members[name], value]
