"""`set`: its value becomes the data."""

from __future__ import annotations

from typing import Never

from streams.engine.activity import Activity
from streams.engine.construct import Construct
from streams.engine.data import evaluate
from streams.engine.run import Run
from streams.language.constructs.set_ import Set


def _start(run: Run, task: Set, activity: Activity) -> None:
    run.complete(activity, evaluate(run, task.value, activity.input, activity))


SET: Construct[Set, Never] = Construct(task=Set, start=_start)
