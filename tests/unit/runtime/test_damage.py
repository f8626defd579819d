"""Damaged stores: whatever happens to the files of a local copy, the changelog gives its rows back."""

import random
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from streams.ground.errors import ConfigurationError
from streams.runtime.containment import NOT_THE_RECORD
from streams.runtime.processor import Row
from streams.runtime.store import DamagedStoreError, Store, StoreError, encode_row
from streams.runtime.table import TablePartition
from tests.unit.runtime.changelog import MemoryLog

ROWS = 2_000


async def written(log: MemoryLog, path: Path) -> dict[bytes, Row]:
    """A store that was killed: some of its rows in files of their own, some in the log of RocksDB alone."""
    table = TablePartition(Store(path / "live"), log, log)  # type: ignore[arg-type]
    await table.recover(0)
    draw = random.Random(5)
    rows: dict[bytes, Row] = {b"%032x" % n: Row(draw.randbytes(300), n + 1) for n in range(ROWS)}
    for first in range(0, ROWS, 500):
        part: dict[bytes, Row | None] = {key: rows[key] for key in list(rows)[first : first + 500]}
        encoded = [(key, encode_row(row)) for key, row in part.items()]
        await table.append(encoded)
        table.apply(part, encoded)
        if first < 1_500:
            table.store._db.flush()
    shutil.copytree(path / "live", path / "store")
    table.store.close()
    return rows


def largest(path: Path, pattern: str) -> Path:
    return max(path.glob(pattern), key=lambda file: file.stat().st_size)


def overwrite(file: Path, where: float) -> None:
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.seek(max(0, min(int(size * where), size - 300)))
        opened.write(random.Random(3).randbytes(min(300, size)))


def keys_due(table: TablePartition) -> set[bytes]:
    return set(table.due.take(ROWS + 1, ROWS + 1))


@pytest.mark.parametrize("where", [0.0, 0.4, 0.9, 0.999])
@pytest.mark.parametrize("pattern", ["*.sst", "*.log", "MANIFEST*", "CURRENT", "OPTIONS*", "IDENTITY"])
async def test_overwritten_file_costs_no_row(tmp_path: Path, pattern: str, where: float) -> None:
    log = MemoryLog()
    rows = await written(log, tmp_path)
    overwrite(largest(tmp_path / "store", pattern), where)
    table = TablePartition(Store(tmp_path / "store"), log, log)  # type: ignore[arg-type]
    await table.recover(0)
    assert dict(table.store.rows()) == rows
    assert keys_due(table) == set(rows)


@pytest.mark.parametrize("pattern", ["*.sst", "*.log", "MANIFEST*", "CURRENT", "OPTIONS*"])
async def test_missing_file_costs_no_row(tmp_path: Path, pattern: str) -> None:
    log = MemoryLog()
    rows = await written(log, tmp_path)
    largest(tmp_path / "store", pattern).unlink()
    table = TablePartition(Store(tmp_path / "store"), log, log)  # type: ignore[arg-type]
    await table.recover(0)
    assert dict(table.store.rows()) == rows


async def test_damage_met_while_running_is_mended_next_time(tmp_path: Path) -> None:
    log = MemoryLog()
    rows = await written(log, tmp_path)
    overwrite(largest(tmp_path / "store", "*.sst"), 0.4)
    running = Store(tmp_path / "store")  # as one whose caches hold nothing of the file
    with pytest.raises(DamagedStoreError):
        for key in rows:
            running.get(key)
    running.close()
    overwrite(largest(tmp_path / "store", "*.log"), 0.0)
    again = TablePartition(Store(tmp_path / "store"), log, log)  # type: ignore[arg-type]
    await again.recover(0)
    assert dict(again.store.rows()) == rows
    assert not (tmp_path / "store.damaged").exists()


class Unclosable(Store):
    """Meets the damage once more, on a thread of RocksDB, right before it is closed."""

    def close(self) -> None:
        with suppress(Exception):
            self._db.compact_range(None, None)
        super().close()


async def test_store_that_cannot_even_close_is_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = MemoryLog()
    rows = await written(log, tmp_path)
    overwrite(largest(tmp_path / "store", "*.sst"), 0.4)
    table = TablePartition(Unclosable(tmp_path / "store"), log, log)  # type: ignore[arg-type]
    await table.recover(0)
    assert "store not closed" in capsys.readouterr().out
    assert dict(table.store.rows()) == rows


def test_store_of_another_owner_is_left_alone(tmp_path: Path) -> None:
    first = Store(tmp_path / "store")
    first.apply({b"k": encode_row(Row(b"v"))}, 1, 1)
    with pytest.raises(StoreError, match="lock"):
        Store(tmp_path / "store")
    assert first.get(b"k") == Row(b"v")


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="file"):
        Store(tmp_path / "file" / "store")


def test_no_trouble_of_a_store_is_a_records_fault() -> None:
    assert issubclass(DamagedStoreError, NOT_THE_RECORD)
