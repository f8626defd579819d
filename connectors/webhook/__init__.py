"""Webhooks to others: `call: webhook.send`. The declaration stands here; `connector` plans, signs and sends."""

from connectors.declaration import Declaration
from schemas.functions import Argument, EffectClass, Function, Kind

SEND = Function(
    name="webhook.send",
    summary="Sends an event to the endpoint of somebody else, signed after Standard Webhooks.",
    arguments=(
        Argument(
            name="connection",
            summary="Name of the endpoint: a connection with `authentication: {webhook: {secret: ...}}`.",
            kind=Kind.NAME,
            required=True,
            example="connection: shop-events",
        ),
        Argument(
            name="body",
            summary="What is sent, as JSON; Standard Webhooks has type, timestamp and data.",
            kind=Kind.OBJECT,
            required=True,
            example="body: {type: order.shipped, data: '${ .order }'}",
        ),
    ),
    output={
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "string"}, "status": {"type": "integer"}},
    },
    example="{connection: shop-events, body: {type: order.shipped, data: {order: A-17}}}",
    effect=EffectClass.KEYED,
    effect_note="keyed: `webhook-id` is made of the key of the step, the same however often it is sent",
)

GONE = 410  # the status with which an endpoint says that it wants nothing more, ever

DECLARATION = Declaration(
    name="webhook",
    summary="Webhooks to endpoints of others.",
    make="connectors.webhook.connector:WebhookConnector",
    operations=(SEND,),
)
