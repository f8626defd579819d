"""Registries of schemas that others have: which one a connection is, and values framed by the newest schema there."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import fastavro
import orjson

from connectors.hub.contract import Refused
from connectors.hub.servers import split
from schemas.cloudevents import InvalidEventError
from schemas.jsondata import to_avro
from schemas.payload import Json
from schemas.reasons import Reason
from schemas.registry import Registry, RegistryAccess, RegistryError, RegistryRefusedError
from schemas.wire import frame_prefix

ASK_S = 10.0
FRESH_S = 60.0  # for so long the newest schema is that of before
MOST = 1_000  # schemas that are remembered
_REASONS = {401: Reason.AUTH_EXPIRED, 403: Reason.FORBIDDEN, 404: Reason.NOT_FOUND}


@dataclass(frozen=True, slots=True)
class Unframed:
    """A value that is Avro once its schema is known."""

    registry: RegistryAccess
    subject: str
    value: Json = field(repr=False)


def access_of(name: str, url: str) -> RegistryAccess:
    """The registry of the connection called `name`. Raises Refused (MISCONFIGURED)."""
    parts = split(url, {"http": 80, "https": 443})
    if parts is None:
        what = f"connection {name} is no registry of schemas; write https://USER:PASSWORD@HOST/PATH"
        raise Refused(Reason.MISCONFIGURED, what)
    given = urlsplit(url)
    address = given._replace(netloc=given.netloc.rpartition("@")[2]).geturl()
    return RegistryAccess(address, parts.user or None, parts.password or None, total_timeout_s=ASK_S)


class Registries:
    """Those that were asked, and what they have said."""

    def __init__(self) -> None:
        self._open: dict[RegistryAccess, Registry] = {}
        self._known: dict[tuple[RegistryAccess, str], tuple[float, int, Any]] = {}

    async def framed(self, unframed: Unframed) -> bytes:
        """The value by the newest schema of its subject. Raises Refused."""
        id_, schema = await self._newest(unframed.registry, unframed.subject)
        data = io.BytesIO()
        try:
            fastavro.schemaless_writer(data, schema, to_avro(schema, unframed.value, "value"))
        except InvalidEventError as error:
            raise Refused(Reason.INPUT_INVALID, f"the value is not of its schema: {error}") from None
        except (ValueError, TypeError, OverflowError, ArithmeticError):  # what it says quotes the value
            raise Refused(Reason.INPUT_INVALID, "the value is not of its schema") from None
        return frame_prefix(id_) + data.getvalue()

    async def close(self) -> None:
        """Lets go of all."""
        for each in self._open.values():
            await each.__aexit__(None, None, None)
        self._open.clear()

    async def _newest(self, access: RegistryAccess, subject: str) -> tuple[int, Any]:
        now = asyncio.get_running_loop().time()
        known = self._known.get((access, subject))
        if known is not None and now - known[0] < FRESH_S:
            return known[1:]
        if access not in self._open:
            self._open[access] = await Registry(access).__aenter__()
        try:
            id_, text = await self._open[access].newest(subject)
        except RegistryRefusedError as error:
            reason = _REASONS.get(error.status, Reason.REMOTE_FAULT)
            raise Refused(reason, f"the registry refuses to give the schema ({error.status})") from None
        except RegistryError:
            raise Refused(Reason.UNREACHED, "the registry of the schemas does not answer") from None
        try:
            schema: Any = fastavro.parse_schema(orjson.loads(text))
        except Exception:  # noqa: BLE001  # whatever the library makes of a text that is no schema
            schema = None
        if not isinstance(schema, dict) or schema.get("type") != "record":
            raise Refused(Reason.MISCONFIGURED, "the schema of the subject is no record of Avro that stands for itself")
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[access, subject] = (now, id_, schema)
        return id_, schema
