"""`scheme` and its `secret` of a hook, as `hooks.yaml` has them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from streams.gateway.signatures import BASE64, HEX, SCHEMES, Scheme

if TYPE_CHECKING:
    from streams.ground.site_yaml import Part

STANDARD = "standard"
LEAST_SECRET = 16  # characters
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def read_scheme(part: Part) -> Scheme | None:
    """The scheme; None for Standard Webhooks. Faults with their place."""
    if part.is_mapping:
        return _own(part)
    name = part.scalar()
    if name == STANDARD:
        return None
    if name not in SCHEMES:
        part.fault(f"{name[:40]!r} is no scheme", f"write {STANDARD}, {', '.join(SCHEMES)}, or one of your own")
    return SCHEMES[name]


def read_secrets(part: Part) -> tuple[bytes, ...]:
    """Secrets as the sender has them: texts, separated by blanks. Faults with their place."""
    secrets = part.text().split()
    if not secrets or any(len(each) < LEAST_SECRET for each in secrets):
        part.fault("it stands for no secret", f"let it stand for texts of at least {LEAST_SECRET} characters")
    return tuple(each.encode() for each in secrets)


def _own(part: Part) -> Scheme:
    members = part.only("header", "prefix", "encoding", "timestamp", "signed")
    if "header" not in members:
        part.fault("no header", "add `header:` and the name of the header with the signature")
    written = {name: each.scalar() for name, each in members.items()}
    for name in ("header", "timestamp"):
        if name in members and not _HEADER.fullmatch(written[name]):
            members[name].fault("no name of a header", "write letters, digits and hyphens: X-Signature")
    if written.get("encoding", HEX) not in (HEX, BASE64):
        members["encoding"].fault("no encoding of a signature", f"write {HEX} or {BASE64}")
    signed = written.get("signed", "{timestamp}.{body}" if "timestamp" in written else "{body}")
    if signed.count("{body}") != 1:
        members["signed"].fault("it has not {body} once", "write what is signed: '{timestamp}.{body}'")
    if ("{timestamp}" in signed) != ("timestamp" in written):
        part.fault(
            "a time that is not signed, or signed and not sent", "name its header in `timestamp`, and it in `signed`"
        )
    return Scheme(
        header=written["header"],
        prefix=written.get("prefix", ""),
        encoding=written.get("encoding", HEX),
        timestamp=written.get("timestamp", ""),
        signed=signed,
    )
