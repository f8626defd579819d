"""Station 4, emit: steps that publish a business event."""

from schemas.functions import Argument, EffectClass, Function, Kind
from streams.processors.intake import typed_topics
from streams.processors.orchestrate import INBOX
from streams.runtime.declaration import Declaration

EMIT = Function(
    name="emit",
    summary="Publishes a business event, which is the output; a task `emit` is the short way to write it.",
    arguments=(
        Argument(
            name="event",
            summary="Attributes of CloudEvents and `data`. `id`, `source` and `time` are the step's unless given.",
            kind=Kind.OBJECT,
            required=True,
            example="event: {type: com.example.order.paid.v1, data: '${ . }'}",
        ),
    ),
    output={
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time"],
        "properties": {name: {"type": "string"} for name in ("specversion", "id", "source", "type", "time")},
    },
    example="{event: {type: com.example.order.paid.v1, subject: '${ .order }', data: '${ . }'}}",
    effect=EffectClass.KEYED,
    effect_note="keyed by the event's id; whoever reads the topic drops what it has seen",
)

DECLARATION = Declaration(
    name="emit",
    summary="Carries out steps that publish a business event.",
    worker="steps",
    make="streams.processors.emit.processor:Emit",
    writes=(INBOX, *typed_topics()),
    buries=True,
    functions=(EMIT,),
)
