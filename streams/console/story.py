"""The one sentence above an instance: why it stands where it stands, since when, until when. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.lifecycle import Status
from streams.console import words
from streams.console.account import UNDONE, Account, NextTry, Step
from streams.console.decision import Decision

Task = Mapping[str, Any]  # a HumanTask

WAITED_FOR = {"listen": "an event", "foreach": "an event", "run": "the process that it has started"}


def story(
    status: str, account: Account, tasks: Sequence[Task], decisions: Sequence[Decision], span_ms: int, now_ms: int
) -> str:
    """One sentence, or two where the second says why."""
    match status:
        case Status.COMPLETED:
            return _completed(tasks, decisions, span_ms)
        case Status.CANCELLED:
            return _cancelled(account) + _taken_back(account)
        case Status.FAULTED:
            return _failed(account) + _taken_back(account)
        case Status.UNDOING:
            return f"Takes back what it has done, and ends then. {_goes_on(account, tasks, decisions, now_ms)}"
        case Status.SUSPENDED:
            return f"{_suspended(account)} {_goes_on(account, tasks, decisions, now_ms)}"
    return _goes_on(account, tasks, decisions, now_ms)


def _goes_on(account: Account, tasks: Sequence[Task], decisions: Sequence[Decision], now_ms: int) -> str:
    """Of an instance that has not ended."""
    if stopped := account.stopped():
        return _stopped(stopped, now_ms)
    waiting = account.open()
    if not waiting:
        return "Has just begun." if not account.steps else "Is between two steps."
    sentences = [_of_step(step, tasks, now_ms) for step in waiting[:3]]
    more = len(waiting) - len(sentences)
    text = "; ".join(sentences) + (f"; and {words.counted(more, 'step')} more" if more else "") + "."
    why = next((each.why for each in decisions if each.asks_people), "")
    return text + (f" {why}" if why and any(step.kind == "human" for step in waiting) else "")


def _completed(tasks: Sequence[Task], decisions: Sequence[Decision], span_ms: int) -> str:
    text = f"Completed in {words.span(span_ms)}"
    answered = [task for task in tasks if task["outcome"]]
    if answered:
        people = ", ".join(
            f"{task['completed_by']} answered {words.titled(task['outcome']).lower()}" for task in answered
        )
        return f"{text}; {people}."
    return f"{text}, without a person." + (f" {decisions[-1].why}" if decisions else "")


def _cancelled(account: Account) -> str:
    if account.cancelled is None:
        return "Was cancelled."
    return f"Was cancelled by {account.cancelled['actor']}: {account.cancelled['reason']}."


def _taken_back(account: Account) -> str:
    titles = [f"“{step.title}”" for step in account.steps if step.status == UNDONE]
    return f" {', '.join(titles)} {'was' if len(titles) == 1 else 'were'} undone." if titles else ""


def _suspended(account: Account) -> str:
    last = next((each for each in reversed(account.controlled) if each["action"] == "suspend"), None)
    if last is None:
        return "Is suspended."
    return f"Is suspended by {last['actor']}{': ' if last['why'] else ''}{last['why']}."


def _failed(account: Account) -> str:
    problem = account.problem or {}
    failed = failed_step(account)
    place = f"Failed at “{failed.title}”: " if failed else "Failed: "
    text = str(problem.get("title") or "no reason is known")
    return f"{place}{words.small(text)}. {words.EFFECTS.get(str(problem.get('effect')), '')}".strip()


def _stopped(steps: Sequence[Step], now_ms: int) -> str:
    step, problem = steps[0], steps[0].problem or {}
    text = str(problem.get("title") or "it failed")
    more = f" So did {words.counted(len(steps) - 1, 'more step')}." if len(steps) > 1 else ""
    effect = words.EFFECTS.get(str(problem.get("effect")), "")
    return f"Stopped at “{step.title}”, and waits for a decision: {words.small(text)}. {effect}{more}".strip()


def failed_step(account: Account) -> Step | None:
    """The step by which the instance ended: the one that its problem names, else the last that failed."""
    pointer = (account.problem or {}).get("instance")
    failed = [step for step in account.steps if step.status == Status.FAULTED]
    named = [step for step in failed if step.pointer == pointer]
    found = named or failed
    return found[-1] if found else None


def _of_step(step: Step, tasks: Sequence[Task], now_ms: int) -> str:
    since = f"for {words.span(step.took_ms(now_ms))}"
    if step.kind == "human":
        of_step = [task for task in tasks if task["pointer"] == step.pointer]
        if said := next((task for task in of_step if task["status"] == "answered"), None):
            left = words.span(said["settles_at_ms"] - now_ms)
            return f"{said['completed_by']} answered {words.titled(said['outcome']).lower()}, which counts in {left}"
        task = next((task for task in of_step if task["status"] == "open"), None)
        if task is None:
            return f"“{step.title}” has been waiting for people {since}"
        return f"Has been waiting {since} for the team {task['team']}: {task['title']}{_due(task, now_ms)}"
    if step.next_try is not None:
        return _next_try(step, step.next_try, now_ms)
    if step.kind == "wait":
        left = "" if step.until_ms is None else f", for {words.span(step.until_ms - now_ms)} more"
        return f"“{step.title}” has been letting time pass {since}{left}"
    if step.kind in WAITED_FOR:
        return f"“{step.title}” has been waiting {since} for {WAITED_FOR[step.kind]}"
    return f"“{step.title}” ({step.kind or 'a step'}) has been at work {since}"


def _next_try(step: Step, following: NextTry, now_ms: int) -> str:
    why = f" ({words.small(words.reason(following.reason))})" if following.reason else ""
    when = f"in {words.span(following.due_ms - now_ms)}" if following.due_ms > now_ms else "now"
    return f"“{step.title}” did not work{why} and is tried again {when}, {following.number} of {following.most} times"


def _due(task: Task, now_ms: int) -> str:
    if task["due_ms"] is None:
        return ""
    left = task["due_ms"] - now_ms
    return f" (due in {words.span(left)})" if left >= 0 else f" (overdue by {words.span(-left)})"
