"""Values in Avro behind Confluent's framing, as other clusters have them: read by the schemas of their registry."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import fastavro
import orjson

from connectors.codecs.scalars import CodecError
from connectors.hub.inlet import InletError
from schemas.avroweight import harm
from schemas.jsondata import to_json
from schemas.payload import Json
from schemas.reasons import Reason
from schemas.registry import Registry, RegistryError, RegistryRefusedError
from schemas.wire import HEADER_BYTES, UndecodableRecord, schema_id_of

MOST_SCHEMAS = 1_000  # that are remembered, with those that are not there
_GONE = 404


class Framed:
    """Reads values by what a registry says of their ids."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[int, Any] = {}  # by id: the schema, or why there is none

    async def learn(self, contents: Iterable[bytes | None]) -> None:
        """Asks for the schemas of these values. Raises InletError where the registry cannot be asked."""
        for content in contents:
            try:
                id_ = schema_id_of(content or b"")
            except UndecodableRecord:
                continue  # told when it is read
            if id_ not in self._known:
                if len(self._known) >= MOST_SCHEMAS:
                    self._known.clear()
                self._known[id_] = await self._asked(id_)

    def read(self, content: bytes) -> Json:
        """The value. Raises CodecError."""
        try:
            id_ = schema_id_of(content)
        except UndecodableRecord as error:
            raise CodecError(f"is not framed: {error.reason}") from None
        schema = self._known.get(id_, "is not known yet")
        if isinstance(schema, str):
            raise CodecError(f"its schema {id_} {schema}")
        data = io.BytesIO(content[HEADER_BYTES:])
        try:
            value: Json = to_json(fastavro.schemaless_reader(data, schema, None))
            orjson.dumps(value)
        except Exception as error:  # noqa: BLE001  # the library raises whatever bytes make it stumble over
            raise CodecError(f"is no Avro of its schema {id_} ({type(error).__name__})") from None
        if data.read(1):
            raise CodecError(f"has more bytes than a value of its schema {id_}")
        return value

    async def _asked(self, id_: int) -> Any:
        try:
            text = await self._registry.by_id(id_)
        except RegistryRefusedError as error:
            if error.status == _GONE:
                return "is not in the registry"
            raise InletError(Reason.FORBIDDEN, f"the registry refuses to give a schema ({error.status})") from None
        except RegistryError:
            raise InletError(Reason.UNREACHED, "the registry of the schemas does not answer") from None
        try:
            schema = fastavro.parse_schema(orjson.loads(text))
            why = "is no record" if isinstance(schema, str) else harm(schema)
        except Exception:  # noqa: BLE001  # whatever the library makes of a text that is no schema
            return "is none of Avro that stands for itself"
        return schema if why is None else why
