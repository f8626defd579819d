"""How commands talk to the gateway: plain HTTP from the standard library, so that a command starts at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request, build_opener

from streams.catalogue import load_settings
from streams.gateway.settings import GatewaySettings
from streams.ground.errors import ExlifyError, UnavailableError, UsageError
from streams.ground.hosts import is_this_machine
from streams.ground.settings import Settings

if TYPE_CHECKING:
    from schemas.codec import Codec

TIMEOUT_S = 60.0
PAGE = 200  # rows that are asked for at once


class Refused(UsageError):
    """The gateway has refused; `problem` is its answer."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail", f"the gateway has answered {status}")))
        self.status = status
        self.problem = problem


class Client:
    """One gateway."""

    def __init__(self, settings: Settings) -> None:
        gateway = settings.of(GatewaySettings)
        if not gateway.url:
            raise nothing_runs(settings)
        self._settings = settings
        self._base = gateway.url.rstrip("/")
        self._token = gateway.token
        self._opener = _opener(self._base)

    def get(self, path: str, **query: Any) -> Any:
        """The JSON that stands at a path; parameters that are None are left out."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._ask(Request(f"{self._base}{path}" + (f"?{urlencode(given)}" if given else "")))[1]

    def every(self, path: str, member: str, *, limit: int = PAGE, **query: Any) -> Iterator[Any]:
        """What a list has in `member`, asked for page by page as it is used."""
        cursor = None
        while True:
            page = self.get(path, limit=limit, cursor=cursor, **query)
            yield from page[member]
            cursor = page["next"]
            if cursor is None:
                return

    def post(
        self, path: str, body: bytes, content_type: str, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and JSON of the answer; raises as `get` does."""
        sent = {"Content-Type": content_type, **(headers or {})}
        return self._ask(Request(f"{self._base}{path}", data=body, headers=sent, method="POST"))

    def post_json(self, path: str, value: Any, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
        """As `post`."""
        return self.post(path, json.dumps(value).encode(), "application/json", headers)

    def _ask(self, request: Request) -> tuple[int, Any]:
        """Raises Refused, or UnavailableError where nobody answers or Kafka is away."""
        request.add_header("Accept", "application/json, application/problem+json")
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as response:
                return response.status, _json(response.read())
        except HTTPError as error:
            problem = _json(error.read())
            if error.code == 503:
                raise UnavailableError(str(problem.get("detail", "The gateway is not ready."))) from None
            raise Refused(error.code, problem) from None
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise UnavailableError(
                f"the gateway at {self._base} does not answer ({reason}): {self._remedy()}"
            ) from None

    def _remedy(self) -> str:
        return "`exlify status` tells more" if _holder(self._settings) else "start it with `exlify up`"


def connect() -> Client:
    """The gateway that the settings or the data folder name; raises UnavailableError if there is none."""
    return Client(load_settings())


def with_kafka() -> Settings:
    """Settings that name a Kafka; raises UnavailableError if there is none."""
    settings = load_settings()
    if not settings.bootstrap:
        raise nothing_runs(settings)
    return settings


async def codec(settings: Settings) -> Codec:
    """The codec of a command; raises UnavailableError where the registry does not answer as it should."""
    from schemas.registry import RegistryError
    from streams.cli._listeners import outcome_types
    from streams.ground.codec import open_codec

    try:
        found = await open_codec(settings)
    except RegistryError as error:
        raise UnavailableError(f"the registry at {settings.registry_url} does not answer: {error}") from None
    found.ask = partial(outcome_types, settings, found)
    return found


def nothing_runs(settings: Settings) -> ExlifyError:
    """What to say where neither settings nor the data folder know an address."""
    if (pid := _holder(settings)) is not None:
        return UnavailableError(f"the Exlify in {settings.data_dir} is starting (process {pid}): try again in a moment")
    return UnavailableError(f"no running Exlify found in {settings.data_dir}: start it with `exlify up`")


def _holder(settings: Settings) -> int | None:
    """The process of `exlify up` in the data folder, if there is one."""
    from infra.local.datafolder import DataFolder
    from infra.local.errors import LocalError

    try:
        return DataFolder(settings.data_dir).holder
    except (LocalError, OSError):
        return None


def told_at(url: str, timeout_s: float, most_bytes: int = -1) -> bytes:
    """What a process of this machine says at an address, at most so many bytes of it. Raises OSError."""
    with _opener(url).open(url, timeout=timeout_s) as reply:
        return bytes(reply.read(most_bytes))


def _opener(base: str) -> OpenerDirector:
    """A proxy that the environment names is for hosts out there, not for this machine."""
    local = is_this_machine(urlsplit(base).hostname or "")
    return build_opener(*([ProxyHandler({})] if local else []), HTTPHandler, HTTPSHandler)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return {"detail": "the answer is no JSON; is this the address of a gateway?"}
