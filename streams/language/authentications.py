"""As whom calls are made: `authentication` of an endpoint, `use.authentications` and `use.secrets`.

A secret is named and never written: `${ $secrets.NAME }`, or a member of it. What comes of it goes into the command as
its name, and whoever makes the call asks the site.
"""

from __future__ import annotations

import re

from schemas.authentication import MEMBER, SECRET, USE, WAYS, AuthenticationError, Members, Part, Text, Texts
from schemas.authentication import read as read_ways
from schemas.payload import Json
from streams.language.forms import FIXED_TEXT, TEXT, Form, closed, defined, either
from streams.language.nodes import Node
from streams.language.uses import named

AUTHENTICATIONS, SECRETS = "authentications", "secrets"
_EXAMPLE = "authentication: {basic: {username: exlify, password: '${ $secrets.shop }'}}"
_REFERENCE = re.compile(r"\s*\$\{\s*\$secrets((?:\.[A-Za-z_]\w*|\[\"[\w-]+\"\]|\.\"[\w-]+\"){1,2})\s*\}\s*", re.ASCII)
_PART = re.compile(r"[\w-]+", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][\w-]{0,62}", re.ASCII)


def _form(part: Part) -> Form:
    match part:
        case Members(known, required):
            return closed({name: _form(each) for name, each in known.items()}, required)
        case Texts():
            return {"type": "array", "items": TEXT}
        case Text(_, choices):
            return {"enum": list(choices)} if choices else TEXT


_BY_USE = closed({USE: FIXED_TEXT}, [USE])
_WAYS = [closed({way: either(_form(part), _BY_USE)}, [way]) for way, part in WAYS.items()]
DEFINITIONS: dict[str, Form] = {"authentication": either(*_WAYS)}
FORM: Form = either(defined("authentication"), _BY_USE)
USE_KEYS: dict[str, Form] = {
    AUTHENTICATIONS: {"type": "object", "additionalProperties": defined("authentication")},
    SECRETS: {"type": "array", "uniqueItems": True, "items": FIXED_TEXT},
}


def read(node: Node) -> Json:
    """The authentication as a command has it; faults at their places."""
    if isinstance(node.value, dict) and node.value.keys() == {USE}:
        found = named(node.child(USE), AUTHENTICATIONS)
        return {} if found is None else _read(found, told=False)
    return _read(node)


def check(definition: Node) -> None:
    """What stands under `use`, whether it is used or not."""
    use = definition.optional("use")
    if use is None:
        return
    secrets, ways = use.optional(SECRETS), use.optional(AUTHENTICATIONS)
    for each in secrets.items("secrets: [shop]") if secrets is not None else ():
        if not isinstance(each.value, str) or not _NAME.fullmatch(each.value):
            each.fault("name", "a secret has a name of letters, digits, _ and hyphens", "write secrets: [shop]")
    if ways is None:
        return
    if not isinstance(ways.value, dict):
        ways.wrong_type("an object", f"{AUTHENTICATIONS}: {{shop: {{basic: ...}}}}")
        return
    for name in ways.value:
        _read(ways.child(name))


def _read(node: Node, *, told: bool = True) -> Json:
    """`told`: whether faults are noted; those of `use` are noted there, once."""

    def leaf(value: Json, text: Text, place: tuple[str, ...]) -> Json:
        if isinstance(value, dict) and value.keys() == {SECRET, MEMBER}:
            return _known(node, value[SECRET], value, place)
        if not isinstance(value, str) or not value.strip():
            raise AuthenticationError(place, "is not a text", "write a text, or ${ $secrets.NAME }")
        found = _REFERENCE.fullmatch(value)
        if found is not None:
            name, *member = _PART.findall(found[1])
            return _known(node, name, {SECRET: name, **({MEMBER: member[0]} if member else {})}, place)
        if "${" in value:
            raise AuthenticationError(place, "is no secret and no fixed text", "write ${ $secrets.NAME }, or a text")
        if text.secret:
            raise AuthenticationError(place, "is a secret, and stands in the definition", "write ${ $secrets.NAME }")
        return value

    try:
        return read_ways(node.value, leaf)
    except AuthenticationError as error:
        if told:
            _at(node, error.place).fault(
                "authentication", f"`{_at(node, error.place).name}` {error.what}", error.remedy
            )
        return {}


def _known(node: Node, name: str, reference: Json, place: tuple[str, ...]) -> Json:
    secrets = _of_use(node, SECRETS)
    if secrets is None or not isinstance(secrets.value, list) or name not in secrets.value:
        raise AuthenticationError(
            place, f"names the secret `{name}`, which is not declared", f"write use: {{secrets: [{name}]}}"
        )
    return reference


def _of_use(node: Node, name: str) -> Node | None:
    use = Node(node.source, (), node.source.value).optional("use")
    return None if use is None else use.optional(name)


def _at(node: Node, place: tuple[str, ...]) -> Node:
    """The place, or as near to it as there is one."""
    for name in place:
        inner = node.optional(name)
        if inner is None:
            return node
        node = inner
    return node
