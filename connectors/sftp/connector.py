"""`call: sftp.get`, `sftp.put`, `sftp.list` and `sftp.move`: a connection is a folder of a server.

Each may be done twice. What is asked runs on a connection of its own; one that does not answer in time is cut, so that
nothing waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.file.content import content_of, format_given, name_of
from connectors.hub.connections import Connections, folded
from connectors.hub.contract import Asked, Check, Plan, Refused
from connectors.hub.outcome import CallOutcome
from connectors.hub.policy import Policy
from connectors.hub.sessions import Sessions
from connectors.sftp import GET, LIST, MOVE, PUT
from connectors.sftp.address import Server, server_of
from connectors.sftp.failures import FAILURES, broke, explained
from connectors.sftp.sessions import Session, connected
from connectors.sftp.work import FolderMissingError, Get, List, Move, Progress, Put, Work
from schemas.functions import Function
from schemas.reasons import Effect, Reason

GRACE_S = 2.0  # how much longer a call may take to end once its connection was cut


@dataclass(frozen=True, slots=True)
class Request:
    """What is done on which server."""

    server: Server
    work: Work


class SftpConnector:
    """The connector for files by SFTP."""

    def __init__(self, connections: Connections, policy: Policy) -> None:
        """`policy` has nothing to judge: the site gives all servers."""
        self.operations: Mapping[Function, Check[Request]] = {
            GET: self._get,
            PUT: self._put,
            LIST: self._list,
            MOVE: self._move,
        }
        self._connections = connections
        self._sessions = Sessions(connected)

    async def open(self) -> None:
        """Nothing to make ready; servers are connected to when they are first used."""

    async def close(self) -> None:
        """Ends all connections."""
        self._sessions.close()

    async def call(self, plan: Plan[Request], timeout_s: float) -> CallOutcome:
        """Does it once."""
        if timeout_s <= 0:
            return _ended(plan, Reason.TIMED_OUT, "no time is left")
        progress, sessions = Progress(), list[Session]()
        doing = asyncio.ensure_future(self._done(plan, progress, sessions))
        try:
            done, _ = await asyncio.wait({doing}, timeout=timeout_s)
        finally:
            if not doing.done():
                doing.cancel()
                for each in sessions:
                    each.abort()
        if not done:
            await asyncio.wait({doing}, timeout=GRACE_S)
            effect = Effect.UNKNOWN if progress.changing else Effect.NONE
            return _ended(plan, Reason.TIMED_OUT, "the server does not answer in time", effect)
        return doing.result()

    async def _done(self, plan: Plan[Request], progress: Progress, sessions: list[Session]) -> CallOutcome:
        server = plan.request.server
        try:
            async with self._sessions.lent(server) as session:
                sessions.append(session)
                try:
                    output = await plan.request.work.done(session.client, server.folder, progress)
                    session.well = True
                except (Refused, FolderMissingError):
                    session.well = True
                    raise
        except FolderMissingError:
            return _ended(plan, Reason.UNREACHED, "the folder is not there")
        except Refused as refusal:
            return _ended(plan, refusal.outcome.reason, refusal.outcome.detail)
        except FAILURES as error:
            reason, what = explained(error)
            if progress.changing and broke(error):
                return _ended(plan, Reason.OUTCOME_UNKNOWN, what, Effect.UNKNOWN)
            outdated = broke(error) and any(each.kept for each in sessions)
            return _ended(plan, reason, what, outdated=outdated)
        return CallOutcome(
            reason=Reason.OK, effect=plan.effect.when(certain=Effect.DONE), output=output, evidence=_evidence(plan)
        )

    def _get(self, asked: Asked) -> Plan[Request]:
        return self._plan(asked, Get(name_of(asked), format_given(asked)))

    def _put(self, asked: Asked) -> Plan[Request]:
        replaces = asked.arguments.get("replace") is not False
        return self._plan(asked, Put(name_of(asked), *content_of(asked), replaces, asked.call.key))

    def _list(self, asked: Asked) -> Plan[Request]:
        folder = name_of(asked, "folder") if "folder" in asked.arguments else ""
        return self._plan(asked, List(folder, str(asked.arguments.get("match", "*"))))

    def _move(self, asked: Asked) -> Plan[Request]:
        return self._plan(asked, Move(name_of(asked), name_of(asked, "to")))

    def _plan(self, asked: Asked, work: Work) -> Plan[Request]:
        name = folded(str(asked.arguments["connection"]))
        url = self._connections.url(name)
        server = server_of(name, url, self._connections.identity(name).ssh)
        return Plan(
            call=asked.call,
            connection=f"sftp:{name}",
            system=name,
            address=url,
            effect=asked.effect(),
            request=Request(server, work),
        )


def _ended(
    plan: Plan[Request], reason: Reason, what: str, effect: Effect = Effect.NONE, *, outdated: bool = False
) -> CallOutcome:
    detail = f"{plan.call.function} on {plan.connection}: {what}"
    return CallOutcome(reason=reason, effect=effect, detail=detail, evidence=_evidence(plan), outdated=outdated)


def _evidence(plan: Plan[Request]) -> dict[str, str | int]:
    return {"function": plan.call.function, "connection": plan.connection}
