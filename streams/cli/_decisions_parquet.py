"""Decisions as one file of Parquet, for whoever trains or checks models: bounded in memory, whole or not there.

What columns there are and of which type is known only once all rows have been seen, so the rows wait in a file of their
own in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

import orjson

from streams.cli._whole import whole
from streams.ground.errors import UsageError

if TYPE_CHECKING:
    import pyarrow

GROUP = 5_000  # rows that are written at once
_WHOLE = range(-(2**63), 2**63)

ALWAYS = {
    "decision_id": "text", "instance_id": "text", "at": "time", "workflow": "text", "version": "text", "model": "text",
    "model_version": "text", "model_sha256": "text", "covers": "text", "certificate": "text",
    "certificate_sha256": "text", "input_hash": "text", "route": "text", "score": "number", "held": "text",
    "label": "text", "label_at": "time", "label_source": "text", "inclusion_probability": "number",
}  # fmt: skip
"""Columns that every file has, whatever is in it."""


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Writes rows of plain values, and says how many. Raises UsageError where that cannot be done here."""
    arrow, parquet = _library()
    with whole(path, ". Name a file that this process may write.") as fresh, TemporaryFile() as kept:
        kinds, count = _keep(kept, rows)
        schema = arrow.schema([(name, _type(arrow, kind)) for name, kind in kinds.items()])
        with parquet.ParquetWriter(fresh, schema, compression="zstd") as writer:
            for group in _groups(kept):
                columns = [_column(arrow, group, name, kind) for name, kind in kinds.items()]
                writer.write_table(arrow.Table.from_arrays(columns, schema=schema))
    return count


def _library() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError(
            "Parquet is written by pyarrow, which is not installed: pip install 'exlify[parquet]'."
        ) from None
    return pyarrow, pyarrow.parquet


def _keep(kept: IO[bytes], rows: Iterable[Mapping[str, Any]]) -> tuple[dict[str, str], int]:
    """Writes the rows down; gives the columns, each with a kind that all its values are of, and how many rows."""
    seen: dict[str, str] = {}
    count = 0
    for row in rows:
        kept.write(orjson.dumps(row) + b"\n")
        count += 1
        for name, value in row.items():
            if name not in ALWAYS and value is not None:
                seen[name] = _joined(seen.get(name), _kind(value))
            elif name not in ALWAYS:
                seen.setdefault(name, "")
    kept.seek(0)
    return ALWAYS | {name: kind or "text" for name, kind in seen.items()}, count


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int):
        return "whole" if value in _WHOLE else "number"
    return "number" if isinstance(value, float) else "text"


def _joined(known: str | None, kind: str) -> str:
    """The kind of a column of which values of both kinds are: text where nothing else holds both."""
    if not known or known == kind:
        return kind
    return "number" if {known, kind} == {"whole", "number"} else "text"


def _groups(kept: IO[bytes]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    for line in kept:
        group.append(orjson.loads(line))
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group


def _type(arrow: Any, kind: str) -> Any:
    made = {
        "text": arrow.string, "number": arrow.float64, "whole": arrow.int64, "flag": arrow.bool_,
        "time": lambda: arrow.timestamp("ms", tz="UTC"),
    }  # fmt: skip
    return made[kind]()


def _column(arrow: Any, group: list[dict[str, Any]], name: str, kind: str) -> pyarrow.Array:
    values = [row.get(name) for row in group]
    if kind == "text":
        values = [
            value if value is None or isinstance(value, str) else orjson.dumps(value).decode() for value in values
        ]
    elif kind == "number":
        values = [None if value is None else float(value) for value in values]
    elif kind == "time":
        values = [None if value is None else _ms(value) for value in values]
    return arrow.array(values, type=_type(arrow, kind))


def _ms(text: str) -> int | None:
    """None of a moment that no calendar reaches, which is told as a number."""
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
