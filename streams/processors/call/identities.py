"""As whom a connection calls: `authentication`, `tls` and `ssh` of an entry of `connections.yaml`.

    erp:
      url: https://erp.example.com/api
      authentication:
        oauth2:                                    # or basic, digest, bearer, key, webhook
          authority: https://login.example.com
          endpoints: {token: /oauth2/token}        # this is what it is when left out
          grant: client_credentials                # or password, refresh_token
          client: {id: exlify, secret: '${env:ERP_SECRET}', authentication: client_secret_post}
          scopes: [orders]
      tls: {certificate: '${file:exlify.pem}', key: '${file:exlify.key}', authority: '${file:erp-ca.pem}'}

    warehouse:
      url: sftp://exlify@warehouse.example.com/exchange
      ssh: {hostKey: ssh-ed25519 AAAA..., key: '${file:secrets/warehouse-key}'}    # a list of keys while one changes

A secret stands in the environment or in a file of its own, never here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from connectors.hub.identity import (
    NOBODY,
    ApiKey,
    Basic,
    Bearer,
    ClientSecret,
    Credentials,
    Digest,
    Grant,
    Identity,
    OAuth2,
    Ssh,
    Tls,
    Webhook,
)
from schemas.webhooks import SECRET_SHAPE, decoded_secrets
from streams.ground.references import without_references

if TYPE_CHECKING:
    from streams.ground.site_yaml import Part

E = TypeVar("E", bound=StrEnum)
MEMBERS = ("authentication", "tls", "ssh")
_WITH = {"authentication": ("http", "https"), "tls": ("https", "kafkas", "amqps", "imaps")}
TOKEN_PATH = "/oauth2/token"  # a path
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # name of a header
_LINE = re.compile(r"[\x20-\x7e\x80-\ud7ff\ue000-\uffff]*")


def read_identity(members: Mapping[str, Part], url: str) -> Identity:
    """What the members of an entry say; faults with their place."""
    if not any(name in members for name in MEMBERS):
        return NOBODY
    scheme = urlsplit(url).scheme
    if "ssh" in members and scheme != "sftp":
        members["ssh"].fault(f"ssh for an address of {scheme}", "leave it out; only sftp has it")
    for name, schemes in _WITH.items():
        if name in members and scheme not in schemes:
            without = f"leave it out; only {_listed(schemes)} have it"
            remedy = f"write {scheme}s://" if f"{scheme}s" in schemes else without
            members[name].fault(f"{name} for an address of {scheme}", remedy)
    credentials = _authentication(members["authentication"], url) if "authentication" in members else None
    tls = _tls(members["tls"]) if "tls" in members else None
    return Identity(credentials, tls, _ssh(members["ssh"]) if "ssh" in members else None)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _authentication(part: Part, url: str) -> Credentials:
    if urlsplit(url).username is not None:
        part.fault("authentication, and a user in the address", "keep one of them")
    ways = part.only(*_WAYS)
    if len(ways) != 1:
        part.fault(f"{len(ways)} ways of authentication", f"write one of {', '.join(_WAYS)}")
    ((name, way),) = ways.items()
    return _WAYS[name](way)


def _basic(part: Part) -> Basic:
    members = _needed(part, "username", "password")
    user = _line(members["username"])
    if ":" in user:
        members["username"].fault("a colon in a user", "basic authentication has none")
    return Basic(user, _secret(members["password"]))


def _digest(part: Part) -> Digest:
    members = _needed(part, "username", "password")
    return Digest(_line(members["username"]), _secret(members["password"]))


def _bearer(part: Part) -> Bearer:
    return Bearer(_secret(_needed(part, "token")["token"]))


def _key(part: Part) -> ApiKey:
    members = part.only("header", "query", "value")
    if "value" not in members or ("header" in members) == ("query" in members):
        part.fault("no key", "write `value:` and where it stands: `header:` or `query:` with its name")
    place = members.get("header") or members["query"]
    name = _line(place)
    if "header" in members and not _TOKEN.fullmatch(name):
        place.fault("no name of a header", "write letters, digits and hyphens: X-Api-Key")
    return ApiKey(name, _secret(members["value"]), "query" in members)


def _oauth2(part: Part) -> OAuth2:
    optional = ("endpoints", "grant", "scopes", "audiences", "username", "password", "refresh_token", "client")
    members = _needed(part, "authority", optional=optional)
    grant = _one_of(Grant, members["grant"]) if "grant" in members else Grant.CLIENT_CREDENTIALS
    needed = {Grant.CLIENT_CREDENTIALS: ("client",), Grant.PASSWORD: ("username", "password")}
    for name in needed.get(grant, ("refresh_token",)):
        if name not in members:
            part.fault(f"no {name}", f"the grant {grant.value} needs `{name}:`")
    client = _needed(members["client"], "id", optional=("secret", "authentication")) if "client" in members else {}
    proof = _proof(client)
    return OAuth2(
        token_url=_token_url(members),
        grant=grant,
        client=_line(client["id"]) if client else "",
        secret=_secret(client["secret"]) if "secret" in client else "",
        proof=proof,
        scopes=_lines(members, "scopes"),
        audiences=_lines(members, "audiences"),
        username=_line(members["username"]) if "username" in members else "",
        password=_secret(members["password"]) if "password" in members else "",
        refresh_token=_secret(members["refresh_token"]) if "refresh_token" in members else "",
    )


def _webhook(part: Part) -> Webhook:
    members = _needed(part, "secret", optional=("private",))
    try:
        secrets = decoded_secrets(_secret(members["secret"]))
    except ValueError:
        members["secret"].fault("it stands for no secret", f"let it stand for {SECRET_SHAPE}")
    return Webhook(secrets, private="private" in members and _flag(members["private"]))


_WAYS: Mapping[str, Callable[[Part], Credentials]] = {
    "basic": _basic, "digest": _digest, "bearer": _bearer, "key": _key, "oauth2": _oauth2,
    "webhook": _webhook,
}  # fmt: skip


def _proof(client: Mapping[str, Part]) -> ClientSecret:
    given = "secret" in client
    if "authentication" not in client:
        return ClientSecret.POST if given else ClientSecret.NONE
    proof = _one_of(ClientSecret, client["authentication"])
    if given == (proof is ClientSecret.NONE):
        client["authentication"].fault(f"{proof.value}, and {'a' if given else 'no'} secret", "correct one of them")
    return proof


def _token_url(members: Mapping[str, Part]) -> str:
    ways = members["endpoints"].only("token") if "endpoints" in members else {}
    url = _line(members["authority"]).rstrip("/") + (_line(ways["token"]) if "token" in ways else TOKEN_PATH)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        members["authority"].fault("no address of a server of tokens", "write https://HOST, and the path in endpoints")
    return url


def _tls(part: Part) -> Tls:
    from connectors.hub.tls import context

    members = part.only("certificate", "key", "authority")
    if not members or ("key" in members and "certificate" not in members):
        part.fault("no certificate", "write `certificate:` and `key:`, or `authority:`")
    made = Tls(*(members[name].text() if name in members else "" for name in ("certificate", "key", "authority")))
    if made.key and without_references(members["key"].written()).strip():
        members["key"].fault("a secret in the file", "write ${file:PATH} in its place")
    try:
        context(made)
    except ValueError:
        part.fault(
            "no certificates in PEM, or a key that is not theirs", "write ${file:PATH}, the key without passphrase"
        )
    return made


def _ssh(part: Part) -> Ssh:
    from connectors.sftp.address import private_key, public_key

    members = _needed(part, "hostKey", optional=("key",))
    said = members["hostKey"].items() if members["hostKey"].is_list else [members["hostKey"]]
    for each in said:
        try:
            public_key(_line(each))
        except ValueError:
            each.fault("no key of a server", "write what `ssh-keyscan HOST` shows, without the host: ssh-ed25519 AA...")
    key = members["key"].text() if "key" in members else ""
    if key and without_references(members["key"].written()).strip():
        members["key"].fault("a secret in the file", "write ${file:PATH} in its place")
    try:
        if key:
            private_key(key)
    except ValueError:
        members["key"].fault("no private key", "write ${file:PATH} of a key of OpenSSH or PEM, without passphrase")
    return Ssh(tuple(_line(each) for each in said), key)


def _needed(part: Part, *names: str, optional: tuple[str, ...] = ()) -> dict[str, Part]:
    members = part.only(*names, *optional)
    for name in names:
        if name not in members:
            part.fault(f"no {name}", f"add `{name}:`")
    return members


def _secret(part: Part) -> str:
    if without_references(part.written()).strip():
        part.fault("a secret in the file", "write ${env:NAME} or ${file:PATH} in its place")
    return _line(part)


def _line(part: Part) -> str:
    text = part.text()
    if not _LINE.fullmatch(text):
        part.fault("more than a line, or a control character", "write one line of text")
    return text


def _flag(part: Part) -> bool:
    written = part.scalar()
    if written not in ("true", "false"):
        part.fault(f"{written[:40]!r} is neither true nor false", "write true or false")
    return written == "true"


def _lines(members: Mapping[str, Part], name: str) -> tuple[str, ...]:
    return tuple(_line(each) for each in members[name].items()) if name in members else ()


def _one_of(kind: type[E], part: Part) -> E:
    text = part.scalar()
    try:
        return kind(text)
    except ValueError:
        part.fault(f"{text[:40]!r} is none of them", f"write one of {', '.join(each.value for each in kind)}")
