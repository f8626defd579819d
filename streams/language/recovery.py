"""`metadata.recovery` of a call, and what else says how often a step is tried again: `catch.retry` and `use.retries`.

All of it becomes one policy (`schemas.recovery`), which travels with the command. A retry repeats the step that has
failed; the steps before it are done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.functions import EffectClass, Function
from schemas.recovery import BACKOFFS, JITTERS, MAX_RETRIES, USUAL, Policy
from streams.language import profile
from streams.language.arguments import read_arguments, refuse_pages
from streams.language.durations import DurationError, milliseconds
from streams.language.expressions import Constant
from streams.language.forms import CONDITION, DURATION, OBJECT, TEXT, TRANSFORM, Form, closed, either
from streams.language.graph import Expression
from streams.language.nodes import Node
from streams.language.slots import BODY, Scope, Slot, read_condition, read_transform

ERROR = "error"  # the name under which a fallback reads what has failed
EXAMPLE = "recovery: {retries: 5, delay: {seconds: 2}, cap: {minutes: 1}}"
_COUNT: Form = {"type": "integer", "minimum": 0, "maximum": MAX_RETRIES}
_RETRYING: dict[str, Form] = {
    "retries": _COUNT,
    "backoff": {"enum": list(BACKOFFS)},
    "delay": DURATION,
    "cap": DURATION,
    "jitter": {"enum": list(JITTERS)},
    "within": DURATION,
}
_EFFECTS = [each.value for each in EffectClass if each is not EffectClass.PROBED]
_TARGET = closed(
    {
        "call": TEXT,
        "with": OBJECT,
        "as": TRANSFORM,
        "effect": {"enum": _EFFECTS},
        "inDoubt": {"type": "boolean"},
        "retries": _COUNT,
    },
    ["call"],
)
_CLOSES: dict[str, Form] = {"closes": {"type": "boolean"}}
DEFAULTS_FORM = closed({**_RETRYING, **_CLOSES})
FORM = closed({**_RETRYING, **_CLOSES, "fallback": {"type": "array", "minItems": 1, "items": _TARGET}})

_ON_ERROR = Slot("a condition of `retry`", frozenset({ERROR}))
_KINDS = {kind: closed({}) for kind in BACKOFFS}
RETRY_FORM = closed(
    {
        "delay": DURATION,
        "backoff": {**closed(_KINDS), "minProperties": 1, "maxProperties": 1},
        "limit": closed({"attempt": closed({"count": _COUNT}, ["count"]), "duration": DURATION}),
        "jitter": closed({"from": DURATION, "to": DURATION}, ["from", "to"]),
        "when": CONDITION,
        "exceptWhen": CONDITION,
    }
)
NAMED_OR_RETRY = either(TEXT, RETRY_FORM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom a step falls back on: another function, what it is asked, and what its answer means."""

    function: str
    arguments: Expression
    answer: Expression | None  # makes the answer that of the task; None: it is
    waits_for_people: bool
    effect: str | None
    in_doubt: bool  # also where nobody knows whether the one before has done it
    policy: Policy | None


def read_recovery(
    node: Node | None, functions: Mapping[str, Function], scope: Scope
) -> tuple[Policy | None, tuple[Target, ...]]:
    """The policy that a call declares, None for none, and its fallbacks."""
    if node is None:
        return None, ()
    parts = node.parts(FORM, example=EXAMPLE)
    targets = parts.pop("fallback", None)
    _check_closes(parts.pop("closes", None))
    policy = _policy(parts) if parts else None
    found = targets.items("fallback: [{call: http, with: {...}}]") if targets is not None else []
    return policy, tuple(_target(each, functions, scope | {ERROR}) for each in found)


def read_defaults(node: Node | None) -> Policy | None:
    """The policy of all calls of a workflow that declare none."""
    if node is None:
        return None
    parts = node.parts(DEFAULTS_FORM, example=EXAMPLE)
    _check_closes(parts.pop("closes", None))
    return _policy(parts) if parts else None


def closes(document: Mapping[str, Any], task: Mapping[str, Any]) -> bool:
    """Whether an incident of the task ends by itself when its cause does: as the task says, else the document."""
    for said in (task, document["document"]):
        recovery = (said.get("metadata") or {}).get("recovery") or {}
        if "closes" in recovery:
            return recovery["closes"] is True
    return False


def _check_closes(node: Node | None) -> None:
    if node is not None:
        node.flag("closes: true")


def read_retry(node: Node, named: Mapping[str, Policy], only: Mapping[str, str | int] | None) -> Policy:
    """`catch.retry`: a policy or the name of one, for errors that the `catch` lets through."""
    if isinstance(node.value, str):
        if node.value not in named:
            known = f"there are {', '.join(named)}" if named else "there is none"
            node.fault("unknown-retry", f"`use.retries` has no `{node.value}`", f"name one of them: {known}")
        return msgspec.structs.replace(named.get(node.value, USUAL), only=only)
    return msgspec.structs.replace(read_policy(node), only=only)


def read_policy(node: Node) -> Policy:
    """A retry policy as the specification has it."""
    example = "retry: {delay: {seconds: 2}, backoff: {exponential: {}}, limit: {attempt: {count: 5}}}"
    parts = node.parts(RETRY_FORM, refused=profile.RETRY, example=example)
    given: dict[str, Any] = {"backoff": "constant", "jitter": "none", "delay_ms": 0}
    if "delay" in parts:
        given["delay_ms"] = _duration(parts["delay"])
    if "backoff" in parts:
        kinds = parts["backoff"].members(_KINDS, example="backoff: {exponential: {}}")
        if len(kinds) == 1:
            (given["backoff"],) = kinds
        else:
            parts["backoff"].fault("value", "`backoff` has one kind", "write backoff: {exponential: {}}")
    if "jitter" in parts:
        ends = parts["jitter"].parts(RETRY_FORM["properties"]["jitter"], example="jitter: {from: PT0S, to: PT1S}")
        if len(ends) == 2:
            given["more_ms"] = (_duration(ends["from"]), _duration(ends["to"]))
    if "limit" in parts:
        limit = parts["limit"].parts(
            RETRY_FORM["properties"]["limit"], refused=profile.RETRY, example="limit: {attempt: {count: 5}}"
        )
        if "duration" in limit:
            given["within_ms"] = _duration(limit["duration"])
        if "attempt" in limit:
            attempt = limit["attempt"].members(
                ("count",), required=("count",), refused=profile.RETRY, example="attempt: {count: 5}"
            )
            if "count" in attempt:
                given["retries"] = _count(attempt["count"])
    for name, member in (("when", "when"), ("exceptWhen", "unless")):
        if name in parts:
            given[member] = read_condition(parts[name], _ON_ERROR, frozenset()).text or str(parts[name].value).lower()
    return Policy(**given)


def _policy(parts: Mapping[str, Node]) -> Policy:
    given: dict[str, Any] = {}
    if "retries" in parts:
        given["retries"] = _count(parts["retries"])
    for name, choices in (("backoff", BACKOFFS), ("jitter", JITTERS)):
        if name in parts:
            given[name] = parts[name].choice(choices, f"{name}: {choices[0]}") or choices[0]
    for name in ("delay", "cap", "within"):
        if name in parts:
            given[f"{name}_ms"] = _duration(parts[name])
    return Policy(**given)


def _target(node: Node, functions: Mapping[str, Function], scope: Scope) -> Target:
    parts = node.parts(_TARGET, example="{call: http, with: {...}, as: '${ {score: .rating} }'}")
    name = parts["call"].text("call: http") if "call" in parts else ""
    function = functions.get(name)
    if function is None and name:
        parts["call"].fault("unknown-function", f"there is no function `{name}`", f"known are {', '.join(functions)}")
    if function is not None:
        refuse_pages(node, function)
    return Target(
        function=name,
        arguments=read_arguments(node, function, scope) if function is not None else Constant({}),
        answer=read_transform(parts["as"], BODY, scope) if "as" in parts else None,
        waits_for_people=function is not None and function.waits_for_people,
        effect=(parts["effect"].choice(_EFFECTS, "effect: keyed") or None) if "effect" in parts else None,
        in_doubt="inDoubt" in parts and parts["inDoubt"].flag("inDoubt: true") is True,
        policy=Policy(retries=_count(parts["retries"])) if "retries" in parts else None,
    )


def _count(node: Node) -> int:
    if type(node.value) is int and 0 <= node.value <= MAX_RETRIES:
        return node.value
    node.fault("value", f"`{node.name}` is a whole number from 0 to {MAX_RETRIES}", f"write {node.name}: 5")
    return 0


def _duration(node: Node) -> int:
    try:
        return milliseconds(node.value)
    except DurationError as error:
        node.fault("duration", f"`{node.name}`: {error}", "write {seconds: 5}")
        return 0
