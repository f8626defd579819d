"""From the tasks of a document to the model."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from streams.language import profile
from streams.language.calls import compiled_schema, read_call
from streams.language.expressions import Constant, inner_text
from streams.language.graph import NOTHING, ErrorFilter, Expression, Transform
from streams.language.model import (
    CONTINUE,
    DIRECTIVES,
    CallModel,
    CaseModel,
    DoModel,
    ForkModel,
    ForModel,
    RaiseModel,
    SetModel,
    SwitchModel,
    TaskModel,
    TryModel,
    WaitModel,
)
from streams.language.nodes import Node, kind_of
from streams.language.slots import (
    BODY,
    EXPORT,
    IF,
    INPUT,
    OUTPUT,
    RESERVED,
    Scope,
    Slot,
    read_collection,
    read_condition,
    read_duration,
    read_template,
    read_transform,
)

Common = dict[str, Any]

MAX_NAME = 64
_TASK_EXAMPLE = "- checkOrder: {call: http, with: {...}}"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def read_list(node: Node, scope: Scope) -> DoModel:
    """A list of tasks as a `do` of its own."""
    named = node.named_items(_TASK_EXAMPLE)
    if isinstance(node.value, list) and not node.value:
        node.fault("empty-list", f"`{node.name}` has no tasks", f"add one: {_TASK_EXAMPLE}", key=True)
    return DoModel(name=node.name, path=node.path, tasks=tuple(read_task(item, scope) for item in named))


def read_task(node: Node, scope: Scope) -> TaskModel:
    """One task; an empty `do` stands in, with a fault, if it is not clear which kind it is."""
    kind = _kind(node)
    if kind is None:
        return DoModel(name=node.name, path=node.path, tasks=())
    keys = (*profile.COMMON_KEYS, *_COMPANIONS.get(kind, (kind,)))
    node.members(keys, required=_REQUIRED.get(kind, ()), refused=_unknown_kinds(kind), example=_TASK_EXAMPLE)
    if node.name in DIRECTIVES or len(node.name) > MAX_NAME:
        remedy = f"choose another name, of at most {MAX_NAME} characters"
        node.fault("name", f"a task cannot be called `{node.name[:MAX_NAME]}`", remedy, key=True)
    return _READERS[kind](node, _common(node, scope), scope)


def _kind(node: Node) -> str | None:
    if not isinstance(node.value, dict):
        node.fault("type", f"the task `{node.name}` is {kind_of(node.value)}", f"write {_TASK_EXAMPLE}", key=True)
        return None
    refused = [key for key in node.value if key in profile.TASKS]
    kinds = [key for key in profile.TASK_KINDS if key in node.value]
    if "for" in kinds and "do" in kinds:
        kinds.remove("do")
    if len(kinds) == 1:
        return kinds[0]
    if kinds:
        named = " and ".join(f"`{kind}`" for kind in kinds)
        node.fault("task-kind", f"the task `{node.name}` is {named} at once", "make each a task of its own", key=True)
    elif refused:
        for key in refused:
            _refuse(node.child(key))
    elif unknown := [key for key in node.value if key not in profile.COMMON_KEYS]:
        for key in unknown:
            node.child(key).unknown((*profile.TASK_KINDS, *profile.COMMON_KEYS), profile.TASKS)
    else:
        message = f"the task `{node.name}` does not say what it does"
        node.fault("task-kind", message, f"give it one of {', '.join(profile.TASK_KINDS)}", key=True)
    return None


def _refuse(node: Node) -> None:
    never = [key for key in profile.RUN if node.name == "run" and node.optional(key) is not None]
    for key in never:
        node.child(key).unknown((), profile.RUN)
    if not never:
        node.unknown((), profile.TASKS)


def _unknown_kinds(kind: str) -> dict[str, profile.Refusal]:
    return profile.TASKS if kind != "call" else {}


def _common(node: Node, scope: Scope) -> Common:
    parts = {key: node.optional(key) for key in profile.COMMON_KEYS}
    common: Common = {"name": node.name, "path": node.path, "document": node.value}
    if (part := parts["if"]) is not None:
        common["condition"] = read_condition(part, IF, scope)
    common["input"] = read_data(parts["input"], "from", INPUT, scope)
    common["output"] = read_data(parts["output"], "as", OUTPUT, scope)
    common["export"] = read_data(parts["export"], "as", EXPORT, scope)
    common["timeout"] = read_timeout(parts["timeout"], scope)
    common["then"] = parts["then"].text("then: continue") if parts["then"] is not None else CONTINUE
    common["metadata"] = _metadata(parts["metadata"])
    return common


def read_data(node: Node | None, key: str, slot: Slot, scope: Scope) -> Transform:
    """`input`, `output` or `export`."""
    if node is None:
        return NOTHING
    parts = node.members(("schema", key), example=f"{{{key}: ${{ .result }}}}")
    expression = read_transform(parts[key], slot, scope) if key in parts else None
    return Transform(_schema(parts["schema"]) if "schema" in parts else None, expression)


def _schema(node: Node) -> Any:
    example = "schema: {format: json, document: {type: object}}"
    required = () if node.optional("resource") else ("document",)
    parts = node.members(("format", "document"), required=required, refused=profile.SCHEMAS, example=example)
    if "format" in parts:
        parts["format"].choice(("json", "json:2020-12", "json:draft-07"), "format: json")
    return compiled_schema(parts["document"]) if "document" in parts else None


def read_timeout(node: Node | None, scope: Scope, slot: Slot = BODY) -> Expression | None:
    """`timeout`."""
    if node is None:
        return None
    if isinstance(node.value, str):
        node.fault(
            "not-built", "named timeouts are part of the profile but not built yet", "write {after: {minutes: 5}}"
        )
        return None
    parts = node.members(("after",), required=("after",), example="timeout: {after: {minutes: 5}}")
    return read_duration(parts["after"], slot, scope) if "after" in parts else None


def _metadata(node: Node | None) -> dict[str, Any]:
    if node is None:
        return {}
    if not isinstance(node.value, dict):
        node.wrong_type("an object", "metadata: {owner: sales}")
        return {}
    effect = node.optional("effect")
    if effect is not None:
        effect.choice(profile.EFFECTS, f"effect: one of {', '.join(profile.EFFECTS)}")
    return dict(node.value)


def _do(node: Node, common: Common, scope: Scope) -> TaskModel:
    return DoModel(**common, tasks=read_list(node.child("do"), scope).tasks, told=True)


def _set(node: Node, common: Common, scope: Scope) -> TaskModel:
    value = node.child("set")
    if isinstance(value.value, str) and inner_text(value.value) is None:
        value.fault(
            "type", "`set` takes an object or an expression", "write set: ${ .order } or set: {total: ${ .sum }}"
        )
        return SetModel(**common, value=Constant(None))
    if not isinstance(value.value, dict | str):
        value.wrong_type("an object or an expression", "set: ${ .order } or set: {total: ${ .sum }}")
        return SetModel(**common, value=Constant(None))
    return SetModel(**common, value=read_template(value, BODY, scope))


def _switch(node: Node, common: Common, scope: Scope) -> TaskModel:
    cases = [
        _case(item, scope) for item in node.child("switch").named_items("- cheap: {when: .price < 10, then: accept}")
    ]
    defaults = [case for case in cases if case.when is None]
    switch = node.child("switch")
    for case in defaults[1:]:
        message = f"`{case.name}` is a second default case; `{defaults[0].name}` is the first"
        node.source.fault(case.path, "two-defaults", message, "give it a `when` or remove it", key=True)
    if switch.value == []:
        switch.fault(
            "empty-list", "`switch` has no cases", "add one: - cheap: {when: .price < 10, then: accept}", key=True
        )
    elif not defaults:
        switch.warn(
            "no-default", f"`{node.name}` has no default case", "add - default: {then: ...}, or accept that it goes on"
        )
    _unique([Node(node.source, case.path, None) for case in cases], "case")
    return SwitchModel(**common, cases=tuple(cases))


def _case(node: Node, scope: Scope) -> CaseModel:
    parts = node.members(("when", "then"), required=("then",), example="- cheap: {when: .price < 10, then: accept}")
    when = read_condition(parts["when"], BODY, scope) if "when" in parts else None
    then = parts["then"].text("then: continue") if "then" in parts else CONTINUE
    return CaseModel(name=node.name, path=node.path, when=when, then=then)


def _for(node: Node, common: Common, scope: Scope) -> TaskModel:
    parts = node.child("for").members(
        ("each", "in", "at"), required=("in",), example="for: {each: item, in: ${ .items }}"
    )
    each = _variable(parts.get("each"), "item", scope)
    at = _variable(parts.get("at"), "index", scope)
    if each == at:
        node.child("for").fault("name", "`each` and `at` have the same name", "give one of them another name")
    inner = scope | {each, at}
    items = read_collection(parts["in"], BODY, scope) if "in" in parts else Constant([])
    condition = node.optional("while")
    return ForModel(
        **common,
        items=items,
        each=each,
        at=at,
        condition_while=read_condition(condition, BODY, inner) if condition is not None else None,
        body=_list_under(node, "do", inner),
    )


def _variable(node: Node | None, default: str, scope: Scope) -> str:
    if node is None:
        return default
    name = node.text(f"{node.name}: {default}").removeprefix("$")
    if name and (not _NAME.fullmatch(name) or name in RESERVED):
        message = f"`{name}` cannot be the name of a variable"
        node.fault("name", message, f"use letters, digits and _; not {', '.join(sorted(RESERVED))}")
        return default
    return name or default


def _list_under(node: Node, key: str, scope: Scope) -> DoModel:
    child = node.optional(key)
    return DoModel(name=key, path=(*node.path, key), tasks=()) if child is None else read_list(child, scope)


def _fork(node: Node, common: Common, scope: Scope) -> TaskModel:
    fork = node.child("fork")
    example = "fork: {branches: [{first: {...}}, {second: {...}}]}"
    known = ("branches", "compete") if fork.optional("compete") and fork.value["compete"] is False else ("branches",)
    parts = fork.members(known, required=("branches",), refused=profile.FORK, example=example)
    if "branches" not in parts:
        return ForkModel(**common, branches=())
    branches = parts["branches"].named_items("- first: {call: http, with: {...}}")
    if parts["branches"].value == []:
        parts["branches"].fault("empty-list", "`fork` has no branches", f"write {example}", key=True)
    _unique(branches, "branch")
    models = tuple(read_task(branch, scope) for branch in branches)
    for branch in models:
        if branch.then not in (CONTINUE, "exit", "end"):
            message = f"a branch has no siblings to go to, `{branch.then}` is none"
            node.source.fault((*branch.path, "then"), "goto", message, "leave `then` out")
    return ForkModel(**common, branches=models)


def _unique(nodes: list[Node], what: str) -> None:
    seen: dict[str, Node] = {}
    for node in nodes:
        first = seen.setdefault(node.name, node)
        if first is not node:
            line = node.source.keys[first.path].start_mark.line + 1
            node.fault(
                "duplicate-name", f"the {what} `{node.name}` is already in line {line}", "rename one of them", key=True
            )


def _try(node: Node, common: Common, scope: Scope) -> TaskModel:
    parts: dict[str, Node] = {}
    catch = node.optional("catch")
    if catch is not None:
        known = ("errors", "as", "when", "exceptWhen", "do")
        parts = catch.members(known, refused=profile.CATCH, example="catch: {as: error, do: [...]}")
    bind = _variable(parts.get("as"), "error", scope)
    inner = scope | {bind}
    return TryModel(
        **common,
        body=_list_under(node, "try", scope),
        errors=_errors(parts["errors"]) if "errors" in parts else ErrorFilter(),
        bind=bind,
        when=read_condition(parts["when"], BODY, inner) if "when" in parts else None,
        except_when=read_condition(parts["exceptWhen"], BODY, inner) if "exceptWhen" in parts else None,
        handler=read_list(parts["do"], inner) if "do" in parts else None,
    )


def _errors(node: Node) -> ErrorFilter:
    example = "errors: {with: {status: 503}}"
    parts = node.members(("with",), required=("with",), example=example)
    if "with" not in parts:
        return ErrorFilter()
    members = parts["with"].members(("type", "status", "title", "detail", "instance"), example=example)
    values: dict[str, Any] = {}
    for name, part in members.items():
        wanted = int if name == "status" else str
        if type(part.value) is not wanted:
            part.wrong_type("a whole number" if wanted is int else "a text", example)
        elif "${" in str(part.value):
            part.fault("value", "the error filter is static", "compare in `when`: ${ $error.title == ... }")
        else:
            values[name] = part.value
    return ErrorFilter(**values)


def _raise(node: Node, common: Common, scope: Scope) -> TaskModel:
    example = "raise: {error: {type: https://example.com/errors/refused, status: 400, title: Refused}}"
    parts = node.child("raise").members(("error",), required=("error",), example=example)
    error = parts.get("error")
    if error is None:
        return RaiseModel(**common, error=Constant({}))
    if isinstance(error.value, str) and inner_text(error.value) is None:
        error.fault("not-built", "named errors are part of the profile but not built yet", f"write {example}")
        return RaiseModel(**common, error=Constant({}))
    if not isinstance(error.value, str):
        known = ("type", "status", "title", "detail", "instance")
        members = error.members(known, required=("type", "status"), example=example)
        status = members.get("status")
        if status is not None and not isinstance(status.value, str) and type(status.value) is not int:
            status.wrong_type("a whole number", "status: 400")
        elif status is not None and type(status.value) is int and not 100 <= status.value <= 999:
            status.fault("value", "a status lies between 100 and 999", "write status: 400")
    return RaiseModel(**common, error=read_template(error, BODY, scope))


def _wait(node: Node, common: Common, scope: Scope) -> TaskModel:
    return WaitModel(**common, duration=read_duration(node.child("wait"), BODY, scope))


def _call(node: Node, common: Common, scope: Scope) -> TaskModel:
    function, arguments = read_call(node, scope)
    effect = common["metadata"].get("effect")
    return CallModel(**common, function=function, arguments=arguments, effect=effect)


_READERS: dict[str, Callable[[Node, Common, Scope], TaskModel]] = {
    "call": _call,
    "do": _do,
    "for": _for,
    "fork": _fork,
    "raise": _raise,
    "set": _set,
    "switch": _switch,
    "try": _try,
    "wait": _wait,
}
_COMPANIONS = {"call": ("call", "with"), "for": ("for", "while", "do"), "try": ("try", "catch")}
_REQUIRED = {"for": ("do",), "try": ("catch",)}
