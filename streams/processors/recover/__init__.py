"""Beside the stations, recover: commands that could not be carried out are tried again as their steps declare."""

from prometheus_client import Counter

from streams.processors.call import DECLARATION as CALL
from streams.processors.human import DECLARATION as HUMAN
from streams.processors.orchestrate import INBOX
from streams.runtime.declaration import Declaration

STEPS = (CALL, HUMAN)

LETTERS = Counter(
    "exlify_dead_letters_total",
    "Commands that could not be carried out, by reason and what became of them: retried, given up.",
    ["function", "reason", "fate"],
)

DECLARATION = Declaration(
    name="recover",
    summary="Tries again what has failed, as its step declares.",
    worker="steps",
    make="streams.processors.recover.processor:Recover",
    reads=tuple(each.dead_letters for each in STEPS),
    writes=(INBOX, *(each.commands for each in STEPS)),
    table="retry",
    metrics=(LETTERS,),
)
