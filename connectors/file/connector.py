"""`call: file.write` and `call: file.read`: a connection is a folder, and nothing outside of it is touched.

A file is written under another name, brought to the disk, and renamed: whoever looks sees the old one or the new one.
Doing it twice is doing it once; the second time finds what the first has left, if that was killed.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from connectors.codecs.records import Format
from connectors.file import READ, WRITE
from connectors.file.content import (
    MAX_READ_BYTES,
    MOST_DRAFTS,
    content_of,
    content_read,
    draft_name,
    format_given,
    name_of,
)
from connectors.hub.connections import Connections, folded
from connectors.hub.contract import Asked, Check, Plan, Refused
from connectors.hub.outcome import CallOutcome
from connectors.hub.policy import Policy
from schemas.functions import Function
from schemas.payload import Json
from schemas.reasons import Effect, Reason

_REASONS = {
    errno.ENOENT: (Reason.NOT_FOUND, "there is no such file"),
    errno.EISDIR: (Reason.INPUT_INVALID, "it is a folder"),
    errno.ENAMETOOLONG: (Reason.INPUT_INVALID, "its name is too long"),
    errno.EACCES: (Reason.FORBIDDEN, "this process may not do that there"),
    errno.EPERM: (Reason.FORBIDDEN, "this process may not do that there"),
    errno.EROFS: (Reason.FORBIDDEN, "the folder is read-only"),
}


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
                    return _failed(plan, Reason.UNREACHED, "the folder is not there")
                if work.content is not None:
                    late = Effect.UNKNOWN
                output = await asyncio.to_thread(_written if work.content is not None else _read, work)
        except TimeoutError:
            return _failed(plan, Reason.TIMED_OUT, "the folder does not answer in time", late)
        except Refused as refusal:
            return _failed(plan, refusal.outcome.reason, refusal.outcome.detail)
        except OSError as error:
            reason, what = _REASONS.get(error.errno or 0, (Reason.REMOTE_FAULT, error.strerror or "it fails"))
            return _failed(plan, reason, what)
        effect = plan.effect.when(certain=Effect.DONE)
        return CallOutcome(reason=Reason.OK, effect=effect, output=output, evidence=_evidence(plan))

    def _write(self, asked: Asked) -> Plan[Work]:
        return self._plan(asked, None, *content_of(asked))

    def _read(self, asked: Asked) -> Plan[Work]:
        return self._plan(asked, format_given(asked), None, None)

    def _plan(self, asked: Asked, format_: Format | None, content: bytes | None, records: int | None) -> Plan[Work]:
        name = folded(str(asked.arguments["connection"]))
        url = self._connections.url(name)
        parts = urlsplit(url)
        if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path:
            raise Refused(Reason.MISCONFIGURED, f"connection {name} is no folder; write file:///srv/exchange")
        work = Work(Path(unquote(parts.path)), name_of(asked), format_, asked.call.key, content, records)
        return Plan(
            call=asked.call, connection=f"file:{name}", system=name, address=url, effect=asked.effect(), request=work
        )


def _place(work: Work) -> Path:
    """Where the file is, links followed: never outside of the folder."""
    try:
        place = (work.folder / work.file).resolve()
    except RuntimeError:  # as the library tells of it
        raise Refused(Reason.POLICY_DENIED, "a link leads to itself") from None
    if not place.is_relative_to(work.folder.resolve()):
        raise Refused(Reason.POLICY_DENIED, "a link leads out of the folder")
    return place


def _written(work: Work) -> Json:
    place, content = _place(work), work.content or b""
    place.parent.mkdir(parents=True, exist_ok=True)
    number, file = _draft(place, work.key)
    drafts = [place.with_name(draft_name(place.name, work.key, each)) for each in range(number, -1, -1)]
    try:
        with file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        drafts[0].replace(place)
    except BaseException:
        drafts[0].unlink(missing_ok=True)
        raise
    finally:
        for each in drafts[1:]:
            each.unlink(missing_ok=True)
    told: dict[str, Json] = {
        "file": work.file,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return told if work.records is None else {**told, "records": work.records}


def _draft(place: Path, key: str) -> tuple[int, BinaryIO]:
    """The first that nobody has, and its number."""
    for number in range(MOST_DRAFTS):
        with suppress(FileExistsError):
            return number, place.with_name(draft_name(place.name, key, number)).open("xb")
    raise Refused(Reason.CONFLICT, "too many write this file for the same step; remove the drafts beside it")


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe would wait for somebody to write to it


def _read(work: Work) -> Json:
    with open(_place(work), "rb", opener=_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Refused(Reason.INPUT_INVALID, "it is no file")
        raw = file.read(MAX_READ_BYTES + 1)
    return content_read(raw, work.format)


def _failed(plan: Plan[Work], reason: Reason, what: str, effect: Effect = Effect.NONE) -> CallOutcome:
    detail = f"{plan.call.function} on {plan.connection}: {what}"
    return CallOutcome(reason=reason, effect=effect, detail=detail, evidence=_evidence(plan))


def _evidence(plan: Plan[Work]) -> dict[str, str | int]:
    return {"function": plan.call.function, "connection": plan.connection}
