"""A mail that came, as data: who, what about, its text, its attachments. Whatever it holds, it is read or refused."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from email import policy
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any

from connectors.codecs import charsets
from connectors.codecs.scalars import CodecError
from schemas.payload import Json
from schemas.times import rfc3339

MOST_PARTS = 200
_MOST_DELIMITERS = 2_000  # lines that may begin a part: each costs as much as a mail
_LONGEST_HEADER = 10_000
# What says how a part is to be read, with the lines that go on with it: reading it takes the square of its length.
_OF_PARTS = re.compile(rb"(?:\A|[\r\n])content-[a-z-]{1,40}:[^\r\n]*(?:(?:\r\n|\r|\n)[ \t][^\r\n]*)*", re.IGNORECASE)
_ONE = (("messageId", "Message-ID"), ("inReplyTo", "In-Reply-To"), ("subject", "Subject"))
_MANY = (("from", "From"), ("to", "To"), ("cc", "Cc"), ("replyTo", "Reply-To"))
_PEOPLE = frozenset(header.lower() for _, header in _MANY)  # reading lists of them takes long, however they are divided


def read(content: bytes) -> Json:
    """The mail; raises CodecError, which quotes nothing of it."""
    try:
        return _read(content)
    except CodecError:
        raise
    except (ValueError, LookupError, MessageError, RecursionError, TypeError, AttributeError, AssertionError):
        # What the library raises for mails that are none is any of these.
        raise CodecError("is no mail that can be read") from None


def _read(content: bytes) -> Json:
    if content.lower().count(b"multipart/") > MOST_PARTS:
        raise CodecError(f"has more than {MOST_PARTS} parts")
    if content.count(b"\n--") > _MOST_DELIMITERS:
        raise CodecError("has too many lines that may begin a part")
    made: Any = BytesParser(policy=policy.compat32).parsebytes(content, headersonly=True)
    of_parts = (found.end() - found.start() for found in _OF_PARTS.finditer(content))
    if any(size > _LONGEST_HEADER for size in (*map(len, map(str, made.values())), *of_parts)):
        raise CodecError("has a header that is too long to be read")
    if sum(len(str(value)) for name, value in made.items() if name.lower() in _PEOPLE) > 2 * _LONGEST_HEADER:
        raise CodecError("names too many people to be read")
    mail: Any = BytesParser(policy=policy.default).parsebytes(content)
    found: dict[str, Json] = {name: _line(mail, header) for name, header in _ONE}
    found |= {name: _people(mail, header) for name, header in _MANY}
    found["date"] = _moment(mail)
    texts: dict[str, str] = {}
    attachments: list[Json] = []
    for part in _parts(mail):
        kind = part.get_content_type()
        is_text = kind in ("text/plain", "text/html") and part.get_content_disposition() != "attachment"
        if is_text and kind not in texts:
            texts[kind] = _clean(_text(part))
        else:
            attachments.append(_attachment(part, kind))
    found |= {"text": texts.get("text/plain"), "html": texts.get("text/html"), "attachments": attachments}
    return found


def _parts(mail: EmailMessage) -> Iterator[EmailMessage]:
    for number, part in enumerate(mail.walk()):
        if number >= MOST_PARTS:
            raise CodecError(f"has more than {MOST_PARTS} parts")
        if not part.is_multipart():
            yield part


def _text(part: EmailMessage) -> str:
    raw = part.get_payload(decode=True)
    content = raw if isinstance(raw, bytes) else b""
    try:
        return content.decode(charsets.known(part.get_content_charset("utf-8")), "replace")
    except CodecError:  # a charset that nobody knows, or that is none of plain text
        return content.decode("utf-8", "replace")


def _attachment(part: EmailMessage, kind: str) -> Json:
    raw = part.get_payload(decode=True)
    content = raw if isinstance(raw, bytes) else b""
    name = part.get_filename()
    return {
        "filename": None if name is None else _clean(name),
        "contentType": kind,
        "size": len(content),
        "base64": base64.b64encode(content).decode(),
    }


def _line(mail: EmailMessage, header: str) -> str | None:
    value = mail.get(header)
    return None if value is None else _clean(" ".join(str(value).split()))


def _people(mail: EmailMessage, header: str) -> Json:
    found = getaddresses([str(each) for each in mail.get_all(header, [])])
    return [{"name": _clean(name) or None, "address": _clean(address)} for name, address in found if address]


def _moment(mail: EmailMessage) -> str | None:
    try:
        return rfc3339(int(parsedate_to_datetime(str(mail["Date"])).timestamp() * 1_000))
    except (ValueError, TypeError, OverflowError):
        return None


def _clean(text: str) -> str:
    """Without what JSON in UTF-8 cannot say."""
    return text.encode("utf-8", "replace").decode()
