"""The codec: what goes in comes out, what cannot be read is said so, and no text of ours repeats a payload."""

import json
import struct
from decimal import Decimal
from io import BytesIO
from typing import Any

import fastavro
import pytest
from fastavro.validation import validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.catalogue import Schema, current, parse, text
from schemas.codec import Codec, UndecodableRecord, UnencodableMessageError, UnknownSchemaId
from schemas.messages import DECISION, HISTORY_ENTRY, STEP_RESULT, TIMER_FIRED
from schemas.payload import unwrapped, wrapped
from schemas.released import SchemaIds, fixed_ids
from schemas.samples import sample
from schemas.wire import frame_prefix
from tests.unit.schemas.strategies import avro_values

CODEC = Codec.offline()
TIMER = {"instance_id": "ab" * 16, "due_ms": 1_700_000_000_000}
SECRET = "Mustermann"


@pytest.mark.parametrize("name", current())
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_message_survives_the_round_trip(name: str, data: st.DataObject) -> None:
    message = data.draw(avro_values(current()[name]))
    assert CODEC.decode(CODEC.encode(name, message)) == (name, message)


@pytest.mark.parametrize("name", current())
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_value_is_frame_and_plain_avro(name: str, data: st.DataObject) -> None:
    message = data.draw(avro_values(current()[name]))
    plain = BytesIO()
    fastavro.schemaless_writer(plain, current()[name], unwrapped(message))
    assert CODEC.encode(name, message) == struct.pack(">bI", 0, fixed_ids().current[name]) + plain.getvalue()


def test_missing_nullable_field_takes_its_default() -> None:
    result = {"instance_id": "a", "pointer": "/do/0", "iteration": 0, "attempt": 0, "status": "completed"}
    assert CODEC.decode(CODEC.encode(STEP_RESULT, result))[1] == result | {
        "output": None,
        "error": None,
        "taken_ms": None,
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"due_ms": "soon"}, "due_ms"),
        ({"due_ms": None}, "due_ms"),
        ({"due_ms": 1.5}, "due_ms does not take this float"),
        ({"due_ms": 2**63}, "due_ms does not take this int"),
        ({"due_at": 1}, "due_at"),
        ({"instance_id": b"ab"}, "instance_id"),
    ],
)
def test_wrong_message_is_refused_by_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(UnencodableMessageError, match=field):
        CODEC.encode(TIMER_FIRED, TIMER | change)


def test_missing_field_of_a_part_takes_its_default() -> None:
    problem = {"type": "about:blank", "title": "t", "status": 500}
    result = {"instance_id": "a", "pointer": "/do", "iteration": 0, "attempt": 0, "status": "faulted", "error": problem}
    decoded = CODEC.decode(CODEC.encode(STEP_RESULT, result))[1]["error"]
    assert decoded == problem | {"detail": None, "instance": None, "reason": None, "effect": None}


def test_number_beyond_its_type_is_refused() -> None:
    result = {"instance_id": "a", "pointer": "/do", "iteration": 2**31, "attempt": 0, "status": "completed"}
    with pytest.raises(UnencodableMessageError):
        CODEC.encode(STEP_RESULT, result)


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 2**62])
def test_number_of_64_bits_in_the_place_of_one_of_32_is_undecodable(value: int) -> None:
    message = sample(current()[STEP_RESULT]) | {"iteration": 77, "output": None, "error": None}
    raw = CODEC.encode(STEP_RESULT, message)
    before, after = raw.split(fastavro_long(77), 1)
    with pytest.raises(UndecodableRecord, match="out of its range"):
        CODEC.decode(before + fastavro_long(value) + after)


def fastavro_long(value: int) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, {"type": "long"}, value)
    return out.getvalue()


def test_missing_required_field_is_refused() -> None:
    with pytest.raises(UnencodableMessageError, match="due_ms"):
        CODEC.encode(TIMER_FIRED, {"instance_id": "a"})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (TIMER_FIRED, {"instance_id": SECRET + "\ud800"}),
        (STEP_RESULT, {"output": SECRET}),
        (STEP_RESULT, {"status": [SECRET]}),
        (STEP_RESULT, {"error": {"type": SECRET, "title": SECRET, "status": SECRET}}),
        (HISTORY_ENTRY, {"transitions": [SECRET]}),
        (DECISION, {"thresholds": {SECRET: SECRET}}),
    ],
)
def test_encoding_error_never_repeats_a_value(name: str, change: dict[str, Any]) -> None:
    with pytest.raises(UnencodableMessageError, match=f"field {next(iter(change))} does not take") as caught:
        CODEC.encode(name, sample(current()[name]) | change)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", current())
def test_every_truncated_value_is_undecodable(name: str) -> None:
    raw = CODEC.encode(name, sample(current()[name]))
    for length in range(len(raw)):
        with pytest.raises(UndecodableRecord):
            CODEC.decode(raw[:length])


@pytest.mark.parametrize("name", current())
def test_bytes_behind_the_end_are_undecodable(name: str) -> None:
    with pytest.raises(UndecodableRecord, match="behind the end"):
        CODEC.decode(CODEC.encode(name, sample(current()[name])) + b"\x00")


@pytest.mark.parametrize("name", current())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(noise=st.binary(max_size=60))
def test_noise_is_read_or_refused_never_else(name: str, noise: bytes) -> None:
    raw = struct.pack(">bI", 0, fixed_ids().current[name]) + noise
    body = BytesIO(noise)
    try:
        expected = fastavro.schemaless_reader(body, current()[name], None)
    except Exception:  # noqa: BLE001  # whatever the plain reader does not survive has to be refused
        expected = None
    if expected is None or body.read(1) or not validate(expected, current()[name], raise_errors=False):
        with pytest.raises(UndecodableRecord):
            CODEC.decode(raw)
    else:
        assert repr(CODEC.decode(raw)[1]) == repr(expected)


@pytest.mark.parametrize(("raw", "reason"), [(b"", "0 bytes"), (b"\x00\x01", "2 bytes"), (b'{"a":1}', "byte 123")])
def test_unframed_value_is_undecodable_with_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(UndecodableRecord, match=reason):
        CODEC.decode(raw)


def test_undecodable_reason_never_repeats_the_payload() -> None:
    broken = CODEC.encode(TIMER_FIRED, TIMER | {"instance_id": SECRET})[:-1]
    with pytest.raises(UndecodableRecord) as caught:
        CODEC.decode(broken)
    assert SECRET not in caught.value.reason
    assert TIMER_FIRED in caught.value.reason


def test_text_that_is_not_utf8_is_undecodable() -> None:
    raw = CODEC.encode(TIMER_FIRED, TIMER | {"instance_id": "éé"}).replace("éé".encode(), b"\xff\xff\xff\xff")
    with pytest.raises(UndecodableRecord, match="UnicodeDecodeError"):
        CODEC.decode(raw)


async def test_unknown_id_without_registry_is_undecodable() -> None:
    with pytest.raises(UnknownSchemaId) as unknown:
        CODEC.decode(b"\x00\x00\x00\x00\x07\x02")
    with pytest.raises(UndecodableRecord, match="no registry is set"):
        await CODEC.learn(unknown.value.schema_id)


def test_newer_writer_is_read_as_today() -> None:
    newer = json.loads(text(current()[TIMER_FIRED]))
    newer["fields"].append({"name": "drift_ms", "type": "long", "default": 0})
    codec, raw = _foreign(parse(json.dumps(newer)), TIMER | {"drift_ms": 5})
    assert codec.decode(raw) == (TIMER_FIRED, TIMER)


def test_older_writer_is_filled_with_defaults() -> None:
    older = json.loads(text(current()[STEP_RESULT]))
    older["fields"] = [field for field in older["fields"] if field["name"] not in ("error", "taken_ms")]
    result = {"instance_id": "a", "pointer": "/do", "iteration": 0, "attempt": 0, "status": "completed", "output": b"1"}
    codec, raw = _foreign(parse(json.dumps(older)), result)
    filled = wrapped(current()[STEP_RESULT], result) | {"error": None, "taken_ms": None}
    assert codec.decode(raw) == (STEP_RESULT, filled)


def test_incompatible_writer_is_undecodable() -> None:
    other = json.loads(text(current()[TIMER_FIRED]))
    other["fields"][1]["type"] = "string"
    codec, raw = _foreign(parse(json.dumps(other)), TIMER | {"due_ms": SECRET})
    with pytest.raises(UndecodableRecord) as caught:
        codec.decode(raw)
    assert SECRET not in caught.value.reason


def test_foreign_record_is_given_as_written() -> None:
    foreign = parse('{"type":"record","name":"shop.Order","fields":[{"name":"sum","type":"double"}]}')
    codec, raw = _foreign(foreign, {"sum": 1.5})
    assert codec.decode(raw) == ("shop.Order", {"sum": 1.5})


@pytest.mark.parametrize(
    ("field", "body"),
    [('["null","shop.Node"]', b"\x02" * 900_000 + b"\x00"), ('{"type":"array","items":"null"}', b"\xfe" * 8 + b"\x7f")],
)
def test_bytes_by_a_schema_without_a_bound_are_not_read(field: str, body: bytes) -> None:
    """The library would end the process, or fill its memory."""
    schema = parse(f'{{"type":"record","name":"shop.Node","fields":[{{"name":"next","type":{field}}}]}}')
    codec = Codec.offline()
    codec.know(4_711, schema)
    with pytest.raises(UndecodableRecord, match=r"the schema of shop\.Node (has a type that holds itself|repeats)"):
        codec.decode(frame_prefix(4_711) + body)


@pytest.mark.parametrize(
    "kind", [{"type": "bytes", "precision": 4, "scale": 2}, {"type": "fixed", "name": "F", "precision": 4, "scale": 2}]
)
def test_a_decimal_is_exact_and_of_no_more_digits_than_a_moment_is_enough_for(kind: dict[str, object]) -> None:
    """The library took a minute and a half for a megabyte, in which nothing else ran; and it rounds."""
    whole = {**kind, "size": 1_000_000} if kind["type"] == "fixed" else kind
    for digits, size in (("123456.78", 1_024), (None, 1_000_000)):
        type_ = {**whole, "logicalType": "decimal"} | ({"size": size} if kind["type"] == "fixed" else {})
        plain = {name: value for name, value in type_.items() if name != "logicalType"}
        declared, written = (
            parse(json.dumps({"type": "record", "name": "shop.Sum", "fields": [{"name": "sum", "type": each}]}))
            for each in (type_, plain)
        )
        body = BytesIO()
        fastavro.schemaless_writer(body, written, {"sum": (12_345_678).to_bytes(size, signed=True)})
        codec = Codec(SchemaIds({9: declared}, {}))
        raw = b"\x00\x00\x00\x00\x09" + body.getvalue()
        if digits is None:
            with pytest.raises(UndecodableRecord, match="ValueError"):
                codec.decode(raw)
        else:
            assert codec.decode(raw)[1] == {"sum": Decimal(digits)}


def test_history_carries_its_cause_untouched() -> None:
    cause = CODEC.encode(TIMER_FIRED, TIMER)
    entry = sample(current()[HISTORY_ENTRY]) | {"cause": cause}
    decoded = CODEC.decode(CODEC.encode(HISTORY_ENTRY, entry))[1]
    assert CODEC.decode(decoded["cause"]) == (TIMER_FIRED, TIMER)


def _foreign(schema: Schema, data: dict[str, Any]) -> tuple[Codec, bytes]:
    """A codec that knows `schema` under the id 9, and `data` as its writer frames it."""
    body = BytesIO()
    fastavro.schemaless_writer(body, schema, data)
    return Codec(SchemaIds({9: schema}, {})), b"\x00\x00\x00\x00\x09" + body.getvalue()
