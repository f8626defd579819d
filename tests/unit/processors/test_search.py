"""Instances are found by what they carry, on both databases alike."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, create_engine, delete

from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import HISTORY_ENTRY, HUMAN_TASK, INCIDENT, START_INSTANCE
from schemas.payload import Door, Payload
from schemas.samples import sample
from streams.ground.errors import UsageError
from streams.ground.settings import Settings
from streams.processors.orchestrate.rows import INSTANCE_DATA
from streams.processors.view import search
from streams.processors.view.processor import View
from streams.processors.view.reader import Reader
from streams.readmodel.projection import METADATA
from streams.readmodel.settings import ViewSettings
from streams.runtime.processor import Message, Record
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.postgresql import Server

CODEC = Codec.offline()


class NoState:
    def get(self, key: bytes) -> None:
        return None


@pytest.fixture(params=["sqlite", "postgresql"])
async def view(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[View]:
    settings = Settings(data_dir=tmp_path)
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        METADATA.drop_all(create_engine(server.url))
        settings = settings.with_(ViewSettings(url=server.url))
    view = View(context(CODEC, settings))
    await view.open()
    for number, (status, data) in enumerate(CASES):
        see(view, HISTORY_ENTRY, number, status=status, cause=started(data), transitions=ended(status), seq=0)
    see(view, INCIDENT, 2, status="open", pointer="/do/1/create", reason="REFUSED")
    see(view, HUMAN_TASK, 3, status="open", pointer="/do/2/review")
    see(view, HUMAN_TASK, 0, status="completed", pointer="/do/2/review")
    yield view
    await view.close()


CASES: list[tuple[str, Any]] = [
    ("completed", {"city": "Bremen", "customer": {"id": 4711, "vip": True}}),
    ("faulted", {"city": "Köln", "customer": {"id": "4711", "vip": False}, "items": [{"sku": "a"}, {"sku": "b"}]}),
    ("incident", {"city": "Br%men", "note": "\0Bremen"}),
    ("waiting", ["Bremen"]),
    ("cancelled", "Bremen"),
]


def started(data: Any) -> bytes:
    return CODEC.encode(START_INSTANCE, sample(current()[START_INSTANCE]) | {"data": payload(data)})


def ended(status: str) -> list[dict[str, Any]]:
    told = {
        "faulted": {"title": "Gone", "reason": "UNREACHED", "instance": "/do/1/create"},
        "cancelled": {"reason": "UNREACHED", "actor": "kim"},
    }.get(status)
    moved = {"pointer": "", "iteration": 0, "attempt": 0, "phase": f"workflow.{status}", "data": payload(told)}
    return [moved] if told else []


def see(view: View, name: str, number: int, **changes: Any) -> None:
    about = {"instance_id": f"{number:032x}", "workflow": "w", "business_key": f"A-{number}"}
    about |= {"task_id": f"{number}/t", "incident_id": f"{number}/1"} | changes
    whole = sample(current()[name])
    value = CODEC.encode(name, whole | {field: each for field, each in about.items() if field in whole})
    view.handle([Message(Record("any", 0, 0, 0, None, value, ()), *CODEC.decode(value))], NoState())


def found(view: View, wanted: Any) -> set[int]:
    assert view._engine is not None
    condition: ColumnElement[bool] = wanted(view._engine.dialect)
    return {int(row["instance_id"], 16) for row in Reader(view._engine).instances({}, also=[condition]).rows}


@pytest.mark.parametrize(
    ("path", "value", "instances"),
    [
        ("city", "Bremen", {0}),
        ("city", "Köln", {1}),
        ("city", "Br%men", {2}),
        ("customer.id", "4711", {0, 1}),
        ("customer.vip", "true", {0}),
        ("customer.vip", "false", {1}),
        ("items.1.sku", "b", {1}),
        ("items.1.sku", "a", set()),
        ("note", "Bremen", {2}),
        ("0", "Bremen", {3}),
        ("customer", "Bremen", set()),
        ("no.such.member", "null", set()),
    ],
)
def test_member_of_the_input(view: View, path: str, value: str, instances: set[int]) -> None:
    assert found(view, lambda dialect: search.by_input(dialect, path, value)) == instances


VALUES = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8),
    st.integers(-(2**40), 2**40),
    st.floats(-1e6, 1e6).map(lambda number: round(number, 3)).filter(lambda number: not number.is_integer()),
    st.lists(st.integers(0, 9), max_size=3),
    st.booleans(),
)


@settings_of_hypothesis(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES, number=st.integers(100, 10**6))
def test_every_member_is_found(view: View, value: Any, number: int) -> None:
    data = Payload.from_outside({"member": value, "more": [number]}, Door.INTAKE)
    cause = CODEC.encode(START_INSTANCE, sample(current()[START_INSTANCE]) | {"data": data})
    assert view._engine is not None
    with view._engine.begin() as connection:  # the first input of an instance stays
        connection.execute(delete(INSTANCE_DATA).where(INSTANCE_DATA.c.instance_id == f"{number:032x}"))
    see(view, HISTORY_ENTRY, number, status="running", cause=cause, seq=0)
    text = str(value) if isinstance(value, str | float) else json.dumps(value, separators=(",", ":"))
    found_by = found(view, lambda dialect: search.by_input(dialect, "member", text))
    assert number in found_by


def test_reason_of_a_failure(view: View) -> None:
    assert found(view, lambda dialect: search.by_reason(dialect, "UNREACHED")) == {1}
    assert found(view, lambda dialect: search.by_reason(dialect, "REFUSED")) == {2}


def test_step_where_it_waits_or_failed(view: View) -> None:
    assert found(view, lambda dialect: search.by_step(dialect, "create")) == {1, 2}
    assert found(view, lambda dialect: search.by_step(dialect, "/do/2/review")) == {3}
    assert found(view, lambda dialect: search.by_step(dialect, "reate")) == set()
    assert found(view, lambda dialect: search.by_step(dialect, "%")) == set()


def test_key_or_named_fields(view: View) -> None:
    fields = [("w", "city"), ("other", "customer.id")]
    assert found(view, lambda dialect: search.by_fields(dialect, fields, "Bremen")) == {0}
    assert found(view, lambda dialect: search.by_fields(dialect, fields, "4711")) == set()
    assert found(view, lambda dialect: search.by_fields(dialect, fields, "A-3")) == {3}


@pytest.mark.parametrize("path", ["", "a..b", 'a"b', "a.", "a b", ".".join("abcdefghijkl")])
def test_path_that_is_none_is_refused(view: View, path: str) -> None:
    with pytest.raises(UsageError, match="no path"):
        found(view, lambda dialect: search.by_input(dialect, path, "x"))
