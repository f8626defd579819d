"""XML as records: the elements of one name, wherever they stand, found without reading all of the document.

Names have the prefixes of the format, whatever those of the document are: it is the namespace that counts. An element
of `lists` is a list also where it occurs once. Behind what is not well-formed nothing can be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO
from xml.parsers import expat

from connectors.codecs import xml_writing
from connectors.codecs.records.contract import MAX_RECORD_BYTES, START, FormatError, Position, Record, broken, written
from connectors.codecs.records.layout import line, only
from connectors.codecs.records.lines import TOO_LONG
from connectors.codecs.scalars import CodecError
from connectors.codecs.xml_names import MAX_DEPTH, XML_NAMESPACE, XmlError, is_name
from connectors.codecs.xml_reading import WHITE, Element, refuse_document_type

MEMBERS = ("type", "record", "root", "namespaces", "lists")
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class XmlRecords:
    """The elements `record` of documents; what is written has them in one element `root`."""

    record: str
    root: str
    namespaces: Mapping[str, str]  # by prefix; empty: the default
    lists: frozenset[str]

    def read(self, source: BinaryIO, start: Position = START) -> Iterator[Record]:
        """As `Format.read`; what was before `start` is passed over."""
        source.seek(0)
        reading = _Reading(self)
        fed, ended = 0, False
        while not ended:
            chunk = source.read(_CHUNK)
            fed, ended = fed + len(chunk), not chunk
            fault = reading.feed(chunk)
            yield from (each for each in reading.taken() if each.at.number >= start.number)
            if not fault and fed - max(reading.parser.CurrentByteIndex, 0) > MAX_RECORD_BYTES:
                fault = f"byte {reading.parser.CurrentByteIndex}: {TOO_LONG}"
            if fault:
                yield broken(reading.place, reading.place, fault, fatal=True)
                return

    def write(self, values: Iterable[Any], sink: BinaryIO) -> int:
        """As `Format.write`, in UTF-8."""
        begin = f"<?xml version='1.0' encoding='utf-8'?>\n<{self.root}{xml_writing.attributes(self.namespaces)}>\n"
        sink.write(begin.encode())
        count = 0
        for value in values:
            try:
                sink.write(xml_writing.element(self.record, value, self.namespaces, 2).encode() + b"\n")
            except CodecError as error:
                raise written(count + 1, error) from None
            count += 1
        sink.write(f"</{self.root}>\n".encode())
        return count


class _Reading:
    """One document on its way through the parser."""

    def __init__(self, format_: XmlRecords) -> None:
        self._format = format_
        self._prefixes = {uri: prefix for prefix, uri in format_.namespaces.items()} | {XML_NAMESPACE: "xml"}
        self._bare = "" not in format_.namespaces
        self._names: dict[str, str | None] = {}
        self._open: list[Element] = []  # of the record
        self._depth = 0
        self._inside = 0  # how deep the record begins; 0 outside of one
        self._fault = ""  # of the record
        self._begin = START
        self._found: list[Record] = []
        self._count = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.ordered_attributes = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = refuse_document_type

    @property
    def place(self) -> Position:
        """Where the parser is."""
        return Position(self._count, max(self.parser.CurrentByteIndex, 0), self.parser.CurrentLineNumber)

    def feed(self, chunk: bytes) -> str:
        """Reads on; gives what ends the reading."""
        try:
            self.parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            return f"line {error.lineno}, column {error.offset + 1}: not well-formed"
        except (XmlError, ValueError, LookupError) as error:  # of a charset that is not known
            what = error if isinstance(error, XmlError) else "its charset is not one that is known"
            return f"line {self.parser.CurrentLineNumber}: {what}"
        return ""

    def taken(self) -> list[Record]:
        """The records that have ended since."""
        found, self._found = self._found, []
        return found

    def _name(self, name: str, *, attribute: bool = False) -> str | None:
        uri, blank, local = name.rpartition(" ")
        if not blank:
            return local if attribute or self._bare else None
        prefix = self._prefixes.get(uri)
        if prefix is None or (attribute and not prefix):
            return None
        return f"{prefix}:{local}" if prefix else local

    def _known(self, name: str) -> str:
        known = self._names.get(name, "")
        if known == "":
            known = self._names[name] = self._name(name)
            if len(self._names) > 10_000:
                self._names.clear()
        if known is None:
            self._wrong("an element is of a namespace that the format does not name")
        return known or "?"

    def _wrong(self, fault: str) -> None:
        if self._inside and not self._fault:
            self._fault = f"line {self.parser.CurrentLineNumber}: {fault}"

    def _start(self, name: str, attributes: list[str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise XmlError(f"nested deeper than {MAX_DEPTH} elements")
        if not self._inside:
            if self._name(name) != self._format.record:
                return
            self._inside, self._fault, self._begin = self._depth, "", self.place
        members = {}
        for number in range(0, len(attributes), 2):
            known = self._name(attributes[number], attribute=True)
            if known is None:
                self._wrong("an attribute is of a namespace that the format does not name")
            else:
                members[f"@{known}"] = attributes[number + 1]
        self._open.append(Element(self._known(name), members))
        if self.parser.CurrentByteIndex - self._begin.offset > MAX_RECORD_BYTES:
            self._forget()

    def _text(self, text: str) -> None:
        if not self._inside:
            return
        element = self._open[-1]
        if not element.has_children:
            element.texts.append(text)
        elif text.strip(WHITE):
            self._wrong("text between child elements")
        if self.parser.CurrentByteIndex - self._begin.offset > MAX_RECORD_BYTES:
            self._forget()

    def _end(self, name: str) -> None:
        self._depth -= 1
        if not self._inside:
            return
        element = self._open.pop()
        content = element.content()
        if self._depth >= self._inside:
            parent = self._open[-1]
            if not parent.has_children and "".join(parent.texts).strip(WHITE):
                self._wrong("text between child elements")
            parent.add(element.name, content, listed=element.name in self._format.lists)
            return
        self._inside = 0
        following = Position(self._count + 1, self.place.offset, self.place.line)
        at = self._begin._replace(number=self._count)
        self._found.append(broken(at, following, self._fault) if self._fault else Record(content, at, following))
        self._count += 1

    def _forget(self) -> None:
        self._wrong(TOO_LONG)
        for each in self._open:
            each.members, each.texts = {}, []


def xml_records(spec: Mapping[str, Any], place: str) -> XmlRecords:
    """What a description means; raises FormatError."""
    only(spec, place, MEMBERS)
    namespaces = spec.get("namespaces", {})
    if not isinstance(namespaces, Mapping) or not all(isinstance(each, str) for each in namespaces.values()):
        raise FormatError(f"{place}.namespaces", "no mapping of prefixes", "write {o: 'urn:example:orders'}")
    if len(set(namespaces.values())) < len(namespaces):
        raise FormatError(f"{place}.namespaces", "two prefixes are the same namespace", "keep one of them")
    try:
        xml_writing.attributes(namespaces)
    except CodecError as error:
        raise FormatError(f"{place}.namespaces", str(error), "write {o: 'urn:example:orders'}") from None
    lists = spec.get("lists", [])
    if not isinstance(lists, list) or not all(isinstance(each, str) for each in lists):
        raise FormatError(f"{place}.lists", "no list of names", "write [line, item]")
    names = line(spec, "record", place, ""), line(spec, "root", place, "records")
    for name in names:
        prefix = name.partition(":")[0] if ":" in name else ""
        if not is_name(name) or (prefix and prefix not in namespaces):
            raise FormatError(place, f"{name[:70]!r} is no name of an element here", "declare its prefix in namespaces")
    return XmlRecords(*names, dict(namespaces), frozenset(lists))
