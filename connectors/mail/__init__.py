"""Mail by SMTP: `call: mail.send`. The declaration stands here; `connector` plans and sends, `message` writes."""

from connectors.declaration import Declaration
from schemas.functions import Argument, Function, Kind

_MAILBOXES = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}

SEND = Function(
    name="mail.send",
    summary="Sends a mail to all of its recipients, or to none.",
    arguments=(
        Argument(
            name="connection",
            summary="Name of the mail server in the settings: smtps://USER:PASSWORD@HOST, or smtp://HOST.",
            kind=Kind.NAME,
            required=True,
            example="connection: post",
        ),
        Argument(
            name="from",
            summary="Mailbox of the sender.",
            kind=Kind.LINE,
            required=True,
            example="from: orders@example.com",
        ),
        Argument(
            name="to",
            summary="Mailboxes of the recipients, or one.",
            kind=Kind.TYPED,
            schema=_MAILBOXES,
            required=True,
            example="to: ['${ .customer.mail }']",
        ),
        Argument(
            name="cc",
            summary="Mailboxes that get a copy.",
            kind=Kind.TYPED,
            schema=_MAILBOXES,
            example="cc: [desk@example.com]",
        ),
        Argument(
            name="replyTo",
            summary="Mailbox that answers go to.",
            kind=Kind.LINE,
            example="replyTo: desk@example.com",
        ),
        Argument(
            name="subject",
            summary="Subject, one line.",
            kind=Kind.LINE,
            required=True,
            max_length=500,
            example="subject: Your order",
        ),
        Argument(
            name="text", summary="The mail as plain text.", kind=Kind.LINE, required=True, example="text: Thanks."
        ),
        Argument(name="html", summary="The same as HTML.", kind=Kind.LINE, example="html: '<p>Thanks.</p>'"),
    ),
    output={"type": "object", "required": ["messageId"], "properties": {"messageId": {"type": "string"}}},
    example="{connection: post, from: a@example.com, to: [b@example.com], subject: Your order, text: Thanks.}",
    effect_note="blind: a mail that may have gone is not sent again; its Message-ID is made of the key of the step",
)

DECLARATION = Declaration(
    name="mail", summary="Mail by SMTP.", make="connectors.mail.connector:MailConnector", operations=(SEND,)
)
