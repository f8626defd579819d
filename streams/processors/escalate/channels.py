"""One channel of `channels.yaml`, and the call by which a notice goes out on it. Pure; `notify` makes the call.

    chat:   {webhook: 'https://chat.example.com/hooks/${env:CHAT}', body: {text: '{severity}: {title}'}, effect: keyed}
    prom:   {alertmanager: 'http://alerts.example.com:9093'}
    desk:   {ticket: 'https://tickets.example.com/api/issues', body: {subject: '{title}'}, reference: /number,
             close: {path: '/{reference}/close', body: {note: ended}}}
    boss:   {mail: 'smtps://exlify:${env:MAIL}@mail.example.com', from: exlify@example.com, to: [boss@example.com]}

A template is a text with names of the notice in braces (`NAMES`). Addresses and headers may hold secrets, so they stay
in this process; what travels is what a notice says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from schemas.functions import EffectClass
from schemas.payload import Json
from schemas.times import rfc3339
from streams.ground.references import without_references

if TYPE_CHECKING:
    from streams.ground.site_yaml import Part

WEBHOOK, ALERTMANAGER, TICKET, MAIL = "webhook", "alertmanager", "ticket", "mail"
KINDS: Final = (WEBHOOK, ALERTMANAGER, TICKET, MAIL)
OPENED, ESCALATED, CLOSED = "opened", "escalated", "closed"

NAMES: Final = (
    "event", "severity", "kind", "title", "detail", "count", "total", "workflow", "owner", "instance", "alert",
    "since", "reference",
)  # fmt: skip
"""What a template may say of a notice."""

LASTS_MS = 30 * 86_400_000  # an alert at Alertmanager that nobody closes
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_PLACE = re.compile(r"\{(\w+)\}")
_MAILBOX = re.compile(r"[^@\s<>,;:\"]+@[^@\s<>,;:\"]+")
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    WEBHOOK: ("headers", "body", "effect", "closes"),
    ALERTMANAGER: ("headers", "closes"),
    TICKET: ("headers", "body", "effect", "reference", "close"),
    MAIL: ("from", "to", "closes"),
}
_SCHEMES: Final[Mapping[str, tuple[str, ...]]] = {MAIL: ("smtp", "smtps")}
_CLASSES = {each.value: each for each in (EffectClass.BLIND, EffectClass.KEYED, EffectClass.IDEMPOTENT)}


@dataclass(frozen=True, slots=True)
class Close:
    """How a ticket is told that its alert has ended: a path behind its address, and a body."""

    path: str
    method: str = "post"
    body: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One way to somebody."""

    name: str
    kind: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Json = field(default=None, repr=False)
    effect: EffectClass = EffectClass.BLIND
    closes: bool = True  # whether it is told that an alert has ended
    reference: str = ""  # where in the answer stands what the other side calls it: a JSON Pointer
    close: Close | None = None
    sender: str = ""
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asking:
    """The call of an operation of the hub by which a notice goes out."""

    function: str
    arguments: Mapping[str, Json]
    effect: EffectClass | None


def asking(channel: Channel, notice: Mapping[str, Any]) -> Asking | None:
    """The call for a notice (`schemas.messages.ALERT` with `event`, `at_ms` and `reference`).

    None where there is nothing to send: a ticket that was never given a number cannot be closed.
    """
    said = _said(notice)
    if channel.kind == MAIL:
        return Asking("mail.send", _mail(channel, said), None)
    if channel.kind == ALERTMANAGER:
        return _http(channel, "/api/v2/alerts", [_prometheus(notice, said)])
    if channel.close is not None and notice["event"] == CLOSED:
        if not notice["reference"]:
            return None
        path = _filled(channel.close.path, {**said, "reference": quote(said["reference"], safe="")})
        return _http(channel, path, _filled(channel.close.body, said), channel.close.method)
    return _http(channel, "", said if channel.body is None else _filled(channel.body, said))


def _http(channel: Channel, path: str, body: Json, method: str = "post") -> Asking:
    arguments = {"method": method, "endpoint": f"connection://{channel.name}{path}", "headers": dict(channel.headers)}
    return Asking("http", {**arguments, "body": body}, channel.effect)


def _said(notice: Mapping[str, Any]) -> dict[str, str]:
    """What templates may say."""
    renamed = {"instance": "instance_id", "alert": "alert_id"}
    said = {name: notice.get(renamed.get(name, name)) for name in NAMES if name != "since"}
    texts = {name: "" if value is None else str(value) for name, value in said.items()}
    return {**texts, "since": rfc3339(notice["since_ms"])}


def _prometheus(notice: Mapping[str, Any], said: Mapping[str, str]) -> Json:
    labels = {"alertname": f"Exlify{said['kind'].capitalize()}", "alert_id": said["alert"]}
    labels |= {name: said[name] for name in ("severity", "kind", "workflow", "owner") if said[name]}
    ends_ms = notice["at_ms"] + (0 if notice["event"] == CLOSED else LASTS_MS)
    return {
        "labels": labels,
        "annotations": {"summary": said["title"], "description": said["detail"], "count": said["count"]},
        "startsAt": rfc3339(notice["opened_at_ms"]),
        "endsAt": rfc3339(ends_ms),
    }


def _mail(channel: Channel, said: Mapping[str, str]) -> Mapping[str, Json]:
    lines = [f"{name}: {said[name]}" for name in NAMES if said[name] and name not in ("title", "event")]
    return {
        "connection": channel.name,
        "from": channel.sender,
        "to": list(channel.to),
        "subject": f"[{said['severity']}] {said['title']}" + (f" ({said['event']})" if said["event"] != OPENED else ""),
        "text": "\n".join([said["title"], "", *lines, ""]),
    }


def _filled(value: Json, said: Mapping[str, str]) -> Json:
    """A template with everything in place."""
    if isinstance(value, str):
        return _PLACE.sub(lambda found: said.get(found[1], found[0]), value)
    if isinstance(value, list):
        return [_filled(each, said) for each in value]
    if isinstance(value, dict):
        return {name: _filled(each, said) for name, each in value.items()}
    return value


def read_channel(name: str, part: Part) -> Channel:
    """A channel as the file has it; faults with their place."""
    if not _NAME.fullmatch(name):
        part.fault(f"{name[:70]!r} is no name of a channel", "use small letters, digits and hyphens")
    kinds = [each for each in KINDS if each in part.members()]
    if len(kinds) != 1:
        part.fault("no kind of channel", f"give one of {', '.join(KINDS)} with its address")
    kind = kinds[0]
    members = part.only(kind, *_KEYS[kind])
    headers = members["headers"].members() if "headers" in members else {}
    return Channel(
        name=name,
        kind=kind,
        url=_address(members[kind], _SCHEMES.get(kind, ("http", "https"))),
        headers={each: value.text() for each, value in headers.items()},
        body=_template(members["body"]) if "body" in members else None,
        effect=_effect(members["effect"]) if "effect" in members else _usual_effect(kind),
        closes=_flag(members["closes"]) if "closes" in members else kind != TICKET or "close" in members,
        reference=_pointer(members["reference"]) if "reference" in members else "",
        close=_close(members["close"]) if "close" in members else None,
        **(_people(part, members) if kind == MAIL else {}),
    )


def _people(part: Part, members: Mapping[str, Part]) -> dict[str, Any]:
    for each in ("from", "to"):
        if each not in members:
            part.fault(f"no `{each}`", "add `from: exlify@example.com` and `to: [ops@example.com]`")
    to = tuple(map(_mailbox, members["to"].items()))
    if not to:
        members["to"].fault("nobody", "name at least one mailbox")
    return {"sender": _mailbox(members["from"]), "to": to}


def _usual_effect(kind: str) -> EffectClass:
    return EffectClass.IDEMPOTENT if kind == ALERTMANAGER else EffectClass.BLIND


def _address(part: Part, schemes: tuple[str, ...]) -> str:
    text = part.text()
    shape = f"{' or '.join(f'{each}://HOST' for each in schemes)}, with /PATH if there is one"
    try:
        parts = urlsplit(text)
        known = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        known = False
    if not known:
        part.fault("no address of such a channel", f"write {shape}")
    return text


def _template(part: Part) -> Json:
    """JSON with templates in its texts; a fault where one says what nobody knows."""
    if part.is_mapping:
        return {name: _template(each) for name, each in part.members().items()}
    if part.is_list:
        return [_template(each) for each in part.items()]
    if not part.is_text:
        try:
            return json.loads(part.scalar())
        except ValueError:
            part.fault("no JSON", "write it in quotes")
    for found in _PLACE.finditer(without_references(part.written())):
        if found[1] not in NAMES:
            part.fault(f"{{{found[1][:40]}}} is nothing that a notice says", f"write one of {', '.join(NAMES)}")
    return part.text()


def _close(part: Part) -> Close:
    members = part.only("path", "method", "body")
    path = str(_template(members["path"])) if "path" in members else ""
    if not path.startswith("/"):
        part.fault("no path", "add `path: '/{reference}'`")
    method = members["method"].scalar() if "method" in members else "post"
    if method not in ("post", "put", "patch", "delete"):
        members["method"].fault("no method", "write post, put, patch or delete")
    return Close(path, method, _template(members["body"]) if "body" in members else None)


def _effect(part: Part) -> EffectClass:
    text = part.scalar()
    if text not in _CLASSES:
        part.fault("none of the choices", f"write one of {', '.join(_CLASSES)}")
    return _CLASSES[text]


def _flag(part: Part) -> bool:
    text = part.scalar()
    if text not in ("true", "false"):
        part.fault("neither true nor false", "write one of the two")
    return text == "true"


def _pointer(part: Part) -> str:
    text = part.scalar()
    if not text.startswith("/"):
        part.fault("no JSON Pointer", "begin with /")
    return text


def _mailbox(part: Part) -> str:
    text = part.text()
    if not _MAILBOX.fullmatch(text):
        part.fault("no mailbox", "write one such as ops@example.com")
    return text
