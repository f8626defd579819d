"""A mail as bytes: what a call says, with a Message-ID that is the same whenever the same call is made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256

from connectors.hub.contract import Asked
from schemas.payload import Json

MAILBOX = re.compile(
    r"(?!\.|.*=\?)"  # what would be taken for something encoded is nobody's
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
)
MOST_RECIPIENTS = 100


@dataclass(frozen=True, slots=True)
class Mail:
    """Ready to be sent; shown, it tells nothing of anybody."""

    sender: str = field(repr=False)
    recipients: tuple[str, ...] = field(repr=False)
    content: bytes = field(repr=False)
    message_id: str


def written(asked: Asked) -> Mail:
    """The mail of a call; raises ArgumentError."""
    given = asked.arguments
    sender = _mailbox(asked, "from", given["from"])
    to, cc = _mailboxes(asked, "to", given["to"]), _mailboxes(asked, "cc", given.get("cc", []))
    if len(to) + len(cc) > MOST_RECIPIENTS:
        raise asked.operation.fault("to", f"are more than {MOST_RECIPIENTS}, with those of cc")
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"] = sender, ", ".join(to)
    if cc:
        made["Cc"] = ", ".join(cc)
    if "replyTo" in given:
        made["Reply-To"] = _mailbox(asked, "replyTo", given["replyTo"])
    made["Subject"] = subject = _line(asked, "subject", given["subject"])
    if made["Subject"] != subject:  # what it hides may be line breaks, and further headers behind them
        raise asked.operation.fault("subject", "is read as something else; leave out =? and ?=")
    made["Message-ID"] = message_id = (
        f"<{sha256(asked.call.key.encode()).hexdigest()[:32]}@{sender.rpartition('@')[2]}>"
    )
    made.set_content(_unicode(asked, "text", given["text"]))
    if "html" in given:
        made.add_alternative(_unicode(asked, "html", given["html"]), subtype="html")
    return Mail(sender, tuple(dict.fromkeys((*to, *cc))), made.as_bytes(), message_id)


def _mailboxes(asked: Asked, name: str, value: Json) -> Sequence[str]:
    many = [value] if isinstance(value, str) else value
    if not isinstance(many, list) or (name == "to" and not many):
        raise asked.operation.fault(name, "is no mailbox and no list of them")
    return [_mailbox(asked, name, each) for each in many]


def _mailbox(asked: Asked, name: str, value: Json) -> str:
    if not isinstance(value, str) or not MAILBOX.fullmatch(value):  # who it is, is not quoted
        raise asked.operation.fault(name, "is no mailbox such as desk@example.com")
    return value


def _line(asked: Asked, name: str, text: str) -> str:
    if len(text.splitlines()) != 1 or not text.isprintable():
        raise asked.operation.fault(name, "is not one line")
    return _unicode(asked, name, text)


def _unicode(asked: Asked, name: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise asked.operation.fault(name, "is no Unicode") from None
    return text
