"""`call: sql.query`, `sql.execute`, `sql.insert`: statements with named parameters, on databases that settings name.

`with: {connection, statement, parameters}`. Parameters are written `:name` in the statement; an array becomes a list
for `IN`. `:step_id` is always there: a statement that stores it under a unique constraint (`ON CONFLICT (step_id) DO
NOTHING`) is KEYED, any other `sql.execute` is BLIND. `sql.query` runs in a transaction that cannot write, so it is
READ in truth.

`sql.query` gives `{"rows": [{column: value}], "count": rows}`, `sql.execute` `{"rows": [of RETURNING], "count": rows
changed}`, and so does `sql.insert`. Values: dates and times as ISO 8601, decimals as strings (exact), bytes as Base64,
UUIDs as strings.

A transaction is all or nothing, so the effect is certain unless the connection breaks in the very moment of the commit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from connectors.hub.connections import Connections, folded
from connectors.hub.contract import Asked, Check, Plan, Refused
from connectors.hub.outcome import CallOutcome
from connectors.hub.policy import Policy
from connectors.sql import EXECUTE, INSERT, QUERY, STEP_ID
from connectors.sql.engines import Engines
from connectors.sql.failures import explained, unreadable
from connectors.sql.insert import insert_of
from connectors.sql.lexer import MARIADB
from connectors.sql.session import AmbiguousColumnError, Bounds, Session, Stage, TooLargeError
from connectors.sql.sqlstate import reason_of
from connectors.sql.statement import Ready, StatementError, dialect_of, prepared
from connectors.sql.statement import Statement as Text
from connectors.sql.values import ValueHasNoFormError
from schemas.functions import EffectClass, Function
from schemas.payload import Json
from schemas.reasons import Effect, Reason

MAX_ROWS = 1_000
MAX_BYTES = 1024 * 1024  # of all values together; more does not fit into a record in any case
MAX_THREADS = 16
BOUNDS = Bounds(rows=MAX_ROWS, bytes=MAX_BYTES)
GRACE_S = 2.0  # how much longer than the statement its thread may take to report the timeout


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, ready to run."""

    connection: str
    url: str = field(repr=False)
    ready: Ready
    reads: bool


class SqlConnector:
    """The connector for SQLite, PostgreSQL and MariaDB; statements run in a bounded number of threads."""

    def __init__(self, connections: Connections, policy: Policy, bounds: Bounds = BOUNDS) -> None:
        """`policy` has nothing to judge: the site gives all addresses."""
        self.operations: Mapping[Function, Check[Statement]] = {
            QUERY: self._query,
            EXECUTE: self._execute,
            INSERT: self._insert,
        }
        self._connections = connections
        self._bounds = bounds
        self._threads: ThreadPoolExecutor | None = None
        self._engines = Engines(connections.is_current, MAX_THREADS)

    async def open(self) -> None:
        """Makes the threads; databases are connected to when they are first used."""
        self._threads = ThreadPoolExecutor(MAX_THREADS, "sql")

    async def close(self) -> None:
        """Waits for running statements, then closes all connections."""
        if self._threads is not None:
            await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        self._engines.close()

    async def call(self, plan: Plan[Statement], timeout_s: float) -> CallOutcome:
        """Runs the statement in a transaction of its own."""
        assert self._threads is not None, "open() comes first"
        ends_at = time.monotonic() + timeout_s
        session: list[Session] = []
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._threads, self._run, plan, ends_at, session)
        interruption = loop.call_later(timeout_s, _interrupt, session)
        try:
            async with asyncio.timeout(timeout_s + GRACE_S):
                return await running
        except TimeoutError:
            if not session:  # whatever begins now has no time left
                return _outcome(plan, Reason.TIMED_OUT, Effect.NONE, "no thread was free in time")
            if session[0].give_up():
                return _lost(plan, "no answer in time", 408)
            return _outcome(plan, Reason.TIMED_OUT, Effect.NONE, "the database does not answer in time", 408)
        except asyncio.CancelledError:
            for each in session:
                each.give_up()
            raise
        finally:
            interruption.cancel()

    def _query(self, asked: Asked) -> Plan[Statement]:
        text, url = self._read(asked)
        if not text.reads:
            raise asked.operation.fault("statement", "is no query", "begin with SELECT or WITH, or call sql.execute")
        return self._plan(asked, text, url, asked.effect())

    def _execute(self, asked: Asked) -> Plan[Statement]:
        text, url = self._read(asked)
        effect = asked.effect(EffectClass.KEYED if STEP_ID in text.names else EffectClass.BLIND)
        return self._plan(asked, text, url, effect)

    def _insert(self, asked: Asked) -> Plan[Statement]:
        values, key = asked.arguments["values"], asked.arguments.get("key")
        if key is None:
            values, key = values | {STEP_ID: asked.call.key}, [STEP_ID]
        url = self._connections.url(asked.arguments["connection"])
        if dialect_of(url) == MARIADB:  # which takes any unique column for the key, and would call it a success
            remedy = "call sql.execute with INSERT ... ON DUPLICATE KEY UPDATE and :step_id"
            raise Refused(Reason.UNSUPPORTED, f"sql.insert: MariaDB inserts for no key of one's choice; {remedy}")
        try:
            text = prepared(insert_of(asked.arguments["table"], values, key), dialect_of(url))
            ready = text.ready(values)
        except StatementError as error:
            place = error.place.replace("parameters", "values")
            raise asked.operation.fault(place, error.what, error.remedy) from None
        return self._planned(asked, url, ready, asked.effect())

    def _read(self, asked: Asked) -> tuple[Text, str]:
        url = self._connections.url(asked.arguments["connection"])
        try:
            return prepared(asked.arguments["statement"], dialect_of(url)), url
        except StatementError as error:
            raise asked.operation.fault(error.place, error.what, error.remedy) from None

    def _plan(self, asked: Asked, text: Text, url: str, effect: EffectClass) -> Plan[Statement]:
        try:
            ready = text.ready(_bound(asked, text.names))
        except StatementError as error:
            raise asked.operation.fault(error.place, error.what, error.remedy) from None
        return self._planned(asked, url, ready, effect)

    def _planned(self, asked: Asked, url: str, ready: Ready, effect: EffectClass) -> Plan[Statement]:
        name = folded(asked.arguments["connection"])
        statement = Statement(name, url, ready, reads=asked.operation not in (EXECUTE, INSERT))
        return Plan(
            call=asked.call,
            connection=f"sql:{name}",
            system=name,
            address=url,
            effect=effect,
            request=statement,
        )

    def _run(self, plan: Plan[Statement], ends_at: float, session: list[Session]) -> CallOutcome:
        statement = plan.request
        try:
            with self._engines.lent(statement.connection, statement.url) as engine:
                session.append(Session(engine, statement.ready, statement.reads, ends_at, self._bounds))
                return self._run_on(session[0], plan)
        except Refused as refusal:
            return refusal.outcome

    def _run_on(self, session: Session, plan: Plan[Statement]) -> CallOutcome:
        try:
            output = session.run()
        except DBAPIError as error:
            return _failed(plan, session.stage, error)
        except (
            SQLAlchemyError,
            TimeoutError,
            TooLargeError,
            AmbiguousColumnError,
            ValueHasNoFormError,
            OverflowError,
            RecursionError,
            MemoryError,
        ) as error:
            return _not_run(plan, error)
        return CallOutcome(
            reason=Reason.OK, effect=plan.effect.when(certain=Effect.DONE), output=output, evidence=_evidence(plan)
        )


def _interrupt(sessions: list[Session]) -> None:
    for each in sessions:
        each.interrupt()


def _bound(asked: Asked, names: frozenset[str]) -> dict[str, Json]:
    parameters = asked.arguments.get("parameters", {})
    given = {STEP_ID: asked.call.key} | parameters
    if missing := sorted(names - given.keys()):
        raise asked.operation.fault("parameters", f"lack :{missing[0]}")
    if parameters.keys() - names:  # what they are called may be data
        known = ", ".join(f":{name}" for name in sorted(names)) or "none"
        raise asked.operation.fault("parameters", "have names that the statement has not", f"its own are {known}")
    return {name: given[name] for name in names}


def _failed(plan: Plan[Statement], stage: Stage, error: DBAPIError) -> CallOutcome:
    """The driver or the database raised an error."""
    reason, code = reason_of(error)
    if stage is Stage.COMMIT and (error.connection_invalidated or reason is Reason.UNREACHED):
        return _lost(plan, f"the connection broke while the transaction was committed ({code})")
    if unreadable(error):
        what = "a column holds a value that cannot be read; give it as another type: CAST(x AS text)"
        return _outcome(plan, Reason.CONTRACT_DRIFT, Effect.NONE, what)
    done_before = reason is Reason.ALREADY_DONE and plan.effect is EffectClass.KEYED
    if plan.call.function == INSERT.name:  # another unique column: what its own key says is no error
        done_before = False
    return _outcome(plan, reason, Effect.UNKNOWN if done_before else Effect.NONE, explained(error, code))


def _not_run(plan: Plan[Statement], error: Exception) -> CallOutcome:
    """Stopped on this side, and rolled back."""
    match error:
        case TooLargeError():
            reason, what = Reason.REPLY_TOO_LARGE, str(error)
        case AmbiguousColumnError():
            reason, what = Reason.INPUT_INVALID, "two columns of the result have the same name; tell them apart with AS"
        case TimeoutError() | PoolTimeoutError():
            reason, what = Reason.TIMED_OUT, "no connection in time"
        case ValueHasNoFormError():
            reason, what = Reason.CONTRACT_DRIFT, str(error)
        case MemoryError():
            reason, what = Reason.REPLY_TOO_LARGE, "it takes more memory than a statement may"
        case RecursionError():
            reason, what = Reason.CONTRACT_DRIFT, "a column is nested too deeply"
        case _:
            reason, what = Reason.INPUT_INVALID, f"the statement cannot run ({type(error).__name__})"
    return _outcome(plan, reason, Effect.NONE, what)


def _lost(plan: Plan[Statement], what: str, status: int | None = None) -> CallOutcome:
    if plan.effect.effectful:
        return _outcome(plan, Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN, what, status)
    return _outcome(plan, Reason.TIMED_OUT, Effect.NONE, what, status)


def _outcome(
    plan: Plan[Statement], reason: Reason, effect: Effect, what: str, status: int | None = None
) -> CallOutcome:
    detail = f"{plan.call.function} on {plan.request.connection}: {what}"
    return CallOutcome(reason=reason, effect=effect, status=status, detail=detail, evidence=_evidence(plan))


def _evidence(plan: Plan[Statement]) -> dict[str, str | int]:
    return {"function": plan.call.function, "connection": plan.connection}
