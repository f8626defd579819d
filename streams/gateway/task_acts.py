"""What people do to a task, on its way to the processor and back: published, and waited for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from schemas.messages import HUMAN_ACTION
from schemas.payload import Door, Payload
from schemas.reasons import Reason
from streams.gateway.awaiting import awaited
from streams.gateway.problems import ProblemError, refused
from streams.gateway.services import Services
from streams.ground.publish import Outgoing
from streams.ground.topic import MAX_RECORD_BYTES
from streams.processors.human import ACTIONS
from streams.processors.human.forms import form_fault
from streams.processors.human.rules import COMMENT, COMPLETE, DELEGATE, comment_fault, delegate_fault
from streams.processors.human.task import comments_of

_FAULTS = {COMMENT: comment_fault, DELEGATE: delegate_fault}  # of what is said with an act

Fields = dict[str, Any]  # of a message: a HumanTask or a HumanAction


async def known_task(ours: Services, task_id: str) -> Fields:
    """The task as it was last seen; raises ProblemError (404)."""
    row = await asyncio.to_thread(ours.reader.task, task_id)
    if row is None:
        raise ProblemError(404, "not-found", "No task of this id has been seen, or not yet.")
    return (await ours.codec.decode_learning(row["message"]))[1]


async def act(ours: Services, task: Mapping[str, Any], action: str, given: Fields, action_id: str) -> Fields | None:
    """Publishes what somebody does and waits a while: the task that took it, or None where no word has come yet.

    Raises ProblemError where it is not taken.
    """
    wish = _wish(task, action, given, action_id, ours.now_ms())
    fault = _FAULTS[action](wish["data"].value()) if action in _FAULTS else None
    if fault is not None:
        raise refused(Reason.DATA_INVALID, fault)
    if action == COMPLETE:
        _refuse_hopeless(task, wish)
    await ours.publisher.publish([_outgoing(ours, wish)])
    found = await _await_word(ours, task["task_id"], action_id)
    refusal = _refusal(found, action_id) if found else None
    if found and refusal:
        raise refused(Reason(refusal["reason"]), f"Not taken: {refusal['detail']}.", version=found["version"])
    return found


def _wish(task: Mapping[str, Any], action: str, given: Fields, action_id: str, at_ms: int) -> Fields:
    version = given.get("expected_version")
    if version is not None and not 0 <= version < 2**31:
        raise ProblemError(422, "request-invalid", "expected_version is the version of a task")
    return {
        "action_id": action_id,
        "task_id": task["task_id"],
        "instance_id": task["instance_id"],
        "action": action,
        "outcome": given.get("outcome", ""),
        "data": Payload.from_outside({} if given.get("data") is None else given["data"], Door.ANSWER),
        "actor": given["actor"],
        "expected_version": version,
        "at_ms": at_ms,
        "until_ms": given.get("until_ms"),
    }


def _refuse_hopeless(task: Mapping[str, Any], wish: Fields) -> None:
    """What can never fit is told at once: outcomes and form of a task do not change.

    Everything else is for the processor.
    """
    if wish["outcome"] not in task["outcomes"]:
        raise refused(Reason.UNKNOWN_OUTCOME, f"Choose one of {', '.join(task['outcomes'])}.")
    if fault := form_fault(task["form"], wish["data"]):
        raise refused(Reason.DATA_INVALID, fault)


def _outgoing(ours: Services, wish: Fields) -> Outgoing:
    value = ours.codec.encode(HUMAN_ACTION, wish)
    if len(value) > MAX_RECORD_BYTES:
        raise ProblemError(413, "too-large", f"An answer has at most {MAX_RECORD_BYTES} bytes.")
    return Outgoing(ACTIONS, wish["instance_id"].encode(), value)


async def _await_word(ours: Services, task_id: str, action_id: str) -> Fields | None:
    """The task once it tells what became of the action; None if that takes too long."""

    async def look() -> Fields | None:
        task = await known_task(ours, task_id)
        taken = (task["last_action_id"], *(each["action_id"] for each in (*task["acts"], *comments_of(task))))
        return task if action_id in taken or _refusal(task, action_id) else None

    return await awaited(ours, look)


def _refusal(task: Fields, action_id: str) -> Fields | None:
    return next((each for each in task["refusals"] if each["action_id"] == action_id), None)
