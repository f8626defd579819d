"""Beside the stations, recover: commands that could not be carried out are tried again as their steps declare."""

from prometheus_client import Counter

from streams.ground.topic import DAY_MS, OWN_DEAD_LETTERS, Keyed, Topic
from streams.processors.call import DECLARATION as CALL
from streams.processors.decide import DECLARATION as DECIDE
from streams.processors.emit import DECLARATION as EMIT
from streams.processors.human import DECLARATION as HUMAN
from streams.processors.orchestrate import INBOX
from streams.processors.rolling import DECLARATION as ROLLING
from streams.processors.run import DECLARATION as RUN
from streams.runtime.declaration import Declaration

STEPS = (DECIDE, CALL, ROLLING, EMIT, HUMAN, RUN)

RETRIES = Topic(
    name="recover.state.retry.v1",
    messages=("RetryState",),
    keyed=Keyed.STEP,
    compacted=True,
    config={"delete.retention.ms": str(7 * DAY_MS)},
)
ACTIONS = Topic(name="recover.action.retry.v1", messages=("RetryNow",), written_by="the gateway")

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
    reads=(*(each.dead_letters for each in STEPS), OWN_DEAD_LETTERS, ACTIONS),
    writes=(INBOX, RETRIES, *(each.commands for each in STEPS)),
    table="retry",
    metrics=(LETTERS,),
    rows="streams.processors.recover.rows:ROWS",
)
