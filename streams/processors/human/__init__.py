"""Station 4, human: steps that ask people. The fields of their tasks stand in `fields`."""

from schemas.functions import EffectClass, Function
from streams.ground.topic import DAY_MS, Keyed, Topic
from streams.processors.human.fields import FIELDS
from streams.processors.orchestrate import INBOX
from streams.runtime.declaration import Declaration

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
    arguments=tuple(field.argument for field in FIELDS if field.argument),
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
    buries=True,
    functions=(HUMAN,),
    rows="streams.processors.human.rows:ROWS",
)
