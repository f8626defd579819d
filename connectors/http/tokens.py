"""Tokens of OAuth 2: fetched once for all who need them, kept, renewed before they end.

One request fetches a token, however many calls wait for it. When four fifths of its life are over another is fetched,
and until it is there the old one goes on being used. What cannot be fetched ends a call before anything is sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote_plus

import aiohttp
import msgspec

from connectors.hub.contract import Refused
from connectors.hub.identity import ClientSecret, Grant, OAuth2
from schemas.reasons import Reason

RENEWED_AFTER = 0.8  # of its life
USUAL_LIFE_S = 300.0  # of a token that does not say
AGAIN_AFTER_S = 5.0  # a renewal that has failed while the old token is still good
PATIENCE_S = 15.0
MOST_KEPT = 1_000

Answer = tuple[int, bytes]
Post = Callable[[str, Mapping[str, str], Mapping[str, str]], Awaitable[Answer]]
"""Sends a form with headers to an address; gives status and body. Raises OSError, aiohttp.ClientError, ValueError."""


@dataclass(slots=True)
class _Kept:
    """The token of one client, and the request under way for another."""

    token: str = field(default="", repr=False)
    renew_at: float = 0.0
    ends_at: float = 0.0
    refresh_token: str = field(default="", repr=False)  # the last that we were given
    flight: asyncio.Task[str] | None = None


class Tokens:
    """The tokens of all connections of a process; used in one event loop."""

    def __init__(self, post: Post, clock: Callable[[], float] = time.monotonic) -> None:
        self._post = post
        self._clock = clock
        self._kept: dict[OAuth2, _Kept] = {}

    async def token(self, asked: OAuth2, refused: str = "") -> str:
        """A token that is good now, and not the one that was `refused`. Raises Refused."""
        kept = self._of(asked)
        if refused and kept.token == refused:
            kept.token = ""
        now = self._clock()
        good = bool(kept.token) and now < kept.ends_at
        if good and now < kept.renew_at:
            return kept.token
        if kept.flight is None:
            kept.flight = asyncio.create_task(self._renewed(asked, kept), name="token")
            kept.flight.add_done_callback(_seen)
        return kept.token if good else await asyncio.shield(kept.flight)  # who gives up does not stop it for the others

    @property
    def idle(self) -> bool:
        """Whether none is being fetched."""
        return all(each.flight is None for each in self._kept.values())

    async def close(self) -> None:
        """Gives up what is under way."""
        flights = [each.flight for each in self._kept.values() if each.flight is not None]
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _of(self, asked: OAuth2) -> _Kept:
        kept = self._kept.pop(asked, None) or _Kept(refresh_token=asked.refresh_token)
        self._kept[asked] = kept  # the last used stand last
        if len(self._kept) > MOST_KEPT:
            idle = next((each for each, other in self._kept.items() if other.flight is None), None)
            if idle is not None:
                del self._kept[idle]
        return kept

    async def _renewed(self, asked: OAuth2, kept: _Kept) -> str:
        try:
            given = await self._fetched(replace(asked, refresh_token=kept.refresh_token))
        except BaseException:
            kept.renew_at = self._clock() + AGAIN_AFTER_S
            raise
        finally:
            kept.flight = None
        now = self._clock()
        kept.token, life_s = given.token, given.life_s
        kept.renew_at, kept.ends_at = now + life_s * RENEWED_AFTER, now + life_s
        kept.refresh_token = given.refresh_token or kept.refresh_token
        return kept.token

    async def _fetched(self, asked: OAuth2) -> _Given:
        form, headers = request(asked)
        try:
            async with asyncio.timeout(PATIENCE_S):
                status, body = await self._post(asked.token_url, form, headers)
        except TimeoutError:
            raise Refused(Reason.UNREACHED, "the server of tokens did not answer in time") from None
        except (aiohttp.ClientError, OSError):
            raise Refused(Reason.UNREACHED, "the server of tokens could not be reached") from None
        except ValueError:
            raise Refused(Reason.MISCONFIGURED, "the address of tokens is none; correct authentication") from None
        return read(status, body)


@dataclass(frozen=True, slots=True)
class _Given:
    """What a server of tokens has answered."""

    token: str = field(repr=False)
    life_s: float
    refresh_token: str = field(repr=False)


def request(asked: OAuth2) -> tuple[dict[str, str], dict[str, str]]:
    """Form and headers of a request for a token (RFC 6749, 4 and 6)."""
    form = {"grant_type": asked.grant.value}
    if asked.grant is Grant.PASSWORD:
        form |= {"username": asked.username, "password": asked.password}
    elif asked.grant is Grant.REFRESH_TOKEN:
        form["refresh_token"] = asked.refresh_token
    if asked.scopes:
        form["scope"] = " ".join(asked.scopes)
    if asked.audiences:
        form["audience"] = " ".join(asked.audiences)
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    if asked.proof is ClientSecret.BASIC:
        headers["Authorization"] = aiohttp.encode_basic_auth(_form(asked.client), _form(asked.secret))
    elif asked.client:
        form["client_id"] = asked.client
        if asked.proof is ClientSecret.POST:
            form["client_secret"] = asked.secret
    return form, headers


def read(status: int, body: bytes) -> _Given:
    """The token of an answer. Raises Refused; its text quotes nothing but the error's name, if that is one we know."""
    try:
        said: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        said = None
    said = said if isinstance(said, dict) else {}
    if status in (429, 503) or status >= 500:
        raise Refused(Reason.UNREACHED, f"the server of tokens answered {status}")
    if status != 200:
        error = said.get("error")
        because = f" ({error})" if error in _ERRORS else ""
        raise Refused(
            Reason.CONNECTION_STALE, f"the server of tokens answered {status}{because}; correct authentication"
        )
    token, life, refresh = said.get("access_token"), said.get("expires_in"), said.get("refresh_token")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise Refused(Reason.CONTRACT_DRIFT, "the server of tokens gave none")
    return _Given(token, _life_s(life), refresh if isinstance(refresh, str) else "")


def _life_s(said: Any) -> float:
    try:
        life = float(said)  # some write it as a text
    except (TypeError, ValueError, OverflowError):
        return USUAL_LIFE_S
    return min(life, 86_400.0 * 365) if life > 0 else USUAL_LIFE_S


def _form(text: str) -> str:
    """As RFC 6749, 2.3.1 has it in basic authentication."""
    return quote_plus(text)


def _seen(flight: asyncio.Task[str]) -> None:
    """Nobody may have waited for it: its error is told by the next that fetches one."""
    if not flight.cancelled():
        flight.exception()


_ERRORS = (  # RFC 6749, 5.2
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
)
