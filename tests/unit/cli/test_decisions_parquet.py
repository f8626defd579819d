"""`exlify decisions export FILE.parquet`: typed columns, what people answered, and a whole file or none."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet

from schemas.catalogue import current
from schemas.messages import DECISION, HUMAN_TASK
from schemas.samples import sample
from streams.cli import _decisions_parquet as written
from streams.cli import group
from streams.ground.errors import UsageError
from streams.ground.settings import Settings
from tests.support.data import payload
from tests.support.gateways import AsyncGateway, Gateway

FIRST, SECOND, ALONE = ("a" * 32, "b" * 32, "c" * 32)


def decided(gateway: Gateway, instance: str, **fields: Any) -> None:
    base = sample(current()[DECISION]) | {"beside": None, "score": 0.25, "at_ms": 1_000, "held": [], "audit": None}
    gateway.see(DECISION, {**base, "instance_id": instance, "decision_id": f"{instance}/do/0/ask/0/0", **fields})


def answered(gateway: Gateway, instance: str, outcome: str, at_ms: int) -> None:
    task = sample(current()[HUMAN_TASK]) | {"status": "completed", "outcome": outcome, "version": 2, "audit": False}
    times = {"created_at_ms": at_ms, "updated_at_ms": at_ms + 500}
    gateway.see(HUMAN_TASK, {**task, "instance_id": instance, "task_id": f"{instance}/do/{at_ms}/x/0/0", **times})


async def export(gateway: Gateway, *arguments: str) -> Result:
    environ = {"EXLIFY_GATEWAY_URL": str(gateway.client.make_url(""))}
    run = CliRunner(env=environ).invoke
    return await asyncio.to_thread(run, group, ["decisions", "export", *arguments])


async def test_file_has_inputs_answers_chances_and_hashes(tmp_path: Path) -> None:
    async with AsyncGateway(Settings(data_dir=tmp_path, partitions=3)) as gateway:
        decided(
            gateway, FIRST, route="review", input=payload({"amount": 4, "code": "A1", "odd": [1]}), input_hash="f00"
        )
        decided(gateway, SECOND, route="review", input=payload({"amount": 4.5, "code": 7}))
        decided(gateway, ALONE, route="approve", input=payload({"amount": 1, "code": None}))
        answered(gateway, FIRST, "earlier", 500)
        answered(gateway, FIRST, "decline", 2_000)
        found = await export(gateway, str(tmp_path / "all.parquet"))
    assert (found.exit_code, found.stdout) == (0, ""), found.output
    table = parquet.read_table(tmp_path / "all.parquet")
    rows = {row["instance_id"]: row for row in table.to_pylist()}
    assert (rows[FIRST]["label"], rows[FIRST]["label_at"]) == ("decline", datetime(1970, 1, 1, 0, 0, 2, 500_000, UTC))
    assert [rows[each]["inclusion_probability"] for each in (FIRST, SECOND, ALONE)] == [1.0, 1.0, 0.0]
    assert [rows[each]["label"] for each in (SECOND, ALONE)] == [None, None]
    assert [rows[each]["input.amount"] for each in (FIRST, SECOND, ALONE)] == [4.0, 4.5, 1.0]
    assert [rows[each]["input.code"] for each in (FIRST, SECOND, ALONE)] == ["A1", "7", None]
    assert (rows[FIRST]["input.odd"], rows[FIRST]["input_hash"], rows[FIRST]["score"]) == ("[1]", "f00", 0.25)


async def test_answer_of_who_looked_blindly_has_the_chance_of_being_looked_at(tmp_path: Path) -> None:
    audit = sample(current()[DECISION])["audit"] | {"share": 0.05, "drawn": True}
    async with AsyncGateway(Settings(data_dir=tmp_path, partitions=3)) as gateway:
        decided(gateway, ALONE, route="approve", audit=audit)
        answered(gateway, ALONE, "something else", 500)
        task = sample(current()[HUMAN_TASK]) | {"status": "completed", "outcome": "not-approve", "version": 2}
        gateway.see(HUMAN_TASK, {**task, "instance_id": ALONE, "task_id": f"{ALONE}/do/0/ask/0/0", "audit": True})
        await export(gateway, str(tmp_path / "all.parquet"))
    (row,) = parquet.read_table(tmp_path / "all.parquet").to_pylist()
    assert (row["label"], row["inclusion_probability"]) == ("not-approve", 0.05)


@pytest.mark.parametrize(("other", "chance"), [("approve", None), ("review", 1.0)])
async def test_chance_is_open_where_champion_and_challenger_part(tmp_path: Path, other: str, chance: float) -> None:
    beside = {"model_version": "2", "covers": "c", "score": 0.1, "route": other, "challenger": True}
    async with AsyncGateway(Settings(data_dir=tmp_path, partitions=3)) as gateway:
        decided(gateway, FIRST, route="review", beside=beside)
        await export(gateway, str(tmp_path / "all.parquet"))
    assert parquet.read_table(tmp_path / "all.parquet").column("inclusion_probability").to_pylist() == [chance]


def test_rows_are_written_in_groups_and_types_hold_over_all_of_them(tmp_path: Path) -> None:
    count = written.GROUP * 2 + 1
    rows = ({"input.a": number if number < count - 1 else 0.5, "input.b": 2**64 - 1} for number in range(count))
    assert written.write(tmp_path / "x.parquet", rows) == count
    file = parquet.ParquetFile(tmp_path / "x.parquet")
    assert file.metadata.num_row_groups == 3
    assert file.read(["input.a"]).column(0).to_pylist()[-2:] == [float(count - 2), 0.5]


def test_nothing_decided_is_a_file_without_rows(tmp_path: Path) -> None:
    assert written.write(tmp_path / "x.parquet", []) == 0
    assert parquet.read_table(tmp_path / "x.parquet").column_names == [*written.ALWAYS]


def test_file_is_whole_or_not_there(tmp_path: Path) -> None:
    def ends() -> Iterator[dict[str, Any]]:
        yield {"model": "m"}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        written.write(tmp_path / "x.parquet", ends())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match="No such file or directory"):
        written.write(tmp_path / "no" / "x.parquet", [])


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pip install 'exlify\[parquet\]'"):
        written.write(tmp_path / "x.parquet", [])
    found = CliRunner().invoke(group, ["decisions", "export", "all.csv"])
    assert isinstance(found.exception, UsageError) and "is to be called .parquet" in str(found.exception)
