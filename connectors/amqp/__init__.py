"""Queues of others by AMQP 0-9-1, as RabbitMQ speaks it: `call: amqp.publish` and `amqp.queue`.

The declaration stands here. `connector` plans calls and says what came of them, `address` knows servers, `message`
writes what is published, `lines` makes connections, `inlet` takes what comes in a queue, and `headers` reads what it
says of itself.
"""

from connectors.declaration import Declaration
from connectors.hub.publish_arguments import HEADERS, VALUE, effect_note, event
from schemas.functions import Argument, EffectClass, Function, Kind

_CONNECTION = Argument(
    name="connection",
    summary="Name of the server in the settings: amqps://USER:PASSWORD@HOST/VHOST, or amqp://HOST.",
    kind=Kind.NAME,
    required=True,
    example="connection: partner",
)

PUBLISH = Function(
    name="amqp.publish",
    summary="Publishes a message, and waits until the server has confirmed it and some queue has it.",
    arguments=(
        _CONNECTION,
        Argument(
            name="key",
            summary="The routing key; without `exchange` it is the name of the queue.",
            kind=Kind.LINE,
            required=True,
            max_length=250,
            example="key: orders",
        ),
        Argument(
            name="exchange",
            summary="The exchange, which has to be there; the usual one, which knows queues by name, unless given.",
            kind=Kind.LINE,
            max_length=120,
            example="exchange: sales",
        ),
        VALUE,
        HEADERS,
        event("; the message is the event in one JSON."),
    ),
    output={"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
    example="{connection: partner, key: orders, value: '${ . }'}",
    effect_note=effect_note("go by the property `message-id`"),
)
QUEUE = Function(
    name="amqp.queue",
    summary="Tells how many messages wait in a queue, and how many readers it has.",
    arguments=(
        _CONNECTION,
        Argument(
            name="queue",
            summary="The name of the queue.",
            kind=Kind.LINE,
            required=True,
            max_length=250,
            example="queue: orders",
        ),
    ),
    output={
        "type": "object",
        "required": ["messages", "consumers"],
        "properties": {"messages": {"type": "integer"}, "consumers": {"type": "integer"}},
    },
    example="{connection: partner, queue: orders}",
    effect=EffectClass.READ,
)

DECLARATION = Declaration(
    name="amqp",
    summary="Queues of others, by AMQP.",
    make="connectors.amqp.connector:AmqpConnector",
    operations=(PUBLISH, QUEUE),
)
