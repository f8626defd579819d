"""From XML to JSON, in one pass: the work grows with the length of the document and with nothing else.

The parser hands over names as they are written, so a prefix stays what the document says. What is declared is kept in
one table for the whole document, and each element takes back what it has declared when it ends. Names are those of the
fourth edition of XML 1.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from connectors.codecs import charsets
from connectors.codecs.xml_names import MAX_DEPTH, XML_NAMESPACE, XmlError, check_declaration, declared_by, is_name

WHITE = " \t\r\n"
_DECLARED = re.compile(rb"\s*<\?xml\s[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})[\"']")
_PROLOG = re.compile(r"(?>\s+|<\?(?>[^?]+|\?(?!>))*\?>|<!--(?>[^-]+|-(?!->))*-->)*+<!DOCTYPE")


def read(document: bytes, charset: str | None) -> dict[str, Any]:
    """The object for a document; `charset` goes before what the document declares. Raises CodecError."""
    text = charsets.decode(document, charset or _declared(document))
    if "<!DOCTYPE" in text and _PROLOG.match(text):  # before anything of it is parsed
        refuse_document_type()
    return _Reader().read(text)


def _declared(document: bytes) -> str | None:
    if b"\0" in document[:4] and charsets.marked(document) is None:
        return "utf-16-be" if document[:1] == b"\0" else "utf-16-le"
    found = _DECLARED.match(document)
    return found[1].decode() if found else None


@dataclass(slots=True)
class Element:
    """An element that has begun."""

    name: str
    members: dict[str, Any]
    outer: dict[str, str | None] = field(default_factory=dict)  # prefixes declared anew, with what they meant before
    texts: list[str] = field(default_factory=list)
    has_children: bool = False

    def content(self) -> Any:
        """What it stands for, now that it has ended: an object, a text or null."""
        text: str | None = "".join(self.texts) or None
        if text is not None and self.has_children and not text.strip(WHITE):
            text = None
        if not self.members:
            return text
        if text is not None:
            self.members["#text"] = text
        return self.members

    def add(self, name: str, value: Any, *, listed: bool = False) -> None:
        """Takes a child; what occurs again is a list, what is `listed` always."""
        self.has_children = True
        if name not in self.members:
            self.members[name] = [value] if listed else value
        elif isinstance(self.members[name], list):
            self.members[name].append(value)
        else:
            self.members[name] = [self.members[name], value]


def refuse_document_type(*said: Any) -> None:
    """What a parser calls for a document type: nothing of one is ever read."""
    raise XmlError("document types are not accepted")


class _Reader:
    """One document on its way through the parser."""

    def __init__(self) -> None:
        self._open: list[Element] = []
        self._namespaces: dict[str, str | None] = {"xml": XML_NAMESPACE}
        self._document: dict[str, Any] = {}

    def read(self, text: str) -> dict[str, Any]:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = refuse_document_type
        try:
            parser.Parse(text, True)
        except expat.ExpatError as error:
            raise XmlError(f"not well-formed at line {error.lineno}, column {error.offset + 1}") from None
        return self._document

    def _start(self, name: str, attributes: list[str]) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise XmlError(f"nested deeper than {MAX_DEPTH} elements")
        element = Element(name, {})
        if attributes:
            self._take(element, attributes)
        if ":" in name:
            self._resolve(name)
        self._open.append(element)

    def _take(self, element: Element, attributes: list[str]) -> None:
        pairs = list(zip(attributes[::2], attributes[1::2], strict=True))
        prefixed = []
        for name, value in pairs:
            prefix = declared_by(name)
            if prefix is None:
                element.members["@" + name] = value
                if ":" in name:
                    prefixed.append(name)
            elif self._namespaces.get(prefix) != value:
                check_declaration(prefix, value)
                element.outer[prefix] = self._namespaces.get(prefix)
                self._namespaces[prefix] = value
                element.members["@" + name] = value
        for name in prefixed:  # a prefix may be declared after it is used, in the same element
            self._resolve(name)

    def _resolve(self, name: str) -> None:
        if not is_name(name):
            raise XmlError(f"name {name!r}: it has more than one colon, or an empty part")
        prefix = name.partition(":")[0]
        if self._namespaces.get(prefix) is None:
            raise XmlError(f"name {name!r}: prefix {prefix!r} is not declared")

    def _text(self, text: str) -> None:
        element = self._open[-1]
        if not element.has_children:
            element.texts.append(text)
        elif text.strip(WHITE):
            raise XmlError(f"element {element.name!r}: text between child elements is not accepted")

    def _end(self, name: str) -> None:
        element = self._open.pop()
        if element.outer:
            self._namespaces.update(element.outer)
        if not self._open:
            self._document = {name: element.content()}
            return
        self._open[-1].add(name, element.content())
