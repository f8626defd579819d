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
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from connectors.hub.connections import Connections
from connectors.hub.contract import Asked, Check, Plan, Refused
from connectors.hub.outcome import CallOutcome
from connectors.hub.policy import Policy
from connectors.sql import EXECUTE, QUERY, STEP_ID
from connectors.sql.engines import Engines
from connectors.sql.session import AmbiguousColumnError, Session, Stage, TooManyRowsError, said
from connectors.sql.sqlstate import reason_of
from schemas.functions import EffectClass, Function
from schemas.payload import Json
from schemas.reasons import Effect, Reason

MAX_ROWS = 1_000
MAX_THREADS = 16
GRACE_S = 2.0  # how much longer than the statement its thread may take to report the timeout


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, ready to run."""

    connection: str
    url: str = field(repr=False)
    clause: TextClause
    parameters: dict[str, Json] = field(repr=False)
    reads: bool


class SqlConnector:
    """The connector for SQLite and PostgreSQL; statements run in a bounded number of threads."""

    def __init__(self, connections: Connections, policy: Policy, max_rows: int = MAX_ROWS) -> None:
        """`policy` has nothing to judge: the site gives all addresses."""
        self.operations: Mapping[Function, Check[Statement]] = {QUERY: self._query, EXECUTE: self._execute}
        self._connections = connections
        self._max_rows = max_rows
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
        running = asyncio.get_running_loop().run_in_executor(self._threads, self._run, plan, ends_at)
        try:
            async with asyncio.timeout(timeout_s + GRACE_S):
                return await running
        except TimeoutError:
            if running.cancel():
                return _outcome(plan, Reason.TIMED_OUT, Effect.NONE, "no thread was free in time")
            return _lost(plan, "no answer in time", 408)

    def _query(self, asked: Asked) -> Plan[Statement]:
        return self._plan(asked, asked.effect(), reads=True)

    def _execute(self, asked: Asked) -> Plan[Statement]:
        names = _prepared(asked.arguments["statement"])[1]
        effect = asked.effect(EffectClass.KEYED if STEP_ID in names else EffectClass.BLIND)
        return self._plan(asked, effect, reads=False)

    def _plan(self, asked: Asked, effect: EffectClass, reads: bool) -> Plan[Statement]:
        name = asked.arguments["connection"]
        url = self._connections.url(name)
        clause, names = _prepared(asked.arguments["statement"])
        parameters = _bound(asked, names)
        if lists := [each for each, value in parameters.items() if isinstance(value, list)]:
            clause = clause.bindparams(*(bindparam(each, expanding=True) for each in lists))
        statement = Statement(name, url, clause, parameters, reads)
        return Plan(call=asked.call, connection=f"sql:{name}", address=url, effect=effect, request=statement)

    def _run(self, plan: Plan[Statement], ends_at: float) -> CallOutcome:
        statement = plan.request
        try:
            with self._engines.lent(statement.connection, statement.url) as engine:
                return self._run_on(
                    Session(engine, statement.clause, statement.parameters, statement.reads, ends_at, self._max_rows),
                    plan,
                )
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
            TooManyRowsError,
            AmbiguousColumnError,
            TypeError,
            OverflowError,
        ) as error:
            return _not_run(plan, error, self._max_rows)
        return CallOutcome(
            reason=Reason.OK, effect=plan.effect.when(certain=Effect.DONE), output=output, evidence=_evidence(plan)
        )


@lru_cache(maxsize=512)
def _prepared(statement: str) -> tuple[TextClause, frozenset[str]]:
    """A statement, which is a fixed text of some definition, and the names of its parameters."""
    clause = text(statement)
    return clause, frozenset(clause.compile().params)


def _bound(asked: Asked, names: frozenset[str]) -> dict[str, Json]:
    parameters = asked.arguments.get("parameters", {})
    given = {STEP_ID: asked.call.key} | parameters
    if missing := sorted(names - given.keys()):
        raise asked.operation.fault("parameters", f"lack :{missing[0]}")
    if parameters.keys() - names:  # what they are called may be data
        known = ", ".join(f":{name}" for name in sorted(names)) or "none"
        raise asked.operation.fault("parameters", "have names that the statement has not", f"its own are {known}")
    for name in names:
        scalars = given[name] if isinstance(given[name], list) else [given[name]]
        if any(isinstance(each, (dict, list)) for each in scalars):
            raise asked.operation.fault(
                f"parameters.{name}", "is neither a scalar nor a list of scalars", "give each value a parameter"
            )
    return {name: given[name] for name in names}


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
