"""Why something failed, for people: from a problem as instances, steps and outcomes carry it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from streams.cli._moments import moment
from streams.cli._output import person

Problem = Mapping[str, Any]


def reason_line(problem: Problem | None) -> str | None:
    """All of it that fits into one line, what helps most first."""
    if not problem:
        return None
    told = [problem.get("detail") or problem.get("title"), _place(problem), _names(problem)]
    return " · ".join(str(part) for part in told if part)


def reason_fields(problem: Problem | None) -> Iterator[tuple[str, str | None]]:
    """All of it, part by part, with a name for each."""
    if problem:
        names = _names(problem)
        yield "reason", f"{problem.get('title') or problem.get('type')}" + (f" ({names})" if names else "")
        yield "detail", problem.get("detail")
        yield "where", problem.get("instance")
        yield "effect", EFFECTS.get(problem.get("effect") or "")
        yield "by", person(problem.get("by"))
        yield "type", problem.get("type")


def retry_line(step: Mapping[str, Any]) -> str:
    """When a failed step is tried again, and how often yet."""
    why = f" after {step['reason']}" if step["reason"] else ""
    left = f"{step['left']} of {step['retries']} tries left"
    return f"{step['function']} at {step['pointer']} is tried again {moment(step['due'])}{why}, {left}"


EFFECTS = {
    "none": "the system outside was not changed",
    "done": "the system outside was changed",
    "unknown": "whether the system outside was changed is not known",
}


def _names(problem: Problem) -> str:
    return " ".join(str(problem[name]) for name in ("reason", "status") if problem.get(name))


def _place(problem: Problem) -> str:
    place = problem.get("instance")
    return f"at {place}" if place else ""
