"""Systems that take messages, by the AsyncAPI document that their connection has: `call: asyncapi`.

The declaration stands here. `document` knows documents; `connector` makes of a call what `kafka`, `amqp` or `http`
send.
"""

from connectors.declaration import Declaration
from connectors.hub import documents
from schemas.functions import Argument, Function, Kind, Values

ASYNCAPI = Function(
    name="asyncapi",
    summary="Publishes a message to a system by the AsyncAPI document that its connection has.",
    arguments=(
        documents.argument("warehouse", "is the server"),
        Argument(
            name="operation",
            summary="The operation by which the system receives it, as a document of AsyncAPI 3 names it.",
            kind=Kind.LINE,
            example="operation: receiveOrder",
        ),
        Argument(
            name="channel",
            summary="The channel to which it is published, as a document of AsyncAPI 2 names it.",
            kind=Kind.LINE,
            example="channel: orders",
        ),
        Argument(
            name="message",
            summary="What is published.",
            kind=Kind.OBJECT,
            required=True,
            example="message: {payload: '${ .order }'}",
            members=(
                Argument(
                    name="payload",
                    summary="The message, as JSON, or a text where the document says so.",
                    required=True,
                    example="payload: '${ .order }'",
                ),
                Argument(
                    name="headers",
                    summary="Its headers, as texts.",
                    kind=Kind.OBJECT,
                    values=Values.SCALAR,
                    example="headers: {tenant: north}",
                ),
            ),
        ),
    ),
    output={"description": "What the protocol tells: of Kafka and AMQP the id of the message, of HTTP the answer."},
    example="{document: {endpoint: 'connection://warehouse'}, operation: receiveOrder, message: {payload: '${ . }'}}",
    effect_note=(
        "blind, unless the definition says that readers go by the id of the message, which is made of the key of the"
        " step (`metadata: {effect: keyed}`)"
    ),
)

DECLARATION = Declaration(
    name="asyncapi",
    summary="Systems that take messages, by their AsyncAPI documents.",
    make="connectors.asyncapi.connector:AsyncApiConnector",
    operations=(ASYNCAPI,),
)
