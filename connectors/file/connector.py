"""`call: file.write` and `call: file.read`: a connection is a folder, and nothing outside of it is touched.

A file is written whole or not at all (`drafts`), so doing it twice is doing it once.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connectors.codecs.records import Format
from connectors.file import READ, WRITE
from connectors.file.content import MAX_READ_BYTES, content_of, content_read, format_given, name_of
from connectors.file.drafts import Draft
from connectors.file.folders import NOT_THERE, explained, folder_of, opened
from connectors.hub.connections import Connections, folded
from connectors.hub.contract import Asked, Check, Plan, Refused
from connectors.hub.outcome import CallOutcome
from connectors.hub.policy import Policy
from schemas.functions import Function
from schemas.payload import Json
from schemas.reasons import Effect, Reason


@dataclass(frozen=True, slots=True)
class Work:
    """What is done to which file: written, where there is content, else read."""

    folder: Path
    file: str
    format: Format | None
    key: str  # of the step
    content: bytes | None = field(repr=False, default=None)
    records: int | None = None


class FileConnector:
    """The connector for files."""

    def __init__(self, connections: Connections, policy: Policy) -> None:
        """`policy` has nothing to judge: the site gives all folders."""
        self.operations: Mapping[Function, Check[Work]] = {WRITE: self._write, READ: self._read}
        self._connections = connections

    async def open(self) -> None:
        """Nothing to make ready."""

    async def close(self) -> None:
        """Nothing to let go of."""

    async def call(self, plan: Plan[Work], timeout_s: float) -> CallOutcome:
        """Does it, in a thread. A thread that is late is not waited for; what it writes is whole all the same."""
        if timeout_s <= 0:
            return _failed(plan, Reason.TIMED_OUT, "no time is left")
        work, late = plan.request, Effect.NONE
        try:
            async with asyncio.timeout(timeout_s):
                if not await asyncio.to_thread(work.folder.is_dir):
                    return _failed(plan, Reason.UNREACHED, NOT_THERE)
                if work.content is not None:
                    late = Effect.UNKNOWN
                output = await asyncio.to_thread(_written if work.content is not None else _read, work)
        except TimeoutError:
            return _failed(plan, Reason.TIMED_OUT, "the folder does not answer in time", late)
        except Refused as refusal:
            return _failed(plan, refusal.outcome.reason, refusal.outcome.detail)
        except OSError as error:
            return _failed(plan, *explained(error))
        effect = plan.effect.when(certain=Effect.DONE)
        return CallOutcome(reason=Reason.OK, effect=effect, output=output, evidence=_evidence(plan))

    def _write(self, asked: Asked) -> Plan[Work]:
        return self._plan(asked, None, *content_of(asked))

    def _read(self, asked: Asked) -> Plan[Work]:
        return self._plan(asked, format_given(asked), None, None)

    def _plan(self, asked: Asked, format_: Format | None, content: bytes | None, records: int | None) -> Plan[Work]:
        name = folded(str(asked.arguments["connection"]))
        folder = folder_of(name, self._connections)
        work = Work(folder, name_of(asked), format_, asked.call.key, content, records)
        return Plan(
            call=asked.call,
            connection=f"file:{name}",
            system=name,
            address=self._connections.url(name),
            effect=asked.effect(),
            request=work,
        )


def _written(work: Work) -> Json:
    content = work.content or b""
    draft = Draft(work.folder, work.file, work.key)
    try:
        draft.write(content)
        draft.finish()
    except BaseException:
        draft.give_up()
        raise
    told: dict[str, Json] = {
        "file": work.file,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return told if work.records is None else {**told, "records": work.records}


def _read(work: Work) -> Json:
    with opened(work.folder, work.file) as file:
        raw = file.read(MAX_READ_BYTES + 1)
    return content_read(raw, work.format)


def _failed(plan: Plan[Work], reason: Reason, what: str, effect: Effect = Effect.NONE) -> CallOutcome:
    detail = f"{plan.call.function} on {plan.connection}: {what}"
    return CallOutcome(reason=reason, effect=effect, detail=detail, evidence=_evidence(plan))


def _evidence(plan: Plan[Work]) -> dict[str, str | int]:
    return {"function": plan.call.function, "connection": plan.connection}
