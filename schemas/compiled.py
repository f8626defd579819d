"""Encoders and decoders made for one schema each: the fast lane of the codec, for messages in the common case.

A general Avro library looks at the schema again for every value. Here it is looked at once, and Python source in which
nothing is left to decide is made from it, as `dataclasses` does. A StepCommand with 1 KB of arguments takes 1.6 µs to
encode and 2.7 µs to decode, against 7.7 µs and 6.2 µs of fastavro's C code on the same machine.

The fast lane never has the last word. Whatever is not the common case (a type that is not covered here, a value that
does not fit, bytes that are not whole) raises, and the codec lets fastavro read it or say what is wrong. Covered
are the types that our messages are made of.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import count
from operator import index
from struct import Struct
from textwrap import indent
from typing import Any, Final

from schemas.catalogue import Schema
from schemas.payload import ATTRIBUTE, Payload
from schemas.wire import HEADER_BYTES

Encoder = Callable[[Mapping[str, Any]], bytes]
Decoder = Callable[[bytes], dict[str, Any]]
_Encoding = tuple[list[str], list[str]]  # source lines, and expressions of bytes

_DATE: Final = {"type": "int", "logicalType": "date"}
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_DOUBLE: Final = Struct("<d")
_LONGEST_VARINT_BYTES: Final = 10
_LONGEST_REMEMBERED_BYTES: Final = 128
_TABLE_SIZE: Final = 8_192  # lengths and counters that take one or two bytes on the wire


class UncommonError(Exception):
    """Not the common case: fastavro has to look at it."""


class _NotCoveredError(Exception):
    """The schema contains a type that has no fast lane."""


def encoder(schema: Schema, prefix: bytes) -> Encoder | None:
    """Makes the function from a message to `prefix` and Avro body; None where `schema` has a type that is not covered.

    The function raises (anything) where a message is not the common case.
    """
    try:
        lines, parts = _EncoderSource(schema).record(schema, "message")
    except _NotCoveredError:
        return None
    body = [*lines, f"return JOIN((PREFIX, {', '.join(parts)},))"]
    compiled: Encoder = _function("message", body, _ENCODER_NAMES | {"PREFIX": prefix})
    return compiled


def decoder(schema: Schema) -> Decoder | None:
    """Makes the function from a framed value to its message; None where `schema` has a type that is not covered.

    The function raises (anything) where the value is not the common case, and always where it is cut or goes on.
    """
    try:
        lines, result = _DecoderSource(schema).value(schema)
    except _NotCoveredError:
        return None
    return _decode_function(lines, result)


class Part(dict[str, Any]):
    """A message of which only some fields were read. Who asks for another by `[...]` gets it: it is read then.

    What was passed over was not looked into, so asking may find that it cannot be read.
    """

    __slots__ = ("raw", "read")
    raw: bytes
    read: Callable[[bytes, str], Any]

    def __missing__(self, field: str) -> Any:
        self[field] = value = self.read(self.raw, field)
        return value


def part_decoder(schema: Schema, fields: Collection[str]) -> Decoder | None:
    """As `decoder`, for these fields of a record only: the others are passed over."""
    try:
        lines, result = _DecoderSource(schema).part(schema, fields)
    except _NotCoveredError:
        return None
    return _decode_function(lines, result)


def _decode_function(lines: Sequence[str], result: str) -> Decoder:
    check = ["if at != len(raw):", "    raise UncommonError"]
    body = [f"at = {HEADER_BYTES}", *lines, *check, f"return {result}"]
    compiled: Decoder = _function("raw", body, _DECODER_NAMES)
    return compiled


class _Source:
    """What both directions share: fresh names for variables, and records that the schema refers to by name."""

    def __init__(self, schema: Schema) -> None:
        self._named: Mapping[str, Schema] = schema["__named_schemas"]
        self._fresh: Iterator[str] = (f"v{number}" for number in count())

    def _resolved(self, schema: Any) -> Any:
        return self._named.get(schema, schema) if isinstance(schema, str) else schema


class _EncoderSource(_Source):
    """Source lines that get a value ready, and the expressions that are its bytes, one after the other.

    Not a list that grows: to call `append` for each of some thirty parts of a message costs a third of its encoding.
    """

    def record(self, schema: Schema, variable: str) -> _Encoding:
        """Taking every field by name from as many fields as there are leaves no room for an unknown one."""
        lines = [f"if len({variable}) != {len(schema['fields'])}:", "    raise UncommonError"]
        parts: list[str] = []
        for field in schema["fields"]:
            fresh = next(self._fresh)
            more, bytes_of = self.value(_type_of(field), fresh)
            lines += [f"{fresh} = {variable}[{field['name']!r}]", *more]
            parts += bytes_of
        return lines, parts

    def value(self, schema: Any, variable: str) -> _Encoding:
        match self._resolved(schema):
            case "string":
                return [], [f"(TEXTS.get({variable}) or text({variable}))"]
            case "bytes":
                return [f"if type({variable}) is not bytes:", "    raise UncommonError"], _sized(variable)
            case "payload":
                unwrap = [
                    f"if type({variable}) is not Payload:",
                    "    raise UncommonError",
                    f"{variable} = {variable}.raw",
                ]
                return unwrap, _sized(variable)
            case "int" | "long" as kind:
                return [], [f"(SMALL[{variable}] if 0 <= {variable} < {_TABLE_SIZE} else {kind}({variable}))"]
            case "double":
                return [], [f"double({variable})"]
            case "boolean":
                check = [f"if type({variable}) is not bool:", "    raise UncommonError"]
                return check, [f"(b'\\x01' if {variable} else b'\\x00')"]
            case schema if schema == _DATE:
                return [], [f"long({variable}.toordinal() - {_EPOCH_DAY})"]
            case ["null", other]:
                return self._nullable(other, variable)
            case {"type": "record"} as record:
                return self.record(record, variable)
            case {"type": "array", "items": items}:
                return self._array(items, variable)
            case {"type": "map", "values": values}:
                return self._map(values, variable)
            case _:
                raise _NotCoveredError

    def _nullable(self, other: Any, variable: str) -> _Encoding:
        fresh = next(self._fresh)
        lines, parts = self.value(other, variable)
        some = [*lines, f"{fresh} = " + _joined(["b'\\x02'", *parts])]
        return [f"if {variable} is None:", f"    {fresh} = b'\\x00'", "else:", *_indented(some)], [fresh]

    def _array(self, items: Any, variable: str) -> _Encoding:
        item = next(self._fresh)
        lines, parts = self.value(items, item)
        check = [f"if type({variable}) is not list:", "    raise UncommonError"]
        if self._resolved(items) == "string":
            fresh = next(self._fresh)
            return [*check, f"{fresh} = texts({variable})"], [fresh]
        block, bytes_of = self._block(variable, f"for {item} in {variable}:", lines, parts)
        return [*check, *block], bytes_of

    def _map(self, values: Any, variable: str) -> _Encoding:
        key, item = next(self._fresh), next(self._fresh)
        (key_lines, key_parts), (lines, parts) = self.value("string", key), self.value(values, item)
        each = f"for {key}, {item} in {variable}.items():"
        return self._block(variable, each, [*key_lines, *lines], [*key_parts, *parts])

    def _block(self, variable: str, each: str, lines: Sequence[str], parts: Sequence[str]) -> _Encoding:
        """One block with all items, if there are any, and the empty block that ends an array or a map."""
        fresh = next(self._fresh)
        body = [f"{fresh} = [long(len({variable}))]", each, *_indented([*lines, f"{fresh} += ({', '.join(parts)},)"])]
        some = [*body, f"{fresh}.append(b'\\x00')", f"{fresh} = JOIN({fresh})"]
        return [f"if {variable}:", *_indented(some), "else:", f"    {fresh} = b'\\x00'"], [fresh]


class _DecoderSource(_Source):
    """Source lines that read a value at position `at`, which they move, and the expression that is the value."""

    def value(self, schema: Any) -> tuple[list[str], str]:
        fresh = next(self._fresh)
        match self._resolved(schema):
            case "string":
                return [*_read_size(), f"{fresh} = raw[at:at + size].decode()", "at += size"], fresh
            case "bytes":
                return [*_read_size(), f"{fresh} = raw[at:at + size]", "at += size"], fresh
            case "payload":
                return [*_read_size(), f"{fresh} = Payload(raw[at:at + size])", "at += size"], fresh
            case "int" | "long" as kind:
                return _read_number(fresh, kind), fresh
            case "double":
                return [f"({fresh},) = double(raw, at)", "at += 8"], fresh
            case "boolean":
                return ["if raw[at] > 1:", "    raise UncommonError", f"{fresh} = raw[at] == 1", "at += 1"], fresh
            case schema if schema == _DATE:
                return [*_read_number(fresh, "int"), f"{fresh} = day({fresh} + {_EPOCH_DAY})"], fresh
            case ["null", other]:
                return self._nullable(other, fresh), fresh
            case {"type": "record", "fields": fields}:
                return self._record(fields)
            case {"type": "array", "items": items}:
                lines, item = self.value(items)
                return [f"{fresh} = []", *self._blocks([*lines, f"{fresh}.append({item})"])], fresh
            case {"type": "map", "values": values}:
                (key_lines, key), (lines, item) = self.value("string"), self.value(values)
                return [f"{fresh} = {{}}", *self._blocks([*key_lines, *lines, f"{fresh}[{key}] = {item}"])], fresh
            case _:
                raise _NotCoveredError

    def part(self, record: Schema, wanted: Collection[str]) -> tuple[list[str], str]:
        """Of a record, some fields; lines that pass over what stands between them."""
        lines, items = [], []
        for field in record["fields"]:
            if field["name"] in wanted:
                more, result = self.value(_type_of(field))
                items.append(f"{field['name']!r}: {result}")
            else:
                more = self._passed_over(field["type"])
            lines += more
        return lines, f"Part({{{', '.join(items)}}})"

    def _passed_over(self, schema: Any) -> list[str]:
        """Lines that move `at` behind a value."""
        match self._resolved(schema):
            case "string" | "bytes":
                return [*_read_size(), "at += size"]
            case "double":
                return ["at += 8"]
            case "boolean":
                return ["at += 1"]
            case kind if kind in ("int", "long") or kind == _DATE:
                return ["while raw[at] > 0x7F:", "    at += 1", "at += 1"]
            case ["null", other]:
                return _branches(["pass"], self._passed_over(other))
            case {"type": "record", "fields": fields}:
                return [line for field in fields for line in self._passed_over(field["type"])]
            case {"type": "array", "items": items}:
                return self._blocks(self._passed_over(items))
            case {"type": "map", "values": values}:
                return self._blocks([*self._passed_over("string"), *self._passed_over(values)])
            case _:
                raise _NotCoveredError

    def _record(self, fields: Sequence[Schema]) -> tuple[list[str], str]:
        read = [(field["name"], *self.value(_type_of(field))) for field in fields]
        items = ", ".join(f"{name!r}: {result}" for name, _, result in read)
        return [line for _, lines, _ in read for line in lines], f"{{{items}}}"

    def _nullable(self, other: Any, fresh: str) -> list[str]:
        lines, result = self.value(other)
        return _branches([f"{fresh} = None"], [*lines, f"{fresh} = {result}"])

    def _blocks(self, item: list[str]) -> list[str]:
        """Items come in counted blocks, the last of which is empty; blocks that state their size are not common."""
        left = next(self._fresh)
        body = [f"for _ in range({left}):", *_indented(item), *_read_number(left)]
        check = [f"if {left} < 0:", "    raise UncommonError"]
        return [*_read_number(left), f"while {left}:", *_indented([*check, *body])]


def _type_of(field: Schema) -> Any:
    """The type of a field; bytes that are data of the business count as a type of their own."""
    if not field.get(ATTRIBUTE):
        return field["type"]
    return "payload" if field["type"] == "bytes" else ["null", "payload"]


def _sized(variable: str) -> list[str]:
    return [f"(SMALL[size] if (size := len({variable})) < {_TABLE_SIZE} else long(size))", variable]


def _joined(parts: Sequence[str]) -> str:
    return " + ".join(parts) if len(parts) <= 2 else f"JOIN(({', '.join(parts)}))"


def _branches(none: Sequence[str], some: Sequence[str]) -> list[str]:
    """What is done where a value that may be null is, and where it is not."""
    return [
        "branch = raw[at]",
        "at += 1",
        "if branch == 0:",
        *_indented(none),
        "elif branch == 2:",
        *_indented(some),
        "else:",
        "    raise UncommonError",
    ]


def _read_size() -> list[str]:
    """A size in one byte by table; a negative one is an error, which `long` or the table finds."""
    return [
        "size = SIZES[raw[at]]",
        "at += 1",
        "if size < 0:",
        "    size, at = long(raw, at)",
        "    if size < 0:",
        "        raise UncommonError",
    ]


def _read_number(variable: str, kind: str = "long") -> list[str]:
    return [
        f"{variable} = NUMBERS[raw[at]]",
        "at += 1",
        f"if {variable} is None:",
        f"    {variable}, at = {kind}(raw, at)",
    ]


def _indented(lines: Sequence[str]) -> list[str]:
    return indent("\n".join(lines), "    ").split("\n")


def _function(argument: str, body: Sequence[str], names: Mapping[str, Any]) -> Any:
    """Compiles the function. Only schemas of our own become source, and their names only as quoted text."""
    source = "\n".join([f"def compiled({argument}):", *_indented(body)])
    namespace = dict(names)
    exec(source, namespace)
    return namespace["compiled"]


def _encode_int(value: int) -> bytes:
    if not -(2**31) <= value < 2**31:
        raise UncommonError
    return _encode_long(value)


@lru_cache(_TABLE_SIZE, typed=True)  # times come again and again; 1.0 is not 1
def _encode_long(value: int) -> bytes:
    value = index(value)
    if not -(2**63) <= value < 2**63:
        raise UncommonError
    zigzag = (value << 1) ^ (value >> 63)
    out = bytearray()
    while zigzag > 0x7F:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


def _encode_text(value: str) -> bytes:
    """A text with its size, remembered: names, digests and the ids of what is under way come again and again."""
    raw = value.encode()
    sized = _encode_long(len(raw)) + raw
    if len(raw) <= _LONGEST_REMEMBERED_BYTES:
        if len(_TEXTS) >= _TABLE_SIZE:
            _TEXTS.clear()
        _TEXTS[value] = sized
    return sized


def _encode_texts(values: list[str]) -> bytes:
    """A list of texts, which are mostly names: of routes, say, of which a model may have hundreds."""
    if not values:
        return b"\x00"
    try:
        sized = b"".join(map(_TEXTS.__getitem__, values))
    except KeyError:  # some are new, or too long to be remembered
        sized = b"".join([_TEXTS.get(each) or _encode_text(each) for each in values])
    return _encode_long(len(values)) + sized + b"\x00"


def _decode_long(raw: bytes, at: int) -> tuple[int, int]:
    """The number whose first byte stands before `at`, and the position behind it."""
    byte, second = raw[at - 1], raw[at]
    if second <= 0x7F:
        zigzag = byte & 0x7F | second << 7
        return (zigzag >> 1) ^ -(zigzag & 1), at + 1
    upper = _UPPER.get(raw[at + 1 : at + 5])
    if upper is not None:
        zigzag = byte & 0x7F | (second & 0x7F) << 7 | upper
        return (zigzag >> 1) ^ -(zigzag & 1), at + 5
    value, behind = _decode_any_long(raw, at)
    if behind == at + 5:
        if len(_UPPER) >= _TABLE_SIZE:
            _UPPER.clear()
        _UPPER[raw[at + 1 : behind]] = (value << 1 ^ value >> 63) >> 14 << 14
    return value, behind


def _decode_any_long(raw: bytes, at: int) -> tuple[int, int]:
    """As `_decode_long`, byte by byte."""
    byte = raw[at - 1]
    zigzag = byte & 0x7F
    for shift in range(7, 7 * _LONGEST_VARINT_BYTES, 7):
        if byte <= 0x7F:
            break
        byte = raw[at]
        at += 1
        zigzag |= (byte & 0x7F) << shift
    if byte > 0x7F or zigzag >= 2**64:
        raise UncommonError
    return (zigzag >> 1) ^ -(zigzag & 1), at


def _decode_int(raw: bytes, at: int) -> tuple[int, int]:
    """As `_decode_long`, of a number of 32 bits."""
    value, at = _decode_long(raw, at)
    if not -(2**31) <= value < 2**31:
        raise UncommonError
    return value, at


_NUMBERS: Final = tuple((byte >> 1) ^ -(byte & 1) if byte < 0x80 else None for byte in range(256))
"""The number in one byte by that byte; None where more bytes follow."""

_TEXTS: Final[dict[str, bytes]] = {}

_UPPER: Final[dict[bytes, int]] = {}
"""What the last four bytes of a number in six say of it. Times of today are such numbers; these bytes of them are the
same for some seconds."""

_ENCODER_NAMES: Final[dict[str, Any]] = {
    "SMALL": tuple(map(_encode_long.__wrapped__, range(_TABLE_SIZE))),
    "TEXTS": _TEXTS,
    "JOIN": b"".join,
    "text": _encode_text,
    "texts": _encode_texts,
    "int": _encode_int,
    "long": _encode_long,
    "double": _DOUBLE.pack,
    "Payload": Payload,
    "UncommonError": UncommonError,
}
_DECODER_NAMES: Final[dict[str, Any]] = {
    "NUMBERS": _NUMBERS,
    "SIZES": tuple(-1 if number is None else number for number in _NUMBERS),
    "int": _decode_int,
    "long": _decode_long,
    "double": _DOUBLE.unpack_from,
    "Payload": Payload,
    "Part": Part,
    "day": date.fromordinal,
    "UncommonError": UncommonError,
}
