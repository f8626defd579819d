"""Station 4, human: steps that ask people."""

from schemas.functions import Argument, EffectClass, Function, Kind
from streams.ground.topic import DAY_MS, Keyed, Topic
from streams.processors.orchestrate import INBOX
from streams.runtime.declaration import Declaration

MAX_TITLE_LENGTH = 200

ACTIONS = Topic(name="human.action.task.v1", messages=("HumanAction",), written_by="the gateway")
TASKS = Topic(
    name="human.state.task.v1",
    messages=("HumanTask",),
    keyed=Keyed.STEP,
    key="task id",
    compacted=True,
    config={"delete.retention.ms": str(7 * DAY_MS)},
)

HUMAN = Function(
    name="human",
    summary="Asks people: a task for a team, with a form and the outcomes to choose from.",
    arguments=(
        Argument(
            name="team", summary="Team that is asked.", kind=Kind.NAME, required=True, example="team: manual-review"
        ),
        Argument(
            name="title",
            summary="What is asked, in one line; no personal data.",
            kind=Kind.LINE,
            required=True,
            max_length=MAX_TITLE_LENGTH,
            example="title: Review the application",
        ),
        Argument(
            name="outcomes",
            summary="Outcomes that a person may choose from.",
            kind=Kind.CHOICES,
            required=True,
            example="outcomes: [approve, reject]",
        ),
        Argument(
            name="form",
            summary="JSON Schema of the answer's data.",
            kind=Kind.SCHEMA,
            example="form: {type: object, properties: {note: {type: string}}}",
        ),
        Argument(
            name="input", summary="What the person needs to see; the task's input unless given.", default="${ . }"
        ),
        Argument(
            name="due",
            summary="When the task counts as overdue; it ends nothing.",
            kind=Kind.DURATION,
            example="due: {hours: 4}",
        ),
    ),
    output={
        "type": "object",
        "required": ["outcome", "data", "completedBy", "completedAt"],
        "properties": {
            "outcome": {"type": "string"},
            "data": {},
            "completedBy": {"type": "string"},
            "completedAt": {"type": "string", "format": "date-time"},
        },
    },
    example="{team: manual-review, title: Review the application, outcomes: [approve, reject]}",
    effect=EffectClass.IDEMPOTENT,
    waits_for_people=True,
)

DECLARATION = Declaration(
    name="human",
    summary="Carries out steps that ask people.",
    worker="steps",
    make="streams.processors.human.processor:Human",
    local="streams.processors.human.local:People",
    reads=(ACTIONS,),
    writes=(INBOX, TASKS),
    table="task",
    functions=(HUMAN,),
    rows="streams.processors.human.rows:ROWS",
)
