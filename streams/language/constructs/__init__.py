"""The constructs of the language: one file for each kind of task, of the same name as the one in the engine.

`ALL` is the one list, in the order of documents and messages. What reader, lint, compiler, editor and pages know of
kinds of tasks is computed from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.language.construct import Construct
from streams.language.constructs.call import CALL
from streams.language.constructs.defined import DEFINED
from streams.language.constructs.do import DO
from streams.language.constructs.emit import EMIT
from streams.language.constructs.for_ import FOR
from streams.language.constructs.foreach import FOREACH
from streams.language.constructs.fork import FORK
from streams.language.constructs.listen import LISTEN
from streams.language.constructs.map_ import MAP
from streams.language.constructs.raise_ import RAISE
from streams.language.constructs.run import RUN
from streams.language.constructs.set_ import SET
from streams.language.constructs.switch import SWITCH
from streams.language.constructs.try_ import TRY
from streams.language.constructs.wait import WAIT
from streams.language.model import TaskModel

ALL: tuple[Construct[Any], ...] = (CALL, DO, EMIT, FOR, FOREACH, FORK, LISTEN, RAISE, RUN, SET, SWITCH, TRY, WAIT)

KINDS: tuple[Construct[Any], ...] = (*ALL, MAP, DEFINED)
"""And those that have no key of their own, because the value of another's key says what they are."""

BY_KEY: Mapping[str, Construct[Any]] = {each.key: each for each in KINDS}
BY_MODEL: Mapping[type[TaskModel], Construct[Any]] = {each.model: each for each in KINDS}


def children(task: TaskModel) -> tuple[TaskModel, ...]:
    """The tasks directly inside a task, in the order of the document."""
    construct = BY_MODEL.get(type(task))  # none for a task with a fault of which no kind is known
    return construct.children(task) if construct is not None else ()
