"""How a definition says as whom a call is made: the ways of the language, and how a command carries them.

A command never holds a secret. In its place stands `{"secret": NAME}`, or `{"secret": NAME, "member": MEMBER}`; what
that is the site says, to whoever makes the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from schemas.payload import Json

SECRET, MEMBER, USE = "secret", "member", "use"


class AuthenticationError(ValueError):
    """What is wrong with an authentication; `place` are the names that lead there. It quotes no value."""

    def __init__(self, place: tuple[str, ...], what: str, remedy: str) -> None:
        super().__init__(what)
        self.place = place
        self.what = what
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Text:
    """A member that is a text."""

    secret: bool = False  # it has to come from the site
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Texts:
    """A member that is a list of texts."""


@dataclass(frozen=True, slots=True)
class Members:
    """A member that is an object."""

    known: Mapping[str, Part]
    required: tuple[str, ...] = ()


Part = Text | Texts | Members
_PLAIN, _SECRET = Text(), Text(secret=True)
_USER = Members({"username": _PLAIN, "password": _SECRET}, ("username", "password"))
WAYS: Mapping[str, Members] = {
    "basic": _USER,
    "digest": _USER,
    "bearer": Members({"token": _SECRET}, ("token",)),
    "oauth2": Members(
        {
            "authority": _PLAIN,
            "endpoints": Members({"token": _PLAIN}),
            "grant": Text(choices=("client_credentials", "password", "refresh_token")),
            "client": Members(
                {
                    "id": _PLAIN,
                    "secret": _SECRET,
                    "authentication": Text(choices=("client_secret_basic", "client_secret_post", "none")),
                },
                ("id",),
            ),
            "scopes": Texts(),
            "audiences": Texts(),
            "username": _PLAIN,
            "password": _SECRET,
            "refresh_token": _SECRET,
        },
        ("authority",),
    ),
}

_NEEDED = {"password": ("username", "password"), "refresh_token": ("refresh_token",)}  # by grant; else a client

Leaf = Callable[[Json, Text, tuple[str, ...]], Json]
"""Reads a text at its place; raises AuthenticationError."""


def read(given: Json, leaf: Leaf) -> dict[str, Json]:
    """The one way that is given, each text of it read by `leaf`. Raises AuthenticationError."""
    if not isinstance(given, dict) or len(given) != 1 or next(iter(given)) not in WAYS:
        known = ", ".join(WAYS)
        raise AuthenticationError((), f"is none of {known}", "write one of them: basic: {username: ..., password: ...}")
    ((way, said),) = given.items()
    if isinstance(said, dict) and said.keys() == {USE}:
        return {way: _from_secret(WAYS[way], said[USE], leaf, (way,))}
    found = _members(WAYS[way], said, leaf, (way,))
    if way == "oauth2":
        grant = found.get("grant", "client_credentials")
        for name in _NEEDED.get(grant, ("client",)):
            if name not in found:
                raise AuthenticationError((way, name), "is missing", f"the grant {grant} needs it")
    return {way: found}


def _from_secret(part: Members, name: Json, leaf: Leaf, place: tuple[str, ...]) -> Json:
    """All members that it needs, from one secret of the site."""
    if not isinstance(name, str) or not name:
        raise AuthenticationError((*place, USE), "is no name of a secret", "write use: NAME, one of use.secrets")
    if part is WAYS["oauth2"]:
        raise AuthenticationError((*place, USE), "cannot stand for a server of tokens", "write its members")
    return {each: leaf({SECRET: name, MEMBER: each}, _SECRET, (*place, each)) for each in part.required}


def _members(part: Members, given: Json, leaf: Leaf, place: tuple[str, ...]) -> dict[str, Json]:
    if not isinstance(given, dict):
        raise AuthenticationError(place, "is no object", f"write {', '.join(part.known)}")
    for name in given:
        if name not in part.known:
            raise AuthenticationError(place, "has a member that it cannot have", f"known are {', '.join(part.known)}")
    for name in part.required:
        if given.get(name) is None:
            raise AuthenticationError((*place, name), "is missing", f"write {name}: ...")
    return {name: _read(part.known[name], value, leaf, (*place, name)) for name, value in given.items()}


def _read(part: Part, value: Json, leaf: Leaf, place: tuple[str, ...]) -> Json:
    match part:
        case Members():
            return _members(part, value, leaf, place)
        case Texts():
            if not isinstance(value, list):
                raise AuthenticationError(place, "is no list of texts", "write [read, write]")
            return [leaf(each, _PLAIN, place) for each in value]
        case Text():
            found = leaf(value, part, place)
            if part.choices and found not in part.choices:
                raise AuthenticationError(place, f"is none of {', '.join(part.choices)}", "write one of them")
            return found
