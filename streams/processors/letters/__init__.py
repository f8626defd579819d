"""Beside the stations, letters: what went aside or was given up, at the hand of people who look at it and decide.

A letter is a parked record, or the dead letter of a step that waits as an incident. Its row is on the partition number
that the record itself had: a letter's id begins with it.
"""

from dataclasses import dataclass

from prometheus_client import Counter

from streams.ground.setting import Group, setting
from streams.ground.topic import DAY_MS, OWN_DEAD_LETTERS, Keyed, Topic
from streams.processors.orchestrate import INBOX, INCIDENTS
from streams.processors.recover import STEPS
from streams.runtime.declaration import Declaration
from streams.runtime.parking import PARKING

ACTIONS = Topic(
    name="engine.action.letter.v1",
    messages=("LetterAction",),
    keyed=Keyed.LETTER,
    written_by="the gateway",
    retention_ms=90 * DAY_MS,
)
LETTERS = Topic(name="engine.state.letter.v1", messages=("Letter",), keyed=Keyed.LETTER, retention_ms=90 * DAY_MS)

CHANGES = Counter(
    "exlify_letters_total",
    "Letters by kind (parked, dead) and what became of them: open, edited, redriven, dropped, refused.",
    ["kind", "status"],
)


@dataclass(frozen=True, kw_only=True)
class LetterSettings(Group):
    """Letters: parked records and dead letters."""

    max_replays: int = setting(
        "EXLIFY_LETTER_MAX_REPLAYS",
        3,
        "How often a letter that came back is redriven without being forced to",
        minimum=1,
    )


DECLARATION = Declaration(
    name="letters",
    summary="Keeps what went aside, and sends it again if told so.",
    worker="steps",
    make="streams.processors.letters.processor:Letters",
    reads=(PARKING, *(each.dead_letters for each in STEPS), OWN_DEAD_LETTERS, INCIDENTS, ACTIONS),
    writes=(INBOX, LETTERS),
    table="letter",
    settings=(LetterSettings,),
    metrics=(CHANGES,),
    rows="streams.processors.letters.rows:ROWS",
)
