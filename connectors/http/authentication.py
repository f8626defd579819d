"""As whom a definition calls: from `endpoint.authentication` of a command to an identity, its secrets from the site."""

from __future__ import annotations

import re
from collections.abc import Mapping

from connectors.http import HTTP, address
from connectors.http.headers import check
from connectors.hub.connections import Connections
from connectors.hub.identity import Basic, Bearer, ClientSecret, Credentials, Digest, Grant, OAuth2
from connectors.hub.secrets import WHOLE
from schemas import authentication
from schemas.authentication import MEMBER, SECRET, AuthenticationError, Text
from schemas.functions import ArgumentError
from schemas.payload import Json

TOKEN_PATH = "/oauth2/token"  # a path
_REFERENCE = ({SECRET}, {SECRET, MEMBER})


def read(given: Mapping[str, Json], host: str, connections: Connections) -> tuple[Credentials, str]:
    """Who calls, and the host that tokens are asked for at, empty where there are none.

    Raises ArgumentError, and Refused for a secret that is not there or not for the host that it would be told.
    """
    token_url = _token_url(given)
    told_to = (address.origin(address.parse(token_url)).host or "") if token_url else host

    def leaf(value: Json, text: Text, place: tuple[str, ...]) -> Json:
        if isinstance(value, dict) and value.keys() in _REFERENCE:
            name, member = value[SECRET], value.get(MEMBER, WHOLE)
            if not isinstance(name, str) or not isinstance(member, str):
                raise AuthenticationError(place, "is no secret", "write ${ $secrets.NAME }")
            return connections.secret(name, member, told_to)
        if not isinstance(value, str):
            raise AuthenticationError(place, "is not a text", "write a text, or ${ $secrets.NAME }")
        return value

    try:
        ((way, said),) = authentication.read(given, leaf).items()
    except AuthenticationError as error:
        raise _fault(error.place, error.what, error.remedy) from None
    return _credentials(way, said, token_url), told_to if token_url else ""


def _credentials(way: str, said: Mapping[str, Json], token_url: str) -> Credentials:
    match way:
        case "basic":
            return Basic(said["username"], said["password"])
        case "digest":
            return Digest(said["username"], said["password"])
        case "bearer":
            check("endpoint.authentication.bearer.token", said["token"])
            return Bearer(said["token"])
    client = said.get("client") or {}
    usual = ClientSecret.POST if "secret" in client else ClientSecret.NONE
    return OAuth2(
        token_url=token_url,
        grant=Grant(said.get("grant", Grant.CLIENT_CREDENTIALS)),
        client=client.get("id", ""),
        secret=client.get("secret", ""),
        proof=ClientSecret(client.get("authentication", usual)),
        scopes=tuple(said.get("scopes", ())),
        audiences=tuple(said.get("audiences", ())),
        username=said.get("username", ""),
        password=said.get("password", ""),
        refresh_token=said.get("refresh_token", ""),
        trusted=False,
    )


def _token_url(given: Mapping[str, Json]) -> str:
    """Where tokens are asked for; empty where none are."""
    said = given.get("oauth2")
    if not isinstance(said, dict) or not isinstance(said.get("authority"), str):
        return ""
    endpoints = said.get("endpoints")
    path = endpoints.get("token", TOKEN_PATH) if isinstance(endpoints, dict) else TOKEN_PATH
    if not isinstance(path, str):
        raise _fault(("oauth2", "endpoints", "token"), "is not a text", "write token: /oauth2/token")
    url: str = said["authority"].rstrip("/") + "/" + path.lstrip("/")
    try:
        parsed = address.parse(url)
        address.origin(parsed)
    except address.AddressError as error:
        raise _fault(("oauth2", "authority"), str(error), "write https://HOST, and the path in endpoints") from None
    if "@" in parsed.authority or not re.fullmatch("https?", parsed.scheme):
        raise _fault(("oauth2", "authority"), "is no address of a server of tokens", "write https://HOST")
    return url


def _fault(place: tuple[str, ...], what: str, remedy: str) -> ArgumentError:
    return HTTP.fault(".".join(("endpoint.authentication", *place)), what, remedy)
