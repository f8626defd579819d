"""Secrets that definitions name: `secrets.yaml` of the site folder.

    shop: {value: '${env:SHOP_TOKEN}', hosts: [api.shop.example.com]}
    bank: {username: exlify, password: '${file:secrets/bank}', hosts: ['*.bank.example.com']}

A definition may send a secret where it likes, so the site says who is told it: no other host ever is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from connectors.hub.secrets import WHOLE, Secret
from streams.ground.references import without_references

if TYPE_CHECKING:
    from streams.ground.site_yaml import Part

FILE = "secrets.yaml"
HOSTS, VALUE = "hosts", "value"
_NAME = re.compile(r"[A-Za-z_][\w-]{0,62}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9*?.:_-]{1,253}", re.ASCII)
_LINE = re.compile(r"[\x20-\x7e\x80-\ud7ff\ue000-\uffff]*")


def read_secrets(document: Part | None) -> Mapping[str, Secret]:
    """What the file says; faults with their place, and no word of a secret."""
    found: dict[str, Secret] = {}
    for name, part in document.members().items() if document else ():
        if not _NAME.fullmatch(name):
            part.fault("no name of a secret", "use letters, digits, _ and hyphens")
        found[name] = _secret(part)
    return found


def _secret(part: Part) -> Secret:
    members = part.members()
    if HOSTS not in members or len(members) < 2:
        part.fault("no secret", "write `value:`, or its members, and `hosts:` that are told it")
    hosts = tuple(_host(each) for each in members.pop(HOSTS).items())
    if not hosts:
        part.fault("no hosts", "write those that are told it: hosts: [api.example.com]")
    if VALUE in members and len(members) > 1:
        part.fault("a value, and members beside it", "keep one of them")
    return Secret({WHOLE if name == VALUE else name: _text(each, name) for name, each in members.items()}, hosts)


def _host(part: Part) -> str:
    host = part.text()
    if not _HOST.fullmatch(host):
        part.fault("no host", "write its name: api.example.com, or *.example.com")
    return host


def _text(part: Part, name: str) -> str:
    if name not in ("username", "id") and without_references(part.written()).strip():
        part.fault("a secret in the file", "write ${env:NAME} or ${file:PATH} in its place")
    text = part.text()
    if not _LINE.fullmatch(text):
        part.fault("more than a line, or a control character", "write one line of text")
    return text
