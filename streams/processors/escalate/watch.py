"""The watch on one cause: from when it is so until it has been so for longer than its limit, and until it ends. Pure.

A row for each cause that is watched. One that has ended leaves a marker for a while, so that a copy of an earlier
message does not begin it anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from streams.processors.escalate.causes import HEARD_MS, Seen
from streams.processors.escalate.plan import TOLD_AGAIN, Plan

MARKED_MS = 86_400_000
FAR_MS = 86_400_000  # how often a cause that no rule takes for one is looked at again


class Watch(msgspec.Struct):
    """What is known of a cause."""

    cause: dict[str, Any]  # the fields of AlertCause
    due_ms: int = 0
    raised: bool = False
    over_ms: int = 0  # when it ended
    heard: dict[str, int] = {}  # by whom it is told, and when they last did; empty where it is told once
    order: int = 0  # of the last word about it


def noted(watch: Watch | None, seen: Seen, plan: Plan, at_ms: int) -> Watch | None:
    """The watch after a message; None where nothing is to be kept of it."""
    fields = seen.cause.fields()
    if watch is not None and seen.order < watch.order:
        return None  # a copy of an earlier word
    if not seen.is_so:
        return None if watch is None or watch.over_ms else _without(watch, seen, at_ms)
    if watch is not None and watch.over_ms:
        if fields["since_ms"] <= watch.cause["since_ms"] and seen.order <= watch.order:
            return None  # a copy of what has ended
        watch = None
    if watch is None:
        watch = Watch(fields)
        watch.due_ms = _limit_ms(watch, plan, at_ms)
    elif not seen.by and (not watch.raised or fields["since_ms"] != watch.cause["since_ms"]):
        watch.cause = fields
        watch.due_ms = 0 if watch.raised else _limit_ms(watch, plan, at_ms)
    if seen.by:
        watch.heard[seen.by] = at_ms
    watch.order = seen.order
    return watch


def looked_at(watch: Watch, plan: Plan, now_ms: int) -> Watch | None:
    """The watch once its time has come: raised, ended as nobody tells of it any more, or looked at later; None where it
    can be forgotten."""
    if watch.over_ms:
        return None
    watch.heard = {by: at_ms for by, at_ms in watch.heard.items() if at_ms + HEARD_MS > now_ms} if watch.heard else {}
    told = bool(watch.cause["kind"] not in TOLD_AGAIN or watch.heard)
    if not told:
        return _over(watch, now_ms)
    if not watch.raised:
        watch.due_ms = _limit_ms(watch, plan, now_ms)
        watch.raised = watch.due_ms <= now_ms
    if watch.raised:
        watch.due_ms = now_ms + HEARD_MS if watch.heard else 0
    return watch


def _limit_ms(watch: Watch, plan: Plan, at_ms: int) -> int:
    cause: Mapping[str, Any] = watch.cause
    older_ms = plan.rule(cause["kind"], cause["workflow"], cause["owner"]).older_ms
    return max(at_ms + FAR_MS if older_ms is None else cause["since_ms"] + older_ms, 1)


def _without(watch: Watch, seen: Seen, at_ms: int) -> Watch:
    watch.heard.pop(seen.by, None)
    watch.order = seen.order
    return watch if watch.heard else _over(watch, at_ms)


def _over(watch: Watch, at_ms: int) -> Watch:
    watch.over_ms, watch.due_ms, watch.heard = at_ms, at_ms + MARKED_MS, {}
    return watch
