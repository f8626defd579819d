"""What each kind of task does in the engine: one file for each, of the same name as the one in the language.

`ALL` is the one list, in the order of `KINDS` of the language; the tables of the engine are computed from it. To add a
construct: its file there, its file here, and its line in both lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from streams.engine.construct import Construct, Due, by_frame, table_of
from streams.engine.constructs.call import CALL
from streams.engine.constructs.defined import DEFINED
from streams.engine.constructs.do import DO
from streams.engine.constructs.emit import EMIT
from streams.engine.constructs.for_ import FOR
from streams.engine.constructs.foreach import FOREACH
from streams.engine.constructs.fork import FORK
from streams.engine.constructs.listen import LISTEN
from streams.engine.constructs.map_ import MAP
from streams.engine.constructs.raise_ import RAISE
from streams.engine.constructs.run import RUN
from streams.engine.constructs.set_ import SET
from streams.engine.constructs.switch import SWITCH
from streams.engine.constructs.try_ import TRY
from streams.engine.constructs.wait import WAIT
from streams.engine.messages import EventReceived, StepResult
from streams.engine.run import Run, Table
from streams.engine.state import Frame, IncidentFrame
from streams.engine.undo import UNDO, begin

KEYED: tuple[Construct[Any, Any], ...] = (
    CALL, DO, EMIT, FOR, FOREACH, FORK, LISTEN, RAISE, RUN, SET, SWITCH, TRY, WAIT
)  # fmt: skip
ALL: tuple[Construct[Any, Any], ...] = (*KEYED, MAP, DEFINED)

TABLE: Table = table_of((*ALL, UNDO), begin)
FRAMES: tuple[type[Frame], ...] = (
    *(each.frame for each in (*ALL, UNDO) if each.frame is not None),
    IncidentFrame,
)
ANSWERED: Mapping[type[Frame], Callable[[Run, Any, Any, StepResult], None]] = by_frame(ALL, "answered")
RECEIVED: Mapping[type[Frame], Callable[[Run, Any, Any, EventReceived], None]] = by_frame(ALL, "received")
DUE: Mapping[type[Frame], Due[Any, Any]] = by_frame(ALL, "due")
WORKING: Mapping[type[Frame], Callable[[Any, Any], bool]] = by_frame(ALL, "working")
