"""Incidents: what is told of a task that has failed and waits for somebody's decision, when it is opened and closed."""

from __future__ import annotations

from typing import Any

from schemas.reasons import Effect, Reason
from schemas.steps import Problem
from streams.engine import ledger
from streams.engine.messages import Incident
from streams.engine.state import IncidentFrame
from streams.engine.tree import Tree
from streams.language.graph import Task


def incident(
    tree: Tree, frame: IncidentFrame, status: str, actor: str | None = None, why: str | None = None
) -> Incident:
    """An incident as it is now; the number of the history entry is put in when that is known."""
    graph, task = tree.graph, tree.graph.tasks[frame.task]
    return Incident(
        tree.instance_id, f"{tree.instance_id}/{frame.id}", frame.id, -1, task.pointer, frame.iteration, frame.attempt,
        getattr(task, "function", None), status, _reason(frame.error), frame.error,
        graph.name, graph.version, graph.digest, tree.instance.business_key, graph.owner,
        frame.since_ms,
        None if status == "open" else tree.now_ms, actor, why,
    )  # fmt: skip


def _reason(error: Problem) -> str | None:
    """The reason under which people look for it: a doubt comes before what has led to it."""
    in_doubt = error.get("effect") == Effect.UNKNOWN
    return Reason.OUTCOME_UNKNOWN.value if in_doubt else error.get("reason")


def withdrawn(tree: Tree, frame: Any, task: Task, reason: str) -> None:
    """What the task was part of has ended, so nobody has to decide any more."""
    tree.incidents.append(incident(tree, frame, "cancelled", why=reason))
    ledger.note_left(tree, frame)
