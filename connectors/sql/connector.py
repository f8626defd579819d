"""`call: sql.query` and `call: sql.execute`: statements with named parameters, on databases that the settings name.

`with: {connection, statement, parameters}`. Parameters are written `:name` in the statement; an array becomes a list
for `IN`. `:step_id` is always there: a statement that stores it under a unique constraint (`ON CONFLICT (step_id) DO
NOTHING`) is KEYED, any other `sql.execute` is BLIND. `sql.query` runs in a transaction that cannot write, so it is
READ in truth.

`sql.query` gives `{"rows": [{column: value}], "count": rows}`, `sql.execute` `{"rows": [of RETURNING], "count": rows
changed}`. Values: dates and times as ISO 8601, decimals as strings (exact), bytes as Base64, UUIDs as strings.

A transaction is all or nothing, so the effect is certain unless the connection breaks in the very moment of the commit.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
from sqlalchemy import Engine, TextClause, bindparam, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from connectors.hub.connections import Connections
from connectors.hub.contract import Call, Plan, Refused
from connectors.hub.outcome import CallOutcome
from connectors.sql.session import AmbiguousColumnError, Session, Stage, TooManyRowsError, engine_for, said
from connectors.sql.sqlstate import reason_of
from schemas.functions import EffectClass
from schemas.reasons import Effect, Reason

QUERY = "sql.query"
EXECUTE = "sql.execute"
STEP_ID = "step_id"
MAX_ROWS = 1_000
MAX_THREADS = 16
GRACE_S = 2.0  # how much longer than the statement its thread may take to report the timeout


NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """`with` of both functions."""

    connection: NonEmpty
    statement: NonEmpty
    parameters: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, ready to run."""

    connection: str
    url: str = field(repr=False)
    clause: TextClause
    parameters: dict[str, Any] = field(repr=False)
    reads: bool


class SqlConnector:
    """The connector for SQLite and PostgreSQL; statements run in a bounded number of threads."""

    functions = frozenset({QUERY, EXECUTE})

    def __init__(self, connections: Connections, max_rows: int = MAX_ROWS) -> None:
        self._connections = connections
        self._max_rows = max_rows
        self._threads: ThreadPoolExecutor | None = None
        self._engines: dict[str, Engine] = {}

    async def open(self) -> None:
        """Makes the threads; databases are connected to when they are first used."""
        self._threads = ThreadPoolExecutor(MAX_THREADS, "sql")

    async def close(self) -> None:
        """Waits for running statements, then closes all connections."""
        if self._threads is not None:
            await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        for engine in self._engines.values():
            engine.dispose()

    def check(self, call: Call) -> Plan[Statement]:
        """Reads the arguments and binds the parameters."""
        try:
            arguments = msgspec.convert(call.arguments, Arguments)
        except msgspec.ValidationError as error:
            raise Refused(Reason.INPUT_INVALID, f"{call.function}: {error}") from None
        url = self._connections.url(arguments.connection)
        clause = text(arguments.statement)
        names = frozenset(clause.compile().params)
        statement = Statement(
            connection=arguments.connection,
            url=url,
            clause=_expanding(clause, arguments, names),
            parameters=_bound(call, arguments, names),
            reads=call.function == QUERY,
        )
        return Plan(call=call, connection=f"sql:{arguments.connection}", effect=_effect(call, names), request=statement)

    async def call(self, plan: Plan[Statement], timeout_s: float) -> CallOutcome:
        """Runs the statement in a transaction of its own."""
        assert self._threads is not None, "open() comes first"
        ends_at = time.monotonic() + timeout_s
        running = asyncio.get_running_loop().run_in_executor(self._threads, self._run, plan, ends_at)
        try:
            async with asyncio.timeout(timeout_s + GRACE_S):
                return await running
        except TimeoutError:
            if running.cancel():
                return _outcome(plan, Reason.TIMED_OUT, Effect.NONE, "no thread was free in time")
            return _lost(plan, "no answer in time", 408)

    def _run(self, plan: Plan[Statement], ends_at: float) -> CallOutcome:
        statement = plan.request
        try:
            engine = self._engine(statement)
        except Refused as refusal:
            return refusal.outcome
        session = Session(engine, statement.clause, statement.parameters, statement.reads, ends_at, self._max_rows)
        try:
            output = session.run()
        except DBAPIError as error:
            return _failed(plan, session.stage, error)
        except (
            SQLAlchemyError,
            TimeoutError,
            TooManyRowsError,
            AmbiguousColumnError,
            TypeError,
            OverflowError,
        ) as error:
            return _not_run(plan, error, self._max_rows)
        return CallOutcome(
            reason=Reason.OK, effect=plan.effect.when(certain=Effect.DONE), output=output, evidence=_evidence(plan)
        )

    def _engine(self, statement: Statement) -> Engine:
        engine = self._engines.get(statement.url)
        if engine is None:
            made = engine_for(statement.connection, statement.url, MAX_THREADS)
            engine = self._engines.setdefault(statement.url, made)
        return engine


def _effect(call: Call, names: frozenset[str]) -> EffectClass:
    if call.function == QUERY:
        return EffectClass.READ
    return call.effect or (EffectClass.KEYED if STEP_ID in names else EffectClass.BLIND)


def _bound(call: Call, arguments: Arguments, names: frozenset[str]) -> dict[str, Any]:
    given = {STEP_ID: call.key} | arguments.parameters
    if missing := sorted(names - given.keys()):
        raise Refused(Reason.INPUT_INVALID, f"{call.function}: no value for parameter :{missing[0]}")
    if unknown := sorted(arguments.parameters.keys() - names):
        raise Refused(Reason.INPUT_INVALID, f"{call.function}: the statement has no parameter :{unknown[0]}")
    for name in names:
        scalars = given[name] if isinstance(given[name], list) else [given[name]]
        if any(isinstance(each, (dict, list)) for each in scalars):
            raise Refused(
                Reason.INPUT_INVALID, f"{call.function}: parameter :{name} is not a scalar or list of scalars"
            )
    return {name: given[name] for name in names}


def _expanding(clause: TextClause, arguments: Arguments, names: frozenset[str]) -> TextClause:
    lists = [name for name in names if isinstance(arguments.parameters.get(name), list)]
    return clause.bindparams(*(bindparam(name, expanding=True) for name in lists))


def _failed(plan: Plan[Statement], stage: Stage, error: DBAPIError) -> CallOutcome:
    """The driver or the database raised an error."""
    reason, code = reason_of(error)
    if stage is Stage.COMMIT and (error.connection_invalidated or reason is Reason.UNREACHED):
        return _lost(plan, f"the connection broke while the transaction was committed ({code})")
    words = said(error)
    what = f"{code}: {words}" if words else code
    done_before = reason is Reason.ALREADY_DONE and plan.effect is EffectClass.KEYED
    return _outcome(plan, reason, Effect.UNKNOWN if done_before else Effect.NONE, what)


def _not_run(plan: Plan[Statement], error: Exception, max_rows: int) -> CallOutcome:
    """Stopped on this side, and rolled back."""
    match error:
        case TooManyRowsError():
            reason, what = Reason.REPLY_TOO_LARGE, f"more than {max_rows} rows; add a LIMIT"
        case AmbiguousColumnError():
            reason, what = Reason.INPUT_INVALID, "two columns of the result have the same name; tell them apart with AS"
        case TimeoutError() | PoolTimeoutError():
            reason, what = Reason.TIMED_OUT, "no connection in time"
        case TypeError():
            reason, what = Reason.CONTRACT_DRIFT, str(error)
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
