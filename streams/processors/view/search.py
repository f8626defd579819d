"""How instances are found by what they carry: members of their input, why they failed, the step where they are.

JSON is looked into by the database. A path is names with dots between them, `customer.address.city`, or `items.0.sku`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlalchemy import ColumnElement, Dialect, Select, String, Table, cast, func, select
from sqlalchemy.dialects import postgresql

from schemas.lifecycle import OPEN, Status
from streams.ground.errors import UsageError
from streams.processors.human.fields import OPEN as OPEN_TASK
from streams.processors.human.rows import TASKS
from streams.processors.orchestrate.rows import INCIDENTS, INSTANCE_DATA, INSTANCES
from streams.processors.recover.rows import RETRIES, WAITING
from streams.readmodel.projection import storable

_PATH = re.compile(r'[^."\\\s\0]{1,100}(\.[^."\\\s\0]{1,100}){0,9}')
_BOOLEANS = ("true", "false")


def is_path(text: str) -> bool:
    """Whether a text names a place in JSON."""
    return _PATH.fullmatch(text) is not None


def by_input(dialect: Dialect, path: str, value: str) -> ColumnElement[bool]:
    """Whose input has this value at the path, compared as text. Raises UsageError for a path that is none."""
    data = INSTANCE_DATA.c
    found = select(data.instance_id).where(_has(dialect, data.input, path, value))
    return INSTANCES.c.instance_id.in_(found)


def by_fields(dialect: Dialect, fields: Iterable[tuple[str, str]], value: str) -> ColumnElement[bool]:
    """Whose business key is this, or one of the fields (workflow and path) that its definition names for searching."""
    wanted: ColumnElement[bool] = INSTANCES.c.business_key == storable(value)
    for workflow, path in fields:
        wanted |= (INSTANCES.c.workflow == workflow) & by_input(dialect, path, value)
    return wanted


def by_reason(dialect: Dialect, reason: str) -> ColumnElement[bool]:
    """That faulted with this reason, or wait for a decision because of it."""
    faulted = (INSTANCES.c.status == Status.FAULTED) & _has(dialect, INSTANCES.c.error, "reason", reason)
    return faulted | _of(_open(INCIDENTS).where(INCIDENTS.c.reason == reason))


def by_step(dialect: Dialect, step: str) -> ColumnElement[bool]:
    """That wait at a step, for a person or for a decision, or faulted there; by its name, or its place after a `/`."""

    def here(pointer: ColumnElement[str]) -> ColumnElement[bool]:
        return pointer == step if step.startswith("/") else pointer.endswith(f"/{step}", autoescape=True)

    faulted = (INSTANCES.c.status == Status.FAULTED) & here(_text(dialect, INSTANCES.c.error, "instance"))
    waiting = [_of(_open(table).where(here(table.c.pointer))) for table in (INCIDENTS, TASKS)]
    return faulted | waiting[0] | waiting[1]


def by_retrying(dialect: Dialect, wanted: str) -> ColumnElement[bool]:
    """That have not ended and have a step that waits for its next try."""
    waiting = select(RETRIES.c.instance_id).where(RETRIES.c.status == WAITING)
    return INSTANCES.c.status.in_(OPEN) & _of(waiting)


def _open(table: Table) -> Select[tuple[str]]:
    return select(table.c.instance_id).where(table.c.status == OPEN_TASK)


def _of(found: Select[tuple[str]]) -> ColumnElement[bool]:
    return INSTANCES.c.instance_id.in_(found)


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
