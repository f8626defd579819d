"""Who may ask: a bearer token where one is set, and no web page behind its user's back."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Collection

from aiohttp import web
from aiohttp.typedefs import Middleware

from schemas.cloudevents import FORBIDDEN
from streams.gateway.problems import Handler, ProblemError
from streams.gateway.settings import GatewaySettings
from streams.ground.settings import Settings

ONCE = (
    "Authorization",
    "Content-Encoding",
    "Content-Type",
    "Idempotency-Key",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
)


def guard(settings: Settings, open_to_all: Collection[Handler]) -> Middleware:
    """The middleware for these settings; the handlers that are `open_to_all` need no token, everything else does."""
    token = settings.of(GatewaySettings).token

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if token:
            if request.match_info.handler in open_to_all:
                return await handler(request)
            _require_token(request, token)
        elif not _is_plain_host(request.host):
            # Without a token the address is the only guard, and a page can point a name of its own at 127.0.0.1.
            detail = "Address the gateway by its IP address or as localhost, or set EXLIFY_API_TOKEN."
            raise ProblemError(421, "host", detail)
        return await handler(request)

    return guarded


@web.middleware
async def plain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses headers that mean something and are there twice (whoever stands in between may take the other one), and
    names in the path that nothing can have."""
    for name in ONCE:
        if len(request.headers.getall(name, ())) > 1:
            raise ProblemError(400, "header", f"{name} is given twice; send it once.")
    if any(FORBIDDEN.search(name) for name in request.match_info.values()):
        raise ProblemError(404, "not-found", "A name in the path has characters that no name has.")
    return await handler(request)


def _require_token(request: web.Request, token: str) -> None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    sent = given.strip().encode(errors="surrogateescape")  # the bytes as they came
    if scheme.lower() != "bearer" or not hmac.compare_digest(sent, token.encode(errors="surrogateescape")):
        detail = "Send the token of EXLIFY_API_TOKEN as `Authorization: Bearer TOKEN`."
        raise ProblemError(401, "token", detail, headers={"WWW-Authenticate": "Bearer"})


def _is_plain_host(host: str) -> bool:
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    if name == "localhost":
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
