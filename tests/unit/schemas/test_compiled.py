"""The fast lane gives what fastavro gives, or it steps aside: never anything else."""

import json
from io import BytesIO
from typing import Any

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.catalogue import Schema, current, parse
from schemas.codec import Codec, UndecodableRecord, UnknownSchemaId
from schemas.compiled import UncommonError, decoder, encoder
from schemas.messages import HISTORY_ENTRY
from schemas.payload import unwrapped
from schemas.released import Release, releases
from schemas.samples import sample
from schemas.wire import frame_prefix
from tests.unit.schemas.strategies import avro_values

PREFIX = frame_prefix(7)
CODEC = Codec.offline()
FAST = {name: (encoder(schema, PREFIX), decoder(schema)) for name, schema in current().items()}
EVERY_MESSAGE = pytest.mark.parametrize("name", current())
SOME = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def plain(schema: Schema, message: dict[str, Any]) -> bytes:
    body = BytesIO(PREFIX)
    body.seek(len(PREFIX))
    fastavro.schemaless_writer(body, schema, unwrapped(message))
    return body.getvalue()


@EVERY_MESSAGE
@SOME
@given(data=st.data())
def test_fast_bytes_are_those_of_fastavro(name: str, data: st.DataObject) -> None:
    encode, decode = FAST[name]
    message = data.draw(avro_values(current()[name]))
    assert encode is not None
    assert decode is not None
    raw = plain(current()[name], message)
    assert encode(message) == raw
    assert decode(raw) == message


@EVERY_MESSAGE
@SOME
@given(data=st.data())
def test_fields_that_are_passed_over_are_read_when_asked_for(name: str, data: st.DataObject) -> None:
    message = data.draw(avro_values(current()[name]))
    wanted = data.draw(st.sets(st.sampled_from(sorted(message))))
    raw = CODEC.encode(name, message)
    known, part = CODEC.sparing({name: wanted})(raw)
    assert (known, set(part)) == (name, wanted)
    assert dict(part) == {field: message[field] for field in wanted}
    assert {field: part[field] for field in message} == message
    with pytest.raises(KeyError):
        part["no such field"]
    for cut in (raw[:-1], raw + b"\0"):
        with pytest.raises(UndecodableRecord):
            CODEC.sparing({name: wanted})(cut)


@pytest.mark.parametrize("release", releases(), ids=lambda each: f"{each.name}-{each.version}")
def test_released_messages_are_read_in_part_as_they_are_in_full(release: Release) -> None:
    raw = bytes.fromhex(release.golden.read_text())
    name, whole = CODEC.decode(raw)
    known, part = CODEC.sparing({release.name: ()})(raw)
    assert (known, {field: part[field] for field in whole}) == (name, whole)


def test_id_that_is_not_known_has_to_be_learnt_first() -> None:
    with pytest.raises(UnknownSchemaId):
        CODEC.sparing({HISTORY_ENTRY: ()})(PREFIX + b"any")


@EVERY_MESSAGE
@SOME
@given(data=st.data())
def test_damaged_bytes_are_read_alike_or_not(name: str, data: st.DataObject) -> None:
    raw = bytearray(plain(current()[name], sample(current()[name])))
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(len(PREFIX), len(raw) - 1))
        raw[position] = data.draw(st.integers(0, 255))
    decode = FAST[name][1]
    assert decode is not None
    try:
        fast = decode(bytes(raw))
    except Exception:  # noqa: BLE001  # stepping aside may look like anything
        return
    assert repr(unwrapped(fast)) == repr(fastavro.schemaless_reader(BytesIO(raw[len(PREFIX) :]), current()[name], None))


@pytest.mark.parametrize("size", [0, 63, 64, 127, 128, 8_191, 8_192, 70_000])
def test_every_length_of_text_and_bytes_fits(size: int) -> None:
    schema = schema_of(("text", "string"), ("data", "bytes"))
    message = {"text": "x" * size, "data": b"y" * size}
    assert round_trip(schema, message) == message


@pytest.mark.parametrize("value", [0, -1, 63, -64, 64, -65, 8_191, 8_192, 2**31, -(2**63), 2**63 - 1])
def test_every_size_of_number_fits(value: int) -> None:
    assert round_trip(schema_of(("number", "long")), {"number": value}) == {"number": value}


@pytest.mark.parametrize("value", [1_795_719_946_914, -1_795_719_946_914, 2**41 - 1, -(2**41), 2**34, -(2**34) - 1])
def test_numbers_that_share_their_upper_bytes_are_told_apart(value: int) -> None:
    for near in (value, value + 1, value - 1, value ^ 0x1FFF, value):
        assert round_trip(schema_of(("number", "long")), {"number": near}) == {"number": near}


def test_number_of_another_type_is_not_taken_for_one_seen_before() -> None:
    encode = encoder(schema_of(("number", "long")), PREFIX)
    assert encode is not None
    encode({"number": 70_000})
    with pytest.raises(TypeError):
        encode({"number": 70_000.0})


@pytest.mark.parametrize("texts", [[], [""], ["new", "x" * 200, "new"], [str(n) for n in range(9_000)]])
def test_lists_of_texts_are_theirs_whether_remembered_or_not(texts: list[str]) -> None:
    schema = schema_of(("texts", {"type": "array", "items": "string"}))
    for _ in range(2):
        assert round_trip(schema, {"texts": texts}) == {"texts": texts}


@pytest.mark.parametrize("texts", [("a",), ["a", 1], ["a", None], [["a"]], "ab", {"a": "b"}])
def test_lists_of_something_else_step_aside(texts: Any) -> None:
    encode = encoder(schema_of(("texts", {"type": "array", "items": "string"})), PREFIX)
    assert encode is not None
    encode({"texts": ["a", "b"]})
    with pytest.raises((UncommonError, AttributeError, TypeError)):
        encode({"texts": texts})


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"number": 1, "more": 1},
        {"other": 1},
        {"number": 2**63},
        {"number": "1"},
        {"number": 1.5e9},
        {"number": None},
    ],
)
def test_message_that_does_not_fit_steps_aside(message: dict[str, Any]) -> None:
    encode = encoder(schema_of(("number", "long")), PREFIX)
    assert encode is not None
    with pytest.raises((UncommonError, KeyError, TypeError)):
        encode(message)


@pytest.mark.parametrize("body", [b"", b"\x80", b"\xff" * 11, b"\xff" * 9 + b"\x7f", b"\x02\x02"])
def test_number_that_is_not_whole_steps_aside(body: bytes) -> None:
    decode = decoder(schema_of(("number", "long")))
    assert decode is not None
    with pytest.raises((UncommonError, IndexError)):
        decode(PREFIX + body)


@pytest.mark.parametrize("body", [b"\x01", b"\x7f", b"\x04a", b"\xff\xff\xff\xff\xff\xff\xff\xff\x7fa", b"\x02\xff"])
def test_text_that_is_not_whole_steps_aside(body: bytes) -> None:
    decode = decoder(schema_of(("text", "string")))
    assert decode is not None
    with pytest.raises((UncommonError, IndexError, UnicodeDecodeError)):
        decode(PREFIX + body)


def test_blocks_with_their_size_step_aside() -> None:
    decode = decoder(schema_of(("items", {"type": "array", "items": "long"})))
    assert decode is not None
    with pytest.raises(UncommonError):
        decode(PREFIX + b"\x01\x02\x02\x00")


@pytest.mark.parametrize(
    "type_", ["float", ["null", "string", "long"], {"type": "enum", "name": "E", "symbols": ["A"]}]
)
def test_schema_that_is_not_covered_has_no_fast_lane(type_: Any) -> None:
    schema = schema_of(("field", type_))
    assert encoder(schema, PREFIX) is None
    assert decoder(schema) is None


def round_trip(schema: Schema, message: dict[str, Any]) -> Any:
    encode, decode = encoder(schema, PREFIX), decoder(schema)
    assert encode is not None
    assert decode is not None
    assert encode(message) == plain(schema, message)
    return decode(encode(message))


def schema_of(*fields: tuple[str, Any]) -> Schema:
    declared = [{"name": name, "type": type_} for name, type_ in fields]
    return parse(json.dumps({"type": "record", "name": "test.Sample", "fields": declared}))
