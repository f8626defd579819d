"""Whatever the definition, whatever the answers, in whatever order and however often they come: the engine ends an
instance as the reference interpreter does, and folding the same events again gives the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import orjson
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from streams.engine import Limits, Outcome, decode_state, step
from tests.reference.inbox import Inbox, TimedInbox, mended
from tests.reference.interpreter import Calls, Result, TooLong, interpret
from tests.reference.strategies import answers, definitions, inputs, joins, timed, timed_answers
from tests.support.definitions import load, read

Json = Any
MENDED = Limits(incidents=True)


def _expected(text: str, data: Json, calls: Calls, mended: Callable[[str], Json] | None = None) -> Result:
    try:
        return interpret(read(text), data, calls, mended=mended)
    except TooLong:
        assume(False)
        raise


def _error(error: Any) -> Any:
    return None if error is None else {name: error.get(name) for name in ("type", "status", "title", "instance")}


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(definitions() | joins(), inputs(), answers(), st.integers(0, 2**32))
def test_engine_ends_as_reference_does(document: dict[str, Json], data: Json, calls: Calls, seed: int) -> None:
    text = orjson.dumps(document).decode()
    expected = _expected(text, data, calls)
    inbox = Inbox(load(text), calls, Random(seed))
    outcome = inbox.run(data)
    if expected.ambiguous:
        return
    assert outcome.status == expected.status
    assert _error(outcome.error) == _error(expected.error)
    assert (None if outcome.output is None else outcome.output.value()) == expected.output
    started = [entry.pointer for entry in inbox.transitions if entry.phase == "task.started"]
    if not expected.interrupted:
        assert Counter(started) == Counter(expected.tasks)
        assert_undoes(outcome, expected)
    if "fork" not in text:
        assert started == expected.tasks
        assert (outcome.undone or []) == expected.undone


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(timed(), timed_answers(), st.booleans(), st.integers(0, 2**32))
def test_timeout_belongs_to_whom_it_was_given(document: dict[str, Json], calls: Calls, late: bool, seed: int) -> None:
    text = orjson.dumps(document).decode()
    expected = interpret(read(text), {}, calls, late=late)
    inbox = TimedInbox(load(text), calls, Random(seed), late=late)
    outcome = inbox.run({})
    assert outcome.status == expected.status
    assert _error(outcome.error) == _error(expected.error)
    assert (None if outcome.output is None else outcome.output.value()) == expected.output
    assert [entry.pointer for entry in inbox.transitions if entry.phase == "task.started"] == expected.tasks
    assert_folds_again(inbox, text)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(definitions() | joins(), inputs(), answers(), st.integers(0, 2**32))
def test_engine_ends_as_reference_does_where_people_mend(
    document: dict[str, Json], data: Json, calls: Calls, seed: int
) -> None:
    text = orjson.dumps(document).decode()
    expected = _expected(text, data, calls, mended)
    inbox = Inbox(load(text), calls, Random(seed), limits=MENDED)
    outcome = inbox.run(data)
    assert not inbox.incidents, "an instance that has ended has no open incident"
    assert_folds_again(inbox, text)
    if expected.ambiguous:
        return
    assert outcome.status == expected.status
    assert _error(outcome.error) == _error(expected.error)
    assert (None if outcome.output is None else outcome.output.value()) == expected.output
    if not expected.interrupted:
        started = [entry.pointer for entry in inbox.transitions if entry.phase == "task.started"]
        assert Counter(started) == Counter(expected.tasks)
        assert_undoes(outcome, expected)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(definitions() | joins(), inputs(), answers(), st.integers(0, 2**32))
def test_folding_the_inbox_again_gives_same_bytes(
    document: dict[str, Json], data: Json, calls: Calls, seed: int
) -> None:
    text = orjson.dumps(document).decode()
    first = Inbox(load(text), calls, Random(seed))
    first.run(data)
    assert_folds_again(first, text)


def assert_undoes(outcome: Outcome, expected: Result) -> None:
    assert Counter(outcome.undone or ()) == Counter(expected.undone)
    assert Counter(outcome.standing or ()) == Counter(expected.standing)


def assert_folds_again(first: Inbox, text: str) -> None:
    graph, state = load(text), None
    rows, transitions = [], []
    for event, now_ms in first.records:
        done = step(graph, state, event, now_ms, first.limits)
        state = None if done.row is None else decode_state(done.row)
        rows.append(done.row)
        transitions += done.transitions
    assert rows == first.rows
    assert transitions == first.transitions
