"""Station 6, view: what happened becomes rows that people can query."""

from streams.processors.decide import DECISIONS
from streams.processors.human import TASKS
from streams.processors.orchestrate import HISTORY
from streams.runtime.declaration import Declaration

DECLARATION = Declaration(
    name="view",
    summary="Makes what happened visible to people.",
    worker="view",
    make="streams.processors.view.processor:View",
    reads=(HISTORY, TASKS, DECISIONS),
)
