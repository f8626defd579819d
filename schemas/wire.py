"""Confluent framing: one zero byte, the schema's id in four bytes, big end first, then the Avro body."""

from struct import Struct

HEADER_BYTES = 5

_HEADER = Struct(">bI")
_MAGIC = 0


class UndecodableRecord(Exception):  # named for what the record is, as the parking topic says it
    """A record's value cannot be read, now or ever; it belongs on the parking topic.

    `reason` names the schema, the place and the kind of fault, never anything of the payload.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def frame_prefix(schema_id: int) -> bytes:
    """The five bytes before the Avro body."""
    return _HEADER.pack(_MAGIC, schema_id)


def schema_id_of(raw: bytes) -> int:
    """The schema id of a framed value. Raises UndecodableRecord where there is no frame."""
    if len(raw) < HEADER_BYTES:
        raise UndecodableRecord(
            f"value of {len(raw)} bytes is shorter than the {HEADER_BYTES} bytes of Confluent framing"
        )
    magic, schema_id = _HEADER.unpack_from(raw)
    if magic != _MAGIC:
        raise UndecodableRecord(f"value begins with byte {magic & 0xFF}, not with the 0 of Confluent framing")
    return int(schema_id)
