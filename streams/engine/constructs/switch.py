"""`switch`: the flow goes where the first matching case says."""

from __future__ import annotations

from typing import Never

from streams.engine.activity import Activity
from streams.engine.construct import Construct
from streams.engine.data import evaluate
from streams.engine.run import Run
from streams.language.constructs.switch import Case, Switch


def _start(run: Run, switch: Switch, activity: Activity) -> None:
    case = _chosen(run, switch, activity)
    if case is None:
        run.complete(activity, activity.input)
    else:
        run.complete(activity, activity.input, case.then, {"case": case.name})


def _chosen(run: Run, switch: Switch, activity: Activity) -> Case | None:
    """The first case that matches, wherever the default stands; else the default."""
    default = None
    for case in switch.cases:
        if case.when is None:
            default = default or case
        elif evaluate(run, case.when, activity.input, activity):
            return case
    return default


SWITCH: Construct[Switch, Never] = Construct(task=Switch, start=_start)
