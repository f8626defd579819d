"""What calls that publish a message declare alike, whatever takes it (`published` reads it). Loads no client."""

from schemas.functions import Argument, Kind, Values

VALUE = Argument(
    name="value",
    summary="The message: a text as it is, anything else as JSON. With `event` it is the data of the event.",
    required=True,
    example="value: '${ .order }'",
)
HEADERS = Argument(
    name="headers",
    summary="Headers of the message, as texts.",
    kind=Kind.OBJECT,
    values=Values.SCALAR,
    example="headers: {tenant: north}",
)


def event(summary: str) -> Argument:
    """The attributes of the CloudEvent that a message is."""
    return Argument(
        name="event",
        summary=f"Attributes of a CloudEvent, at least source and type{summary}",
        kind=Kind.OBJECT,
        values=Values.SCALAR,
        example="event: {source: /exlify/orders, type: com.example.order.placed}",
    )


def effect_note(readers: str) -> str:
    """Whether a message may be sent twice; `readers` is what they go by where it is no event."""
    return (
        "keyed with `event`, whose id is made of the key of the step, the same however often it is sent; else blind,"
        f" unless the definition says that readers {readers} (`metadata: {{effect: keyed}}`)"
    )
