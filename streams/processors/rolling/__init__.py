"""Station 4, rolling: steps that count an event at its keys (a card, a terminal) and are told what went before there.

    track ──▶ rows of the first key ──▶ of the second ... ──▶ result: counts, amounts, shares of bad ones over days
    mark  ──▶ the same way: an event that was tracked is known to be bad, however much later

A key lies on the partition of its hash, so all of its events meet there, whichever instance they come from.
"""

from prometheus_client import Counter

from models.rolling.names import MOST_KEYS
from schemas.functions import Argument, EffectClass, Function, Kind, Values
from streams.ground.topic import Topic
from streams.processors.orchestrate import INBOX
from streams.runtime.declaration import Declaration

WORK = Topic(name="rolling.work.key.v1", messages=("RollingWork",), key="hash of the key")

_OF = Argument(
    name="of",
    summary="What the events are: those of one name are counted together.",
    kind=Kind.NAME,
    required=True,
    max_length=100,
    example="of: payments",
)
_ID = Argument(
    name="id",
    summary="Names the event: what comes again under it counts once.",
    kind=Kind.LINE,
    required=True,
    max_length=200,
    example="id: '${ .payment_id }'",
)
_AT = Argument(
    name="at",
    summary="When it happened, a time of RFC 3339; when the step was asked for, unless given.",
    kind=Kind.LINE,
    max_length=100,
    example="at: '${ .at }'",
)
_KEYS = Argument(
    name="keys",
    summary=f"Where it counts, by name: one to {MOST_KEYS}.",
    kind=Kind.OBJECT,
    values=Values.SCALAR,
    required=True,
    example="keys: {card: '${ .card }', terminal: '${ .terminal }'}",
)

TRACK = Function(
    name="track",
    summary="Counts an event at its keys, and tells what went before at each of them.",
    arguments=(
        _OF,
        _ID,
        _AT,
        _KEYS,
        Argument(
            name="amount",
            summary="Its amount, which is kept to the hundredth; 0 unless given.",
            kind=Kind.TYPED,
            schema={"type": "number"},
            example="amount: '${ .amount }'",
        ),
    ),
    output={
        "type": "object",
        "required": ["inTime", "hour", "weekday", "before"],
        "properties": {
            "inTime": {"type": "boolean"},
            "hour": {"type": "integer"},
            "weekday": {"type": "integer"},
            "before": {"type": "object", "additionalProperties": {"type": ["number", "null"]}},
        },
    },
    example="{of: payments, id: P-1, amount: 42.5, keys: {card: '4711', terminal: T-9}}",
    effect=EffectClass.KEYED,
    effect_note="keyed by the event's id",
)

MARK = Function(
    name="mark",
    summary="Says that an event that was tracked was bad, from now on.",
    arguments=(_OF, _ID, _AT, _KEYS),
    output={"type": "object", "required": ["counted"], "properties": {"counted": {"type": "boolean"}}},
    example="{of: payments, id: P-1, keys: {card: '4711', terminal: T-9}}",
    effect=EffectClass.KEYED,
    effect_note="keyed by the event's id",
)

COUNTED = Counter(
    "exlify_rolling_events_total",
    "Events at a key, by function and fate: counted, again (it had come before), late (too old to count).",
    ["function", "fate"],
)

DECLARATION = Declaration(
    name="rolling",
    summary="Carries out steps that count events by key over days.",
    worker="steps",
    make="streams.processors.rolling.processor:Rolling",
    reads=(WORK,),
    writes=(INBOX, WORK),
    functions=(TRACK, MARK),
    table="key",
    buries=True,
    metrics=(COUNTED,),
)
