"""Versions of the data set of labels: which labels one has, told on a topic, so that its rows can be written again.

    labels, up to an offset ─▶ rows (CSV) ─▶ SHA-256: its name ─▶ a LabelSet on the topic ─▶ cards of what learns
                                 ▲                                        │
                                 └────── the same bytes again ────────────┘

The name follows from the rows, so the same labels are the same version, whoever takes them and however often.
"""

from __future__ import annotations

import csv
import hashlib
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec

from streams.cli._past_messages import past_messages, range_of
from streams.cli._whole import whole
from streams.ground.errors import UsageError

if TYPE_CHECKING:
    from schemas.codec import Codec
    from streams.ground.settings import Settings

OF_LABEL = (
    "decision_id", "model_version", "route", "score", "label", "source", "first", "contradicts", "drawn",
    "inclusion_probability",
)  # fmt: skip
TIMES = ("decided_at_ms", "at_ms")
DIGITS = 12  # of the hash, in the name of a version
FEWEST = 4  # of them, for who names one
LATEST = "latest"
MOST, OTHERS = 50, "(others)"  # sources and labels that are counted one by one: of a number there may be very many


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which labels of a model are wanted."""

    model: str
    model_version: str = ""  # whose decisions they are about; empty for all
    every: bool = False  # later and contradicting ones, too
    drawn: bool = False  # only of decisions that were drawn for an audit
    inputs: tuple[str, ...]

    def is_of(self, label: Mapping[str, Any]) -> bool:
        """Whether a label is about such a decision, be it a later one."""
        return (
            label["model"] == self.model
            and self.model_version in ("", label["model_version"])
            and (label["drawn"] or not self.drawn)
        )


class LabelSet(Wanted, frozen=True, kw_only=True):
    """The fields of the message `LabelSet`."""

    set_id: str
    version: str
    sha256: str
    begins: int
    ends: int
    rows: int
    unread: int
    later: int
    contradicting: int
    sources: dict[str, int]
    labels: dict[str, int]
    newest_ms: int
    taken_for: str
    by: str
    at_ms: int


class Rows:
    """Labels as they come, as rows of a file: each once, in the order of the topic."""

    def __init__(self, wanted: Wanted, file: IO[str]) -> None:
        self._wanted, self._writer = wanted, csv.writer(file)
        self._writer.writerow([*wanted.inputs, *OF_LABEL, *(name.removesuffix("_ms") for name in TIMES)])
        self._seen: set[bytes] = set()
        self.rows = self.unread = self.later = self.contradicting = self.newest_ms = 0
        self.sources: Counter[str] = Counter()
        self.labels: Counter[str] = Counter()

    def take(self, label: Mapping[str, Any]) -> None:
        """Writes a Label, if it is wanted and was not taken before: a crash may leave a copy."""
        key = hashlib.blake2b(f"{label['decision_id']}|{label['label_id']}".encode(), digest_size=16).digest()
        if not self._wanted.is_of(label) or key in self._seen:
            return
        self._seen.add(key)
        self.later += not label["first"]
        self.contradicting += label["contradicts"]
        if not (self._wanted.every or label["first"]):
            return
        cells = cells_of(label, self._wanted.inputs)
        if cells is None:
            self.unread += 1
            return
        self._writer.writerow(cells)
        self.rows += 1
        self.sources[label["source"]] += 1
        self.labels[label["label"]] += 1
        self.newest_ms = max(self.newest_ms, label["at_ms"])


def cells_of(label: Mapping[str, Any], inputs: tuple[str, ...]) -> list[Any] | None:
    """The row of a Label; None where its inputs are sealed or damaged, and so teach nothing."""
    from schemas.payload import UnreadablePayloadError
    from schemas.times import rfc3339

    try:
        values = label["input"].value()
    except UnreadablePayloadError:
        return None
    told = [label[name] for name in OF_LABEL]
    return [*(values.get(name, "") for name in inputs), *told, *(rfc3339(label[name]) for name in TIMES)]


async def written(settings: Settings, codec: Codec, wanted: Wanted, file: Path, taken_for: str, by: str) -> LabelSet:
    """Writes the labels that there are now, whole or not at all, and tells the version that they are. Without any there
    is none to tell. Raises UsageError, UnavailableError."""
    from streams.processors import monitor

    begins, ends = range_of(settings, monitor.LABELS)
    with whole(file) as fresh:
        rows, sha256 = await _gathered(settings, codec, wanted, fresh, begins, ends)
        version = sha256[:DIGITS]
        made = LabelSet(
            **msgspec.structs.asdict(wanted), set_id=f"{wanted.model}/{version}", version=version, sha256=sha256,
            begins=begins, ends=ends, rows=rows.rows, unread=rows.unread, later=rows.later,
            contradicting=rows.contradicting, sources=_most(rows.sources), labels=_most(rows.labels),
            newest_ms=rows.newest_ms, taken_for=taken_for, by=by, at_ms=time.time_ns() // 1_000_000,
        )  # fmt: skip
        if made.rows:
            made = await _told(settings, codec, made)
    return made


def _most(counts: Counter[str]) -> dict[str, int]:
    """The most frequent ones by name, and all others together."""
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    rest = sum(count for _, count in ordered[MOST:])
    return dict(sorted(ordered[:MOST])) | ({OTHERS: rest} if rest else {})


async def written_again(settings: Settings, codec: Codec, known: LabelSet, file: Path) -> None:
    """Writes the rows of a version, the same bytes, or raises UsageError saying why they cannot be had any more."""
    from streams.processors import monitor

    held, _ = range_of(settings, monitor.LABELS)
    with whole(file) as fresh:
        rows, sha256 = await _gathered(settings, codec, known, fresh, known.begins, known.ends)
        if sha256 != known.sha256:
            raise UsageError(f"{known.set_id}: {lacking(known, rows, held)}. Nothing was written.")


def lacking(known: LabelSet, rows: Rows, held: int) -> str:
    """Why its rows are others now."""
    from streams.processors.monitor import LABELS

    counts = f"it had {known.rows} rows, and {rows.rows} are left"
    if held > known.begins:
        return f"{counts}: {LABELS.name} holds its oldest labels no longer"
    if rows.unread > known.unread:
        return f"{counts}: the inputs of {rows.unread - known.unread} cannot be read any more, as of who was forgotten"
    return f"its rows have another hash now, {rows.rows} where it had {known.rows}: another Exlify wrote them"


async def _gathered(
    settings: Settings, codec: Codec, wanted: Wanted, file: Path, begins: int, ends: int
) -> tuple[Rows, str]:
    """Writes the labels between two offsets to a file; gives what is known of them, and the hash of the file."""
    from schemas.messages import LABEL
    from streams.processors import monitor

    strange = good = 0
    with file.open("w", newline="", encoding="utf-8") as stream:
        rows = Rows(wanted, stream)
        async for name, data in past_messages(settings, codec, monitor.LABELS, begins=begins, ends=ends):
            strange, good = strange + (not name), good + bool(name)
            if name == LABEL:
                rows.take(data)
    if strange and not good:
        raise UsageError(f"None of the {strange} messages on {monitor.LABELS.name} can be read: see exlify diagnose.")
    with file.open("rb") as raw:
        return rows, hashlib.file_digest(raw, "sha256").hexdigest()


async def _told(settings: Settings, codec: Codec, made: LabelSet) -> LabelSet:
    """Tells of a version, unless that was done before: then it is as it was told first."""
    from schemas.messages import LABEL_SET
    from streams.ground.publish import Outgoing, Publisher
    from streams.processors import monitor

    before = {each.set_id: each for each in await known_sets(settings, codec, made.model)}
    if made.set_id in before:
        return before[made.set_id]
    value = codec.encode(LABEL_SET, {**msgspec.to_builtins(made), "inputs": [*made.inputs]})
    async with Publisher(settings) as publisher:
        await publisher.publish([Outgoing(monitor.LABEL_SETS, made.set_id.encode(), value)])
    return made


async def known_sets(settings: Settings, codec: Codec, model: str) -> list[LabelSet]:
    """The versions of the labels of a model, oldest first; of one that was told twice what was told first."""
    from schemas.messages import LABEL_SET
    from streams.processors import monitor

    found: dict[str, LabelSet] = {}
    async for name, data in past_messages(settings, codec, monitor.LABEL_SETS):
        if name == LABEL_SET and data["model"] == model:
            each = msgspec.convert(data, LabelSet)
            found.setdefault(each.set_id, each)
    return sorted(found.values(), key=lambda each: (each.at_ms, each.set_id))


def chosen(sets: list[LabelSet], model: str, text: str) -> LabelSet:
    """The version that somebody means: by the beginning of its hash, or the newest one. Raises UsageError."""
    if not sets:
        raise UsageError(
            f"{model}: no version of its labels was taken yet. Take one: exlify models labels {model} FILE"
        )
    if text == LATEST:
        return sets[-1]
    found = [each for each in sets if each.sha256.startswith(text)] if len(text) >= FEWEST else []
    if len(found) != 1:
        what = "several versions of its labels begin so" if found else "is no version of its labels"
        raise UsageError(f"{model}: {text}: {what}. exlify models label-sets {model} lists them.")
    return found[0]
