"""Whatever a definition can say is said by a workflow that runs on Kafka while its processors are killed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from streams.catalogue import FUNCTIONS
from streams.language import constructs, read
from streams.language.common import FORMS
from streams.language.construct import Construct
from streams.language.events import FILTER
from streams.language.forms import DURATION, TASK, TASKS, Form
from streams.language.model import TaskModel
from streams.language.source import parse
from streams.language.workflow import FORM
from tests.acceptance import chain, family, language, meeting, starts, undoing

KILLED = (
    *language.CHILDREN.values(), *language.DEFINITIONS.values(), *language.TOGETHER.values(), *chain.DEFINITIONS,
    *family.DEFINITIONS, meeting.DEFINITION, *meeting.TOGETHER.values(), undoing.DEFINITION,
    starts.DEFINITIONS[starts.TICK].format(number=0),
)  # fmt: skip
ELSEWHERE: Mapping[str, str] = {
    "document.": "tells people what it is",
    "event.with.id": "compared as `source` is",
    "event.with.subject": "compared as `source` is",
    "raise.raise.error.": "said under `use.errors`, which is the same",
    "schedule.after": "of the same processor as `every`",
    "schedule.cron": "of the same processor as `every`",
    "try.catch.errors.with.detail": "compared as `title` is",
    "try.catch.retry.": "said under `use.retries`, which is the same",
    "use.authentications": "for calls of systems outside, which have suites of their own",
    "use.retries.backoff.": "a sum, in memory",
    "use.secrets": "for calls of systems outside, which have suites of their own",
}
"""Beginnings of what none of them says, and why not."""
APART = ("schema", "metadata")  # members that say nothing of the flow, or have suites of their own

Path = tuple[str, ...]


def test_scenarios_with_kills_say_all_that_can_be_said() -> None:
    said = {each.path for text in KILLED for each in _members(FORM, (), parse(text, "scenario").value) if each.said}
    missing = {".".join(each.path) for each in _sayable() if each.path not in said}
    assert sorted(each for each in missing if not each.startswith(tuple(ELSEWHERE))) == []
    assert sorted(each for each in ELSEWHERE if not any(path.startswith(each) for path in missing)) == []


def test_scenarios_with_kills_have_tasks_of_every_kind() -> None:
    kinds = {type(task) for text in KILLED for task in _tasks(read(text, "scenario", FUNCTIONS).root)}
    assert [each.key for each in constructs.KINDS if each.model not in kinds] == []


def _tasks(task: TaskModel) -> Iterator[TaskModel]:
    yield task
    for each in constructs.children(task):
        yield from _tasks(each)


class _Member(NamedTuple):
    path: Path
    said: bool


NOTHING = object()


def _sayable() -> Iterator[_Member]:
    yield from _members(FORM, (), NOTHING)
    yield from _members(FILTER, ("event",), NOTHING)
    for each in constructs.ALL:
        yield from _of_task(each, NOTHING)


def _of_task(construct: Construct[Any], value: Any) -> Iterator[_Member]:
    yield from _members({"properties": FORMS}, ("task",), value)
    yield from _members({"properties": construct.keys}, (construct.key,), value)


def _members(form: Form, path: Path, value: Any) -> Iterator[_Member]:
    """The members that a form has, and whether a value has them; those of tasks and events stand by themselves."""
    if form in (TASK, TASKS, DURATION):
        tasks = [value] if form == TASK else [each for named in _parts(value) for each in _parts(named)]
        for task in tasks if form != DURATION else ():
            if (construct := _kind(task)) is not None:
                yield from _of_task(construct, task)
        return
    own = {key: inner for key, inner in form.get("properties", {}).items() if key not in APART}
    for key, inner in own.items():
        yield _Member((*path, key), isinstance(value, Mapping) and key in value)
        at = ("event",) if inner is FILTER else (*path, key)
        yield from _members(inner, at, value[key] if isinstance(value, Mapping) and key in value else NOTHING)
    for inner in form.get("anyOf", ()):
        yield from _members(inner, path, value)
    for inner in (form.get("items"), form.get("additionalProperties")):
        if isinstance(inner, Mapping):
            at = ("event",) if inner is FILTER else path
            for part in [NOTHING, *_parts(value, but=own)]:
                yield from _members(inner, at, part)


def _parts(value: Any, but: Mapping[str, Form] | None = None) -> list[Any]:
    if isinstance(value, Mapping):
        return [part for key, part in value.items() if key not in (but or {})]
    return value if isinstance(value, list) else []


def _kind(task: Any) -> Construct[Any] | None:
    there = [each for each in constructs.ALL if isinstance(task, Mapping) and each.key in task]
    return next((each for each in there if not any(each.key in one.keys for one in there if one is not each)), None)
