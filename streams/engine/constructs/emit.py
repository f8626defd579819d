"""`emit`: a step like every call; its processor publishes the event and answers with it."""

from __future__ import annotations

from streams.engine.construct import Construct
from streams.engine.constructs.call import CALL, StepFrame
from streams.language.constructs.emit import Emit

EMIT: Construct[Emit, StepFrame] = Construct(
    task=Emit, start=CALL.start, numbered=CALL.numbered
)  # and the call's frame
