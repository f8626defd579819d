"""The fields of a human task that people see or definitions give: one row each, beside the record's own schema.

A field is declared twice and no more: its Avro type in schemas/avro/exlify.HumanTask.avsc, and here how it is called,
where it is shown, and by which argument of `call: human` a definition gives it. From the two come the arguments and
their lint, the task that a command opens, the lists and details of the gateway, their schemas, and the columns and
filters of `exlify tasks`. A filter needs a column in `rows.py`, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.arguments import Argument, Kind
from schemas.payload import Json

OPEN: Final = "open"
ANSWERED: Final = "answered"  # can still be taken back
COMPLETED: Final = "completed"
CANCELLED: Final = "cancelled"
STATUSES: Final = (OPEN, ANSWERED, COMPLETED, CANCELLED)

MAX_TITLE_LENGTH = 200
LADDER: Final[Mapping[str, Json]] = {
    "type": "array",
    "minItems": 1,
    "maxItems": 10,
    "items": {
        "type": "object",
        "required": ["after"],
        "oneOf": [{"required": ["team"]}, {"required": ["remind"]}],
        "additionalProperties": False,
        "properties": {
            "after": {"type": ["object", "string"]},
            "team": {"type": "string", "minLength": 1},
            "remind": {"const": True},
            "calendar": {"type": "string", "minLength": 1},
        },
    },
}


ASSIGN: Final[Mapping[str, Json]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "kind": {"type": ["string", "null"], "maxLength": 200},
        "skills": {"type": "array", "maxItems": 20, "items": {"type": "string", "minLength": 1, "maxLength": 100}},
        "weight": {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000},
    },
}


class Place(StrEnum):
    """Where a field is shown; each place shows what those before it do, too."""

    TABLE = "table"  # a column of the list that people see
    LIST = "list"  # in the list for machines, and of one task
    DETAIL = "detail"  # of one task only: as large as somebody's data, or of interest to few


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of the record."""

    name: str  # in the record
    label: str  # for people: the heading of its column, and the name of its filter as an option
    place: Place
    argument: Argument | None = None  # that gives it; has the name by which it is shown
    choices: tuple[str, ...] = ()  # if it is one of a few, which its argument does not say
    filter: str = ""  # what a list can be narrowed to by it

    @property
    def shown(self) -> str:
        """Its name in JSON: a moment is shown as a text, not as milliseconds."""
        return self.name.removesuffix("_ms")

    @property
    def values(self) -> tuple[str, ...]:
        """The few texts that it can be; none where it can be any."""
        return self.choices or (self.argument.choices if self.argument else ())


FIELDS: Final = (
    Field(name="task_id", label="task", place=Place.TABLE),
    Field(
        name="team",
        label="team",
        place=Place.TABLE,
        filter="Team that is asked.",
        argument=Argument(
            name="team", summary="Team that is asked.", kind=Kind.NAME, required=True, example="team: manual-review"
        ),
    ),
    Field(
        name="title",
        label="title",
        place=Place.TABLE,
        argument=Argument(
            name="title",
            summary="What is asked, in one line; no personal data.",
            kind=Kind.LINE,
            required=True,
            max_length=MAX_TITLE_LENGTH,
            example="title: Review the application",
        ),
    ),
    Field(
        name="outcomes",
        label="outcomes",
        place=Place.LIST,
        argument=Argument(
            name="outcomes",
            summary="Outcomes that a person may choose from.",
            kind=Kind.CHOICES,
            required=True,
            example="outcomes: [approve, reject]",
        ),
    ),
    Field(
        name="form",
        label="form",
        place=Place.DETAIL,
        argument=Argument(
            name="form",
            summary="JSON Schema of the answer's data.",
            kind=Kind.SCHEMA,
            example="form: {type: object, properties: {note: {type: string}}}",
        ),
    ),
    Field(
        name="input",
        label="input",
        place=Place.DETAIL,
        argument=Argument(
            name="input", summary="What the person needs to see; the task's input unless given.", default="${ . }"
        ),
    ),
    Field(name="status", label="status", place=Place.TABLE, choices=STATUSES, filter="Status of the task."),
    Field(
        name="business_key",
        label="key",
        place=Place.TABLE,
        filter="The business's own name for the case.",
    ),
    Field(name="created_at_ms", label="since", place=Place.TABLE),
    Field(
        name="due_ms",
        label="due",
        place=Place.TABLE,
        argument=Argument(
            name="due",
            summary="When the task counts as overdue; it ends nothing.",
            kind=Kind.DURATION,
            example="due: {hours: 4}",
        ),
    ),
    Field(
        name="calendar",
        label="calendar",
        place=Place.DETAIL,
        argument=Argument(
            name="calendar",
            summary="By whose working time `due` and `ladder` are counted, of calendars.yaml; all time unless given.",
            kind=Kind.NAME,
            example="calendar: office",
        ),
    ),
    Field(
        name="ladder",
        label="ladder",
        place=Place.DETAIL,
        argument=Argument(
            name="ladder",
            summary="While nobody answers: when its team is reminded, and to which teams it is handed on.",
            kind=Kind.TYPED,
            schema=LADDER,
            example="ladder: [{after: {minutes: 30}, remind: true}, {after: {hours: 1}, team: managers}]",
        ),
    ),
    Field(
        name="assign",
        label="given by",
        place=Place.DETAIL,
        argument=Argument(
            name="assign",
            summary="Gives the task to the person of the team, by people.yaml, with whom it costs least: by how fast "
            "each was at its kind, what each has, and what a delay costs (weight).",
            kind=Kind.TYPED,
            schema=ASSIGN,
            example="assign: {kind: cards/card_arrival, skills: [cards], weight: 2}",
        ),
    ),
    Field(name="given_to", label="for", place=Place.TABLE, filter="Person whom it is given to."),
    Field(name="hands_on_ms", label="handed on", place=Place.LIST),
    Field(name="assignee", label="claimed by", place=Place.LIST),
    Field(name="assigned_until_ms", label="until", place=Place.LIST),
    Field(name="aside_until_ms", label="put aside until", place=Place.LIST),
    Field(name="outcome", label="outcome", place=Place.LIST),
    Field(name="completed_by", label="answered by", place=Place.LIST),
    Field(name="settles_at_ms", label="can be taken back until", place=Place.LIST),
    Field(name="version", label="version", place=Place.LIST),
    Field(name="workflow", label="workflow", place=Place.LIST, filter="Name of the workflow."),
    Field(name="instance_id", label="instance", place=Place.LIST, filter="Instance that waits."),
    Field(name="audit", label="blind audit", place=Place.LIST),
    Field(name="data", label="data", place=Place.DETAIL),
    Field(name="comments", label="comments", place=Place.DETAIL),
    Field(name="acts", label="who did what", place=Place.DETAIL),
    Field(name="refusals", label="refused answers", place=Place.DETAIL),
)
