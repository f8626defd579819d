"""As whom calls are made: secrets are named, never written, and go into no command."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.definitions import check, load

DOCUMENT = """
document: {{dsl: '1.0.3', namespace: tests, name: who, version: '1.0.0'}}
use:
  secrets: [shop, bank]
  authentications:
    mine: {{digest: {{username: exlify, password: '${{ $secrets.bank.password }}'}}}}
do:
  - ask: {{call: http, with: {{method: get, endpoint: {{uri: 'https://e.com/{{id}}', authentication: {way}}}}}}}
"""
TOKEN = {"bearer": {"token": {"secret": "shop"}}}


def command(way: str) -> Any:
    (asked,) = [task for task in load(DOCUMENT.format(way=way)).tasks if task.name == "ask"]
    endpoint = asked.arguments.evaluate({"id": 7}, {})["endpoint"]  # type: ignore[attr-defined]
    assert endpoint["uri"] == "https://e.com/7"
    return endpoint["authentication"]


@pytest.mark.parametrize(
    ("way", "carried"),
    [
        ("{bearer: {token: '${ $secrets.shop }'}}", TOKEN),
        ("""{bearer: {token: '${ $secrets["shop"] }'}}""", TOKEN),
        ("{use: mine}", {"digest": {"username": "exlify", "password": {"secret": "bank", "member": "password"}}}),
        (
            "{basic: {use: bank}}",
            {"basic": {each: {"secret": "bank", "member": each} for each in ("username", "password")}},
        ),
        (
            "{oauth2: {authority: 'https://l', client: {id: x, secret: '${ $secrets.shop }'}, scopes: [a]}}",
            {
                "oauth2": {
                    "authority": "https://l",
                    "client": {"id": "x", "secret": {"secret": "shop"}},
                    "scopes": ["a"],
                }
            },
        ),
    ],
)
def test_command_carries_names_of_secrets(way: str, carried: Any) -> None:
    assert command(way) == carried


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("{bearer: {token: letmein}}", "`token` is a secret, and stands in the definition"),
        ("{bearer: {token: '${ .token }'}}", "`token` is no secret and no fixed text"),
        ("{bearer: {token: '${ \"a\" + $secrets.shop }'}}", "`token` is no secret and no fixed text"),
        ("{bearer: {token: '${ $secrets.other }'}}", "names the secret `other`, which is not declared"),
        ("{basic: {use: other}}", "names the secret `other`, which is not declared"),
        ("{bearer: {}}", "`bearer` is missing"),
        ("{bearer: {token: 7}}", "`token` is not a text"),
        (
            "{basic: {username: a, password: '${ $secrets.bank.password }', realm: x}}",
            "has a member that it cannot have",
        ),
        ("{magic: {}}", "is none of basic, digest, bearer, oauth2"),
        ("{use: yours}", "`use.authentications` has no `yours`"),
        ("{oauth2: {authority: 'https://l', grant: device}}", "`grant` is none of client_credentials"),
    ],
)
def test_what_cannot_be_is_told_and_no_secret_with_it(way: str, said: str) -> None:
    (fault,) = check(DOCUMENT.format(way=way))
    assert said in fault.message
    assert "letmein" not in f"{fault.message} {fault.remedy}"


def test_authentication_that_nobody_uses_is_judged_too() -> None:
    broken = DOCUMENT.replace("mine: {{digest", "mine: {{magic").format(way="{basic: {use: bank}}")
    (fault,) = check(broken)
    assert (fault.line, "is none of" in fault.message) == (6, True)


def test_secrets_stand_nowhere_else() -> None:
    text = DOCUMENT.format(way="{use: mine}") + "  - shown: {set: {token: '${ $secrets.shop }'}}\n"
    (fault,) = check(text)
    assert fault.code == "secret"
