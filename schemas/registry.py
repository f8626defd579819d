"""Client of a schema registry with Confluent's REST API, such as Apicurio's under `/apis/ccompat/v7`.

Subjects are full record names (RecordNameStrategy). A registry that cannot be reached is asked again with growing
pauses up to a bounded total time; a registry that answers "no" is believed at once.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import aiohttp

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
ATTEMPT_TIMEOUT_S = 10.0
_TRANSIENT_STATUSES = frozenset({429, 500, 502, 503, 504})


class RegistryError(Exception):
    """The registry has not answered as it should. Says nothing about what was asked: ask again later."""


class RegistryUnreachableError(RegistryError):
    """The registry has not answered within the time given."""


class RegistryRefusedError(RegistryError):
    """The registry has answered, and refused; `status` and `code` are its HTTP status and own error code."""

    def __init__(self, message: str, status: int, code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """Where the registry is and how to get in. An `https` URL is verified against the system's certificates."""

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    total_timeout_s: float = 30.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("address of the schema registry: must be http://HOST... or https://HOST...")
        if parts.username or parts.password:
            raise ValueError("address of the schema registry: give user and password as settings, not in the address")


class Registry:
    """One conversation with a registry, as an asynchronous context manager. Schemas by id never change: cached."""

    def __init__(self, access: RegistryAccess) -> None:
        self._access = access
        self._by_id: dict[int, str] = {}
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        headers = {"Accept": CONTENT_TYPE, "Content-Type": CONTENT_TYPE}
        if self._access.user:
            headers["Authorization"] = aiohttp.encode_basic_auth(self._access.user, self._access.password or "")
        self._http = aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=ATTEMPT_TIMEOUT_S))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()

    async def register(self, subject: str, schema: str) -> int:
        """Id of `schema` under `subject`; registering the same text again gives the same id."""
        answer = await self._ask("POST", f"/subjects/{_segment(subject)}/versions", {"schema": schema})
        self._by_id[int(answer["id"])] = schema
        return int(answer["id"])

    async def register_all(self, schemas: Iterable[tuple[str, str]]) -> list[int]:
        """Registers schemas under their subjects, one after the other, and returns their ids in the same order.

        A registry counts: whoever registers the same in the same order, also beside others, has the same ids in an
        empty one. So a registry that lost its data gets them back.
        """
        return [await self.register(subject, schema) for subject, schema in schemas]

    async def by_id(self, schema_id: int) -> str:
        """The schema's text. Raises RegistryRefusedError (status 404) where nothing has this id."""
        if schema_id not in self._by_id:
            answer = await self._ask("GET", f"/schemas/ids/{schema_id}")
            self._by_id[schema_id] = str(answer["schema"])
        return self._by_id[schema_id]

    async def newest(self, subject: str) -> tuple[int, str]:
        """Id and text of the newest schema of a subject. Raises RegistryRefusedError (404) where there is none."""
        answer = await self._ask("GET", f"/subjects/{_segment(subject)}/versions/latest")
        return int(answer["id"]), str(answer["schema"])

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The registry's answer, asked for again while it is away or overloaded, until the total time is over."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._access.total_timeout_s
        pause = FIRST_PAUSE_S
        while True:
            try:
                return await self._ask_once(method, path, body)
            except (aiohttp.ClientError, TimeoutError, _Overloaded) as error:
                if clock() + pause > deadline:
                    raise RegistryUnreachableError(self._unreachable(error)) from error
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _ask_once(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        assert self._http is not None, "use the registry in an `async with` block"
        data = None if body is None else json.dumps(body)
        url = self._access.url.rstrip("/") + path
        async with self._http.request(method, url, data=data, allow_redirects=False) as response:
            raw = await response.read()
            if response.status in _TRANSIENT_STATUSES:
                raise _Overloaded(f"status {response.status}")
            answer = _json(raw)
            if response.status == 200 and answer is not None:
                return answer
            raise self._refusal(method, path, response.status, answer or {})

    def _refusal(self, method: str, path: str, status: int, answer: Mapping[str, Any]) -> RegistryRefusedError:
        remedy = "; check EXLIFY_REGISTRY_USER and EXLIFY_REGISTRY_PASSWORD" if status in (401, 403) else ""
        said = str(answer.get("message", "no reason given"))
        message = f"schema registry {self._access.url}: {method} {path} refused with {status}: {said}{remedy}"
        return RegistryRefusedError(message, status, answer.get("error_code"))

    def _unreachable(self, error: Exception) -> str:
        waited = f"{self._access.total_timeout_s:g} s"
        cause = str(error) or type(error).__name__
        said = f"schema registry {self._access.url}: no answer within {waited} ({cause})"
        return f"{said}; start it, or correct EXLIFY_REGISTRY_URL"


class _Overloaded(Exception):  # never leaves this module
    """The registry asks to come again later."""


def _segment(subject: str) -> str:
    return quote(subject, safe="")


def _json(raw: bytes) -> Any:
    """The JSON object in `raw`, or None where it is none: a wrong address may answer with anything."""
    try:
        value = json.loads(raw)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
