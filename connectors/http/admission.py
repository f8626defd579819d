"""How a request of a connection says who it is, as it is sent: keys, tokens, proofs, certificates."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import aiohttp
from multidict import CIMultiDict

from connectors.http import address
from connectors.http.client import PROGRESS, Client, Progress, at_most_once
from connectors.http.reply import read as read_reply
from connectors.http.tokens import Answer, Tokens
from connectors.http.unpacking import TooLargeError
from connectors.hub.contract import Refused
from connectors.hub.identity import ApiKey, Digest, Identity, OAuth2, Tls
from connectors.hub.tls import context
from schemas.reasons import Reason

MAX_TOKEN_BYTES = 64 * 1024
MOST_PROOFS = 1_000
MOST_CERTIFICATES = 100


@dataclass(frozen=True, slots=True)
class Admission:
    """What is added to a request when it goes out."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    middlewares: tuple[aiohttp.ClientMiddlewareType, ...] | None = None  # None: those of the session
    tls: ssl.SSLContext | bool = True
    token: str = field(default="", repr=False)  # that was fetched: another one may be, if it is not taken

    def added_to(self, headers: CIMultiDict[str]) -> CIMultiDict[str]:
        """The headers of a request with those of ours, which go before."""
        if not self.headers:
            return headers
        added = headers.copy()
        added.update(self.headers)
        return added


NONE = Admission()


class Admissions:
    """Makes the admission of each request; keeps tokens and what a server has asked proofs for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tokens: dict[tuple[Tls | None, bool], Tokens] = {}
        self._proofs: dict[tuple[str, Digest], Proof] = {}

    async def admission(self, origin: str, identity: Identity, refused: str = "") -> Admission:
        """For a request to this origin; `refused` is the token that was not taken. Raises Refused."""
        tls: ssl.SSLContext | bool = True
        if identity.tls is not None:
            try:
                tls = context(identity.tls)
            except ValueError:
                raise Refused(Reason.MISCONFIGURED, "tls of the connection holds no certificates; correct it") from None
        match identity.credentials:
            case ApiKey(name, value, False):
                return Admission({name: value}, tls=tls)
            case Digest() as digest:
                return Admission(middlewares=(self._proof(origin, digest), at_most_once), tls=tls)
            case OAuth2() as asked:
                token = await self._of(identity.tls, asked.trusted).token(asked, refused)
                return Admission({"Authorization": f"Bearer {token}"}, tls=tls, token=token)
        return Admission(tls=tls)

    async def close(self) -> None:
        """Gives up what is under way."""
        for each in self._tokens.values():
            await each.close()

    def _of(self, tls: Tls | None, trusted: bool = True) -> Tokens:
        async def post(url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
            return await self._post(url, form, headers, True if tls is None else context(tls), trusted)

        tokens = self._tokens.pop((tls, trusted), None) or Tokens(post)
        if len(self._tokens) >= MOST_CERTIFICATES:  # those of connections that have others by now; fetched anew if not
            for each in [each for each, other in self._tokens.items() if other.idle][:1]:
                del self._tokens[each]
        self._tokens[tls, trusted] = tokens  # the last used stand last
        return tokens

    async def _post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str], tls: ssl.SSLContext | bool, trusted: bool
    ) -> Answer:
        at = address.parse(url)
        target = address.url(address.origin(at), at.path, at.query)
        session = self._client.session(target.origin(), keep=False, named=trusted)
        PROGRESS.set(Progress())  # its own: that of the request that waits for the token has not begun
        async with session.post(
            target, data=urlencode(form), headers=headers, ssl=tls, allow_redirects=False
        ) as response:
            try:
                reply = await read_reply(response, MAX_TOKEN_BYTES)
                return reply.status, reply.content(MAX_TOKEN_BYTES)
            except TooLargeError:
                return response.status, b""

    def _proof(self, origin: str, digest: Digest) -> Proof:
        if len(self._proofs) >= MOST_PROOFS:
            self._proofs.clear()  # each begins with a challenge again
        return self._proofs.setdefault((origin, digest), Proof(digest.username, digest.password))


class Proof(aiohttp.DigestAuthMiddleware):
    """Digest authentication, in which the answer that asks for the proof is let go of before the second request."""

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Sends the request, and again with the proof where that is asked for."""
        asked: list[aiohttp.ClientResponse] = []

        async def sent(request: aiohttp.ClientRequest) -> aiohttp.ClientResponse:
            for former in asked:
                former.release()
            response = await handler(request)
            asked.append(response)
            return response

        return await super().__call__(request, sent)
