"""From a document to the model of a workflow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from schemas.functions import Function
from schemas.payload import Json
from schemas.recovery import Policy
from streams.language import authentications, profile
from streams.language.common import (
    INPUT_FORM,
    NAMED_OR_TIMEOUT,
    OUTPUT_FORM,
    TIMEOUT_FORM,
    read_input,
    read_output,
    read_timeout,
)
from streams.language.constructs import BY_KEY
from streams.language.constructs.defined import read_functions
from streams.language.constructs.do import DoModel, read_list
from streams.language.constructs.listen import DATA, READS, TO_FORM
from streams.language.constructs.raise_ import ERROR_FORM, read_error
from streams.language.durations import DurationError, milliseconds
from streams.language.forms import DURATION, EXPRESSION, FIXED_TEXT, OBJECT, TASK, TASKS, TEXT, Form, closed, either
from streams.language.graph import NORMAL, OWNER, PRIORITIES, Deadline, Expression, Transform, Trigger
from streams.language.hints import check_lists, warn_of_circle, warn_of_secrets, warn_of_silence
from streams.language.nodes import Node
from streams.language.reader import Reader
from streams.language.recovery import DEFAULTS_FORM, RETRY_FORM, read_defaults, read_policy
from streams.language.schedules import Schedule
from streams.language.scheduling import KEYS as SCHEDULE_KEYS
from streams.language.scheduling import METADATA_FORM as SCHEDULE_FORM
from streams.language.scheduling import read_schedule
from streams.language.slots import BODY, WORKFLOW_INPUT, WORKFLOW_OUTPUT
from streams.language.source import Source
from streams.language.triggers import is_plain, read_trigger
from streams.language.undo_lint import lint_undo
from streams.language.uses import ERRORS, FUNCTIONS, TIMEOUTS

EXAMPLE = "document: {dsl: '1.0.3', namespace: sales, name: order, version: '1.0.0'}"
MAX_NAME = 100  # a name is part of the name of a topic, which has 249 characters

_NAME = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_NUMBER = r"(0|[1-9]\d*)"
_SEMVER = rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"

_NAME_FORM = {"type": "string", "pattern": f"^{_NAME}$", "maxLength": MAX_NAME}
_TEXTS: dict[str, Form] = {
    "dsl": {"enum": list(profile.DSL_VERSIONS)},
    "namespace": _NAME_FORM,
    "name": _NAME_FORM,
    "version": {"type": "string", "pattern": f"^{_SEMVER}$"},
    "title": TEXT,
    "summary": TEXT,
}
_ON_ERROR = ("incident", "fault")
_SEARCH: Form = {"type": "array", "items": {"type": "string"}}
_METADATA: Form = {
    "type": "object",
    "properties": {
        "onError": {"enum": list(_ON_ERROR)},
        "recovery": DEFAULTS_FORM,
        "search": _SEARCH,
        "priority": {"enum": list(PRIORITIES)},
        "deadline": DURATION,
        "schedule": SCHEDULE_FORM,
    },
}
_DOCUMENT = closed({**_TEXTS, "tags": OBJECT, "metadata": _METADATA}, ["dsl", "namespace", "name", "version"])
_ATTRIBUTES = closed({"type": FIXED_TEXT, "source": FIXED_TEXT, "subject": FIXED_TEXT}, ["type"])
_FILTER = closed({"with": _ATTRIBUTES}, ["with"])
_ON: Form = {**TO_FORM, "minProperties": 1}
_READ = {"enum": list(READS)}
_SCHEDULE = {**closed({"on": _ON, "read": _READ, **SCHEDULE_KEYS}), "minProperties": 1}
_NAMED = {"retries": RETRY_FORM, "errors": either(ERROR_FORM, EXPRESSION), "timeouts": TIMEOUT_FORM, "functions": TASK}
_USE = closed(
    {name: {"type": "object", "additionalProperties": form} for name, form in _NAMED.items()} | authentications.USE_KEYS
)
_EVALUATE = {**closed({"language": {"const": "jq"}, "mode": {"const": "strict"}}), "type": ["object", "null"]}

FORM = closed(
    {
        "document": _DOCUMENT,
        "input": INPUT_FORM,
        "output": OUTPUT_FORM,
        "timeout": NAMED_OR_TIMEOUT,
        "schedule": _SCHEDULE,
        "use": {**_USE, "type": ["object", "null"]},
        "evaluate": _EVALUATE,
        "do": TASKS,
    },
    ["document", "do"],
)

Event = tuple[str, dict[str, Json]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowModel:
    """A whole definition."""

    document: Mapping[str, Json]  # as written
    namespace: str
    name: str
    version: str
    event_types: tuple[str, ...]
    event_filters: tuple[Mapping[str, Json], ...]
    trigger: Trigger | None
    schedule: Schedule | None
    read: str  # what of an event that starts it is the input
    input: Transform
    output: Transform
    timeout: Expression | None
    owner: str
    priority: str
    deadline: Deadline | None
    faults: bool
    policy: Policy | None
    root: DoModel


def read_workflow(source: Source, functions: Mapping[str, Function]) -> WorkflowModel:
    """The model; every fault is noted in the source, and where there are any the model is not to be used."""
    node = Node(source, (), source.value)
    parts = node.parts(FORM, refused=profile.ROOT, example=f"{EXAMPLE} and do: [...]")
    identity = _document(parts["document"]) if "document" in parts else {}
    starts = _starts(parts["schedule"]) if "schedule" in parts else {}
    read = _read(starts)
    within = _within(starts, _metadata(parts.get("document"), "schedule"))
    trigger: Trigger | None = None
    events: list[Event] = []
    if "on" in starts and is_plain(starts["on"].value):
        events = _events(starts["on"])
    elif "on" in starts:
        trigger = read_trigger(starts["on"], read, within)
    types = tuple(kind for kind, _ in events) if trigger is None else trigger.types
    used = _used(parts["use"]) if "use" in parts and parts["use"].value is not None else {}
    retries = {name: read_policy(each) for name, each in _members(used, "retries")}
    for _, each in _members(used, ERRORS):
        read_error(each)
    for _, each in _members(used, TIMEOUTS):
        read_timeout(each, BODY, frozenset())
    authentications.check(node)
    if "evaluate" in parts:
        _evaluate(parts["evaluate"])
    warn_of_secrets(node)
    warn_of_silence(node)
    if types and (trigger is None or not trigger.gathers):
        check_lists(node)
    if types or trigger is not None:
        warn_of_circle(node, set(types), every=trigger is not None and not types)
    nobody: frozenset[str] = frozenset()
    reader = Reader(BY_KEY, functions, retries)
    if FUNCTIONS in used:
        read_functions(reader, used[FUNCTIONS])
    root = read_list(reader, parts["do"], nobody) if "do" in parts else DoModel(name="do", path=("do",), tasks=())
    lint_undo(source, root)
    return WorkflowModel(
        document=source.value if isinstance(source.value, dict) else {},
        namespace=identity.get("namespace", ""),
        name=identity.get("name", ""),
        version=identity.get("version", ""),
        event_types=types,
        event_filters=tuple(attributes for _, attributes in events),
        trigger=trigger,
        schedule=read_schedule(starts, _metadata(parts.get("document"), "schedule")),
        read=DATA if trigger is not None and (trigger.gathers or not types) else read,
        input=read_input(parts.get("input"), WORKFLOW_INPUT, nobody),
        output=read_output(parts.get("output"), WORKFLOW_OUTPUT, nobody),
        timeout=read_timeout(parts.get("timeout"), WORKFLOW_INPUT, nobody),
        owner=_owner(_metadata(parts.get("document"), "owner")),
        priority=_priority(_metadata(parts.get("document"), "priority")),
        deadline=_deadline(_metadata(parts.get("document"), "deadline"), _metadata(parts.get("document"), "calendar")),
        faults=_faults(_metadata(parts.get("document"), "onError")),
        policy=read_defaults(_metadata(parts.get("document"), "recovery")),
        root=root,
    )


def _evaluate(node: Node) -> None:
    """What is always done may be said; anything else is refused."""
    harmless = {key: form["const"] for key, form in _EVALUATE["properties"].items()}
    told = node.value if node.value is not None else {}
    if not isinstance(told, dict) or any(value != harmless.get(key) for key, value in told.items()):
        refusal = profile.ROOT["evaluate"]
        node.fault(refusal.code, refusal.message(node.name), refusal.remedy, key=True)


def _document(node: Node) -> dict[str, str]:
    parts = node.parts(_DOCUMENT, example=EXAMPLE)
    texts = {key: parts[key].text(f"{key}: text") for key in _TEXTS if key in parts}
    for key in ("tags", "metadata"):
        if key in parts and not isinstance(parts[key].value, dict):
            parts[key].wrong_type("an object", f"{key}: {{owner: sales}}")
    _check_dsl(parts.get("dsl"))
    for key in ("namespace", "name"):
        _check_name(parts.get(key))
    version = parts.get("version")
    if version is not None and isinstance(version.value, str) and not re.fullmatch(_SEMVER, version.value):
        version.fault("version", "`version` is not a semantic version", "write version: '1.0.0'")
    return texts


def _metadata(document: Node | None, name: str) -> Node | None:
    metadata = document.optional("metadata") if document is not None else None
    return metadata.optional(name) if metadata is not None else None


def _used(node: Node) -> dict[str, Node]:
    return node.parts(_USE, refused=profile.USE, example="use: {retries: {often: {limit: {attempt: {count: 5}}}}}")


def _members(used: Mapping[str, Node], part: str) -> list[tuple[str, Node]]:
    """What has a name there."""
    if part not in used or not isinstance(used[part].value, dict):
        if part in used:
            used[part].wrong_type("an object", f"{part}: {{NAME: {{...}}}}")
        return []
    return [(str(name), used[part].child(name)) for name in used[part].value]


def _owner(owner: Node | None) -> str:
    """`metadata.owner`: a text there is a team; anything else is the author's own."""
    return owner.value if owner is not None and isinstance(owner.value, str) and owner.value else OWNER


def _priority(priority: Node | None) -> str:
    """`metadata.priority`: the usual, where none is said."""
    return priority.choice(PRIORITIES, "priority: high") or NORMAL if priority is not None else NORMAL


def _deadline(within: Node | None, calendar: Node | None) -> Deadline | None:
    """`metadata.deadline`, in working time where `metadata.calendar` names whose."""
    if within is None:
        return None
    try:
        within_ms = milliseconds(within.value)
    except DurationError as error:
        within.fault("duration", f"`deadline` is no duration: {error}", "write deadline: {hours: 4}")
        return None
    named = calendar.value if calendar is not None else None
    return Deadline(within_ms, named if isinstance(named, str) else None)


def _faults(on_error: Node | None) -> bool:
    """`metadata.onError`: whether what nobody catches ends the instance."""
    return on_error is not None and on_error.choice(_ON_ERROR, "onError: incident") == "fault"


def _check_dsl(node: Node | None) -> None:
    if node is not None and isinstance(node.value, str) and node.value not in profile.DSL_VERSIONS:
        remedy = "write dsl: '1.0.3'"
        node.fault("dsl-version", f"version {node.value[:20]} of the language is not supported", remedy)


def _check_name(node: Node | None) -> None:
    if node is None or not isinstance(node.value, str) or not node.value:
        return
    if not re.fullmatch(_NAME, node.value) or len(node.value) > MAX_NAME:
        message = (
            f"`{node.name}` becomes part of a topic's name: lower case, digits, hyphens, at most {MAX_NAME} characters"
        )
        better = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", node.value).lower()).strip("-")
        node.fault("name", message, f"write {node.name}: {better[:MAX_NAME] or 'order'}")


_ON_EXAMPLE = "schedule: {on: {one: {with: {type: com.example.order.placed.v1}}}}"


def _starts(node: Node) -> dict[str, Node]:
    """What starts the workflow: events, or time."""
    parts = node.members(_SCHEDULE["properties"], example=_ON_EXAMPLE)
    if not parts and isinstance(node.value, dict):
        node.fault("missing", "`schedule` says nothing", f"write {_ON_EXAMPLE}")
    return parts


def _read(starts: Mapping[str, Node]) -> str:
    """`schedule.read`."""
    if "read" not in starts:
        return DATA
    if "on" not in starts:
        starts["read"].fault("schedule", "`read` is for events, and none starts the workflow", "remove it", key=True)
    return starts["read"].choice(READS, "read: envelope") or DATA


def _within(starts: Mapping[str, Node], metadata: Node | None) -> Node | None:
    """`metadata.schedule.within`."""
    within = metadata.optional("within") if metadata is not None else None
    if within is not None and ("on" not in starts or is_plain(starts["on"].value)):
        within.fault("schedule", "`within` is for several events that start one instance", "remove it", key=True)
        return None
    return within


def _events(node: Node) -> list[Event]:
    example = _ON_EXAMPLE
    strategies = node.members(("one", "any"), example=example)
    if len(strategies) != 1 and isinstance(node.value, dict):
        node.fault("schedule", "`on` takes one of `one`, `any` and `all`", f"write {example}")
    filters = [strategies["one"]] if "one" in strategies else []
    if "any" in strategies:
        filters += strategies["any"].items("any: [{with: {type: com.example.order.placed.v1}}]")
    events = [event for event in (_event(part, example) for part in filters) if event is not None]
    seen: set[tuple[str, ...]] = set()
    for event, node in zip(events, filters, strict=False):
        told = tuple(f"{name}={value}" for name, value in sorted(event[1].items()))
        if told in seen:
            node.fault("duplicate-name", "the same event is already in the list", "remove one of them")
        seen.add(told)
    return events


def _event(node: Node, example: str) -> Event | None:
    parts = node.parts(_FILTER, example=example)
    if "with" not in parts:
        return None
    members = parts["with"].parts(_ATTRIBUTES, refused=profile.EVENT_ATTRIBUTES_OF_LISTEN, example=example)
    values = {name: part.text(f"{name}: text") for name, part in members.items()}
    for name, part in members.items():
        if "${" in values[name]:
            part.fault(
                "not-built", f"an expression as `{name}` is part of the profile but not built yet", "write a fixed text"
            )
    return (values["type"], values) if values.get("type") else None
