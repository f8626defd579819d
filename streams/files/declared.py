"""`files.yaml` of the site folder: which folders are looked at, how their files are read, and what becomes of records.

legacy-orders:
  folder: /srv/legacy/out              # or connection://NAME/out, by SFTP; below it are made: archive, errors, .exlify
  match: 'ORD*.csv'                    # all files, where nothing is said
  format: {type: csv, delimiter: ';', header: true}
  mapping: order-from-legacy           # of mappings/, if records are to be made into something else
  type: com.example.order.v1           # an event for each record
  subject: /order                      # JSON Pointer into it
  broken: com.example.order-broken.v1  # an event for each that cannot be read; without it they go to errors/
  finished: com.example.orders-read.v1 # an event for each file that has come to its end
  every: 10s
  settle: 5s                           # for how long a file has to stay as it is before it is read
  rate: 500/s
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from connectors.codecs.records import Format, FormatError, format_of
from streams.ground.sources import named, pointer
from streams.processors.call.policies import duration_ms

if TYPE_CHECKING:
    from streams.ground.site_yaml import Part

FILE = "files.yaml"
MEMBERS = (
    "folder", "match", "format", "mapping", "type", "subject", "broken", "finished", "every", "settle", "rate",
    "archive", "errors",
)  # fmt: skip
_RATE = re.compile(r"(\d{1,7})/s")
_REMOTE = re.compile(r"connection://([A-Za-z0-9][\w.-]{0,63})/?([^/].*)?")
_FOLDER = re.compile(r"[\w][\w .-]{0,99}")
LEAST_EVERY_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A folder whose files become events."""

    name: str
    folder: Path
    match: str
    format: Format
    mapping: str | None
    type: str
    subject: str | None
    broken: str | None
    finished: str | None
    every_s: float
    settle_s: float
    per_s: int | None
    archive: Path
    errors: Path
    connection: str | None = None  # of the server that has the folder; else it is one of this machine

    @property
    def source(self) -> str:
        """The source of its events."""
        return f"/files/{self.name}"


def read_files(document: Part | None) -> Mapping[str, Source]:
    """What `files.yaml` says; faults with their place."""
    found: dict[str, Source] = {}
    for name, part in named(document):
        found[name] = _source(name, part)
        twice = next((each for each in found.values() if each.name != name and _overlap(each, found[name])), None)
        if twice is not None:
            part.fault(f"{twice.name} looks at the same files", "give one of them another folder or `match`")
    return found


def _source(name: str, part: Part) -> Source:
    members = part.only(*MEMBERS)
    for wanted, example in (("folder", "/srv/in"), ("format", "csv"), ("type", "com.example.order.v1")):
        if wanted not in members:
            part.fault(f"no {wanted}", f"add `{wanted}: {example}`")
    connection, folder = _place(members["folder"])
    subject = pointer(members["subject"]) if "subject" in members else None
    try:
        format_ = format_of(members["format"].plain(), "format")
    except FormatError as error:
        members["format"].at(error.place.split(".")[1:]).fault(error.what, error.remedy)
    texts = {each: members[each].text() if each in members else None for each in ("mapping", "broken", "finished")}
    return Source(
        name=name,
        folder=folder,
        match=members["match"].text() if "match" in members else "*",
        format=format_,
        type=members["type"].text(),
        subject=subject,
        every_s=max(_seconds(members, "every", 10.0), LEAST_EVERY_S),
        settle_s=_seconds(members, "settle", 5.0),
        per_s=_rate(members["rate"]) if "rate" in members else None,
        archive=_below(folder, members, "archive"),
        errors=_below(folder, members, "errors"),
        connection=connection,
        **texts,
    )


def _place(part: Part) -> tuple[str | None, Path]:
    """The connection, if there is one, and the folder: of this machine, or below that of the connection."""
    said = part.text()
    if (found := _REMOTE.fullmatch(said)) is not None:
        path = PurePosixPath(found[2] or ".")
        if ".." in path.parts:
            part.fault("a path that leads out of the folder of the connection", "leave out `..`")
        return found[1], Path(path)
    if not Path(said).is_absolute():
        part.fault("no absolute path", "begin with /, or with connection://NAME/")
    return None, Path(said)


def _overlap(one: Source, other: Source) -> bool:
    if one.connection != other.connection:
        return False
    return one.folder == other.folder and (one.match == other.match or "*" in (one.match, other.match))


def _seconds(members: Mapping[str, Part], name: str, usual: float) -> float:
    return duration_ms(members[name]) / 1_000 if name in members else usual


def _rate(part: Part) -> int:
    found = _RATE.fullmatch(part.scalar())
    if found is None or not int(found[1]):
        part.fault("no rate", "write so many records a second: 500/s")
    return int(found[1])


def _below(folder: Path, members: Mapping[str, Part], name: str) -> Path:
    said = members[name].text() if name in members else name
    if not _FOLDER.fullmatch(said):
        members[name].fault("no name of a folder", "write a name without /, which is made below `folder`")
    return folder / said
