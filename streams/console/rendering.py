"""From a view to bytes: HTML by a template, or the same data as JSON."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from schemas.payload import Payload, UnreadablePayloadError
from schemas.times import rfc3339
from streams.console import words
from streams.console.page import View
from streams.ground.terminal import visible_lines

HERE = Path(__file__).parent
STATIC = HERE / "static"

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
PRIVATE = {**SECURITY, "Cache-Control": "no-store", "Vary": "Accept, Cookie"}


def html(view: View, **around: Any) -> web.Response:
    """The view as a page; `around` is what every page shows besides (who is there, what the navigation counts)."""
    headers = {**PRIVATE, **view.headers}
    text = page_text(view, around)
    return web.Response(status=view.status, text=text, content_type="text/html", charset="utf-8", headers=headers)


def page_text(view: View, around: Mapping[str, Any]) -> str:
    """The text of a page."""
    shown = {**view.data, **view.drawn}
    if twice := shown.keys() & around.keys():
        raise ValueError(f"{view.template}: {', '.join(sorted(twice))} stands for two things")
    return rendered(view.template, {**shown, **around})


def as_json(view: View) -> web.Response:
    """What the page shows, for programs."""
    body = orjson.dumps(view.data, default=_readable, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    headers = {**PRIVATE, **view.headers}
    return web.Response(status=view.status, body=body, content_type="application/json", headers=headers)


def rendered(template: str, data: Mapping[str, Any]) -> str:
    """The text of a template. Raises where it uses a name that it was not given."""
    return environment().get_template(template).render(data)


@cache
def environment() -> Environment:
    """The templates: everything escaped, nothing undefined passed over."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=visible,
    )
    made.filters.update(
        titled=words.titled, status_word=words.status_word, span=words.span, size=words.size, number=words.number,
        counted=words.counted, plain=words.plain, moment=moment, pretty=pretty, unjson=unjson, moment_of=moment_of,
        reason=words.reason,
        kind=words.kind,
        narrowed=words.narrowed,
    )  # fmt: skip
    made.globals.update(static=static_path, effects=words.EFFECTS)
    return made


def visible(value: Any) -> Any:
    """What is put into a page: with escapes in place of what steers terminals or turns the order of letters."""
    if not isinstance(value, str) or value.isprintable():  # most are, and a page puts in a thousand
        return value
    return type(value)(visible_lines(value))


def moment(at_ms: int | None) -> Markup:
    """A time: in UTC here, and in the reader's own zone once the script has seen it."""
    if at_ms is None:
        return Markup("–")
    text = rfc3339(at_ms)
    return Markup(f'<time datetime="{text}">{text[:19].replace("T", " ")} UTC</time>')  # digits and signs of ours


def moment_of(rfc3339_text: str) -> Markup:
    """As `moment`, of a time that is a text."""
    return moment(round(datetime.fromisoformat(rfc3339_text).timestamp() * 1_000))


def pretty(value: Any) -> str:
    """Data as indented JSON; what cannot be read says why."""
    try:
        data = value.value() if isinstance(value, Payload) else value
    except UnreadablePayloadError as error:
        return str(error)
    return json.dumps(data, indent=2, ensure_ascii=False, default=_readable)


def unjson(text: str) -> str:
    """A choice of a form, which stands there as JSON, for people."""
    return words.plain(json.loads(text))


def static_path(name: str) -> str:
    """The address of a file of ours, which changes with its content, so that browsers may keep it."""
    return f"/static/{_fingerprint(name)}/{name}"


@cache
def alone(name: str) -> tuple[Markup, str]:
    """A style of ours for a page that is one file, and the policy that lets the page have it and fetch nothing."""
    style = (STATIC / name).read_text()
    known = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{known}'; base-uri 'none'; frame-ancestors 'none'"
    return Markup(f"<style>{style}</style>"), policy  # no text of anybody's


@cache
def _fingerprint(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def _readable(value: Any) -> Any:
    if isinstance(value, Payload):
        try:
            return value.value()
        except UnreadablePayloadError as error:
            return str(error)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    raise TypeError(type(value).__name__)
