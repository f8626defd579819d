"""Kafka clusters of others: `call: kafka.publish` and `kafka.topics`.

The declaration stands here. `connector` plans calls and says what came of them, `address` knows clusters, `message`
writes what is published, `producers` keeps the clients, and `work` does what is asked with one of them.
"""

from connectors.declaration import Declaration
from connectors.hub.publish_arguments import HEADERS, VALUE, effect_note, event
from schemas.functions import Argument, EffectClass, Function, Kind, Values

_CONNECTION = Argument(
    name="connection",
    summary="Name of the cluster in the settings: kafkas://USER:PASSWORD@HOST:PORT, or kafka://HOST:PORT.",
    kind=Kind.NAME,
    required=True,
    example="connection: partner",
)

PUBLISH = Function(
    name="kafka.publish",
    summary="Writes a message to a topic, and waits until all replicas that must have it do.",
    arguments=(
        _CONNECTION,
        Argument(
            name="topic",
            summary="The topic, which has to be there.",
            kind=Kind.LINE,
            required=True,
            max_length=249,
            example="topic: orders",
        ),
        VALUE,
        Argument(
            name="key",
            summary="The key: messages of one key stay in order, in one partition.",
            kind=Kind.LINE,
            max_length=1_000,
            example="key: '${ .order.number }'",
        ),
        HEADERS,
        event(". Its id is made of the key of the step."),
        Argument(
            name="avro",
            summary="The value goes out as Avro, in Confluent's framing: the connection of the registry that has its"
            " schema, and the subject there, whose newest schema counts.",
            kind=Kind.OBJECT,
            values=Values.SCALAR,
            example="avro: {registry: partner-registry, subject: orders-value}",
        ),
        Argument(
            name="mode",
            summary="How the event stands in the message: attributes in headers (binary, as it is unless this is"
            " given), or all in one JSON (structured).",
            kind=Kind.CHOICE,
            choices=("BINARY", "STRUCTURED"),
            example="mode: structured",
        ),
    ),
    output={
        "type": "object",
        "required": ["id", "topic", "partition", "offset"],
        "properties": {
            "id": {"type": "string"},
            "topic": {"type": "string"},
            "partition": {"type": "integer"},
            "offset": {"type": "integer"},
        },
    },
    example="{connection: partner, topic: orders, key: '${ .id | tostring }', value: '${ . }'}",
    effect_note=effect_note("know the header `idempotency-key`"),
)
TOPICS = Function(
    name="kafka.topics",
    summary="Lists the topics of a cluster that we may see, by name, up to 1,000 of them.",
    arguments=(
        _CONNECTION,
        Argument(
            name="match",
            summary="What their names are like; all unless given.",
            kind=Kind.LINE,
            max_length=200,
            example="match: 'orders*'",
        ),
    ),
    output={
        "type": "object",
        "required": ["topics", "count"],
        "properties": {
            "topics": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["topic", "partitions"],
                    "properties": {"topic": {"type": "string"}, "partitions": {"type": "integer"}},
                },
            },
            "count": {"type": "integer"},
        },
    },
    example="{connection: partner, match: 'orders*'}",
    effect=EffectClass.READ,
)

DECLARATION = Declaration(
    name="kafka",
    summary="Kafka clusters of others.",
    make="connectors.kafka.connector:KafkaConnector",
    operations=(PUBLISH, TOPICS),
)
