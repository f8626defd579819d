"""As whom a connection calls: its credentials and its certificate, as the site gives them. They are shown to nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Grant(StrEnum):
    """What a token is asked for with (RFC 6749)."""

    CLIENT_CREDENTIALS = "client_credentials"
    PASSWORD = "password"  # a name
    REFRESH_TOKEN = "refresh_token"  # a name


class ClientSecret(StrEnum):
    """How a client proves to the token endpoint who it is."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Basic:
    """User and password (RFC 7617)."""

    username: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Digest:
    """User and password that are not sent, but a proof of them (RFC 7616)."""

    username: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token that somebody has made (RFC 6750)."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key in a header, or in the query."""

    name: str
    value: str = field(repr=False)
    in_query: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2:
    """A token that is fetched, kept and renewed."""

    token_url: str = field(repr=False)
    grant: Grant = Grant.CLIENT_CREDENTIALS
    client: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    proof: ClientSecret = ClientSecret.POST
    scopes: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    trusted: bool = True  # by the site; else the policy judges where tokens are asked for


@dataclass(frozen=True, slots=True)
class Webhook:
    """What deliveries to somebody else are signed with (Standard Webhooks); several while the secret changes."""

    secrets: tuple[bytes, ...] = field(repr=False)
    private: bool = False  # whether the name of the endpoint may lead inside of the network


Credentials = Basic | Digest | Bearer | ApiKey | OAuth2 | Webhook
NAMES = {Basic: "basic", Digest: "digest", Bearer: "bearer", ApiKey: "key", OAuth2: "oauth2", Webhook: "webhook"}


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificates in PEM: our own with its key, and whom we trust instead of the usual authorities."""

    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    authority: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Ssh:
    """By which keys a server is known that speaks SSH, as OpenSSH writes them, and our own key."""

    host_keys: tuple[str, ...]
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """All that a connection says of itself."""

    credentials: Credentials | None = None
    tls: Tls | None = None
    ssh: Ssh | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The ways in which it does, for people."""
        named = () if self.credentials is None else (NAMES[type(self.credentials)],)
        if self.ssh is not None and self.ssh.key:
            return (*named, "key")
        return (*named, "certificate") if self.tls is not None and self.tls.certificate else named


NOBODY = Identity()

IdentityOf = Callable[[str], Identity]
"""As whom a connection calls now, by the folded name that the site gave it."""


def nobody(name: str) -> Identity:
    """No connection says who it is."""
    return NOBODY
