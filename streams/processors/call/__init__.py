"""Station 4, call: steps that ask an outside system, by the operations that connectors declare."""

from connectors.catalogue import OPERATIONS
from streams.processors.orchestrate import INBOX
from streams.runtime.declaration import Declaration

DECLARATION = Declaration(
    name="call",
    summary="Carries out steps that ask an outside system.",
    worker="steps",
    make="streams.processors.call.processor:Call",
    writes=(INBOX,),
    table="call",
    functions=OPERATIONS,
)
