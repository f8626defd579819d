"""How instances are found by what they carry: members of their input, why they failed, the step where they are.

JSON is looked into by the database. A path is names with dots between them, `customer.address.city`, or `items.0.sku`.
No index knows what people will look for, so every input is looked through, once. PostgreSQL takes three times as long
to parse a text as to find out whether a value stands in it at all, so that comes first; SQLite parses faster than that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from sqlalchemy import (
    ColumnElement,
    Dialect,
    Select,
    String,
    Table,
    Text,
    case,
    cast,
    exists,
    false,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql

from schemas.lifecycle import OPEN, Status
from streams.ground.errors import UsageError
from streams.processors.human.fields import OPEN as OPEN_TASK
from streams.processors.human.rows import TASKS
from streams.processors.orchestrate.rows import INCIDENTS, INSTANCE_DATA, INSTANCES
from streams.processors.recover.rows import RETRIES, WAITING
from streams.readmodel.projection import storable

Place = tuple[str, str, str]  # workflow, version, and the pointer of a task

_PATH = re.compile(r'[^."\\\s\0]{1,100}(\.[^."\\\s\0]{1,100}){0,9}')
_BOOLEANS = ("true", "false")


def is_path(text: str) -> bool:
    """Whether a text names a place in JSON."""
    return _PATH.fullmatch(text) is not None


def by_input(dialect: Dialect, path: str, value: str) -> ColumnElement[bool]:
    """Whose input has this value at the path, compared as text. Raises UsageError for a path that is none."""
    return _whose_input(dialect, value, _has(dialect, INSTANCE_DATA.c.input, path, value))


def by_fields(dialect: Dialect, fields: Iterable[tuple[str, str]], value: str) -> ColumnElement[bool]:
    """Whose business key is this, or one of the fields (workflow and path) that its definition names for searching."""
    wanted: ColumnElement[bool] = INSTANCES.c.business_key == storable(value)
    if not (named := sorted(set(fields))):
        return wanted
    has = {path: _has(dialect, INSTANCE_DATA.c.input, path, value) for _, path in named}
    ours = INSTANCE_DATA.c.instance_id == INSTANCES.c.instance_id
    its_own = [
        (INSTANCES.c.workflow == workflow) & exists().where(ours, has[path]).correlate(INSTANCES)
        for workflow, path in named
    ]
    return wanted | (_whose_input(dialect, value, or_(*has.values())) & or_(*its_own))


def by_reason(dialect: Dialect, reason: str) -> ColumnElement[bool]:
    """That faulted with this reason, or wait for a decision because of it."""
    faulted = (INSTANCES.c.status == Status.FAULTED) & _has(dialect, INSTANCES.c.error, "reason", reason)
    return faulted | _of(_open(INCIDENTS).where(INCIDENTS.c.reason == reason))


def by_step(dialect: Dialect, step: str) -> ColumnElement[bool]:
    """That wait at a step, for a person or for a decision, or faulted there; by its name, or its place after a `/`."""
    error = _text(dialect, INSTANCES.c.error, "instance")
    faulted = (INSTANCES.c.status == Status.FAULTED) & _is_step(error, step)
    waiting = [_of(_open(table).where(_is_step(table.c.pointer, step))) for table in (INCIDENTS, TASKS)]
    return faulted | waiting[0] | waiting[1]


def by_places(places: Sequence[Place]) -> ColumnElement[bool]:
    """That wait at one of these tasks, for a decision or for their next try."""
    return _of(_open(INCIDENTS).where(at_places(INCIDENTS, places))) | by_retrying(places=places)


def by_retrying(
    *, reason: str | None = None, step: str | None = None, places: Sequence[Place] | None = None
) -> ColumnElement[bool]:
    """That have not ended and have a step that waits for its next try: with this reason, this step, at these tasks."""
    waiting = select(RETRIES.c.instance_id).where(RETRIES.c.status == WAITING)
    if reason is not None:
        waiting = waiting.where(RETRIES.c.reason == storable(reason))
    if step is not None:
        waiting = waiting.where(_is_step(RETRIES.c.pointer, storable(step)))
    if places is not None:
        its = INSTANCES.alias()
        is_there = tuple_(its.c.workflow, its.c.version, RETRIES.c.pointer).in_(places)
        waiting = waiting.join(its, its.c.instance_id == RETRIES.c.instance_id).where(is_there)
    return INSTANCES.c.status.in_(OPEN) & _of(waiting)


def at_places(table: Table, places: Sequence[Place]) -> ColumnElement[bool]:
    """Rows of one of these tasks."""
    return tuple_(table.c.workflow, table.c.version, table.c.pointer).in_(places)


def _is_step(pointer: ColumnElement[str], step: str) -> ColumnElement[bool]:
    return pointer == step if step.startswith("/") else pointer.endswith(f"/{step}", autoescape=True)


def _open(table: Table) -> Select[tuple[str]]:
    return select(table.c.instance_id).where(table.c.status == OPEN_TASK)


def _of(found: Select[tuple[str]]) -> ColumnElement[bool]:
    return INSTANCES.c.instance_id.in_(found)


def _whose_input(dialect: Dialect, value: str, has: ColumnElement[bool]) -> ColumnElement[bool]:
    """Those of whose input a condition holds, which cannot hold where the value does not stand in the text."""
    data = INSTANCE_DATA.c
    needle = _needle(value) if dialect.name == "postgresql" else None
    holds = has if needle is None else case((func.strpos(cast(data.input, Text), needle) > 0, has), else_=false())
    found = select(data.instance_id).where(holds).cte().prefix_with("MATERIALIZED", dialect="postgresql")
    return INSTANCES.c.instance_id.in_(select(found.c.instance_id))


def _needle(value: str) -> str | None:
    """How JSON as our doors write it has the value, be it a text or not; None for what may be an object or a list."""
    if value[:1] in ("{", "["):
        return None
    return value if _is_a_word(value) else json.dumps(storable(value), ensure_ascii=False)


def _is_a_word(value: str) -> bool:
    """Whether it may stand in JSON without quotes."""
    try:
        float(value)
    except ValueError:
        return value in (*_BOOLEANS, "null")
    return True


def _has(dialect: Dialect, column: ColumnElement[str], path: str, value: str) -> ColumnElement[bool]:
    if not is_path(path):
        raise UsageError(f"{path[:50]!r} is no path: write names with dots between them, such as customer.id")
    same: ColumnElement[bool] = _text(dialect, column, path) == storable(value)
    if dialect.name == "sqlite" and value in _BOOLEANS:
        same = func.json_type(column, _place(path)) == value
    return same


def _text(dialect: Dialect, column: ColumnElement[str], path: str) -> ColumnElement[str]:
    """What stands at the path, as text; null where nothing does."""
    if dialect.name == "sqlite":
        return cast(func.json_extract(column, _place(path)), String)
    found: ColumnElement[str] = func.json_extract_path_text(cast(column, postgresql.JSON), *path.split("."))
    return found


def _place(path: str) -> str:
    """The path as SQLite writes it."""
    return "$" + "".join(f"[{name}]" if name.isdecimal() else f'."{name}"' for name in path.split("."))
