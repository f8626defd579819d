"""Beside intake, hold: events of workflows that are paused, or outranked, wait until they may start an instance."""

from prometheus_client import Counter

from streams.ground.topic import Keyed, Topic
from streams.processors.orchestrate import INBOX
from streams.runtime.declaration import Declaration

HELD = Topic(name="hold.waiting.instance.v1", messages=("StartInstance", "ReleaseStarts"), written_by="intake")
COUNTS = Topic(
    name="hold.state.workflow.v1",
    messages=("HeldStarts",),
    keyed=Keyed.CAUSE,
    key="workflow and partition",
    compacted=True,
)

STARTS = Counter(
    "exlify_held_starts_total",
    "Starts of paused workflows, and of such that others outrank, by what became of them: held, started, retired.",
    ["workflow", "fate"],
)

DECLARATION = Declaration(
    name="hold",
    summary="Keeps the events of paused and outranked workflows until they may start an instance.",
    worker="steps",
    make="streams.processors.hold.processor:Hold",
    reads=(HELD,),
    writes=(HELD, COUNTS, INBOX),
    table="start",
    metrics=(STARTS,),
    rows="streams.processors.hold.rows:ROWS",
)
