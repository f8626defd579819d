"""Versions of the data set of labels on a real broker: taken, pinned by what learns from them, and written again, byte
for byte, when others have come."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tomllib
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from pyarrow import parquet

from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import DECISION, HUMAN_TASK, LABEL
from schemas.payload import Payload
from schemas.samples import sample
from streams.cli._label_sets import OF_LABEL, known_sets, written_again
from streams.ground.errors import UsageError
from streams.ground.provision import provision
from streams.ground.publish import Outgoing, Publisher
from streams.ground.settings import Settings
from streams.processors import decide, monitor
from tests.support import foreign
from tests.support.brought import Site
from tests.support.data import payload
from tests.support.gateways import AsyncGateway

pytestmark = pytest.mark.broker
ROOT = Path(__file__).parents[2]
TRAINER = f"""
[learning]
trainer = ["env", "PYTHONPATH={ROOT}", "{sys.executable}", "-m", "tests.support.trainer"]
labels = 500
"""
CODEC = Codec.offline()
FEW, MANY, MORE = 300, 2_000, 50


class Loans(Site):
    """A site on the broker, with a model of its own that says how it learns."""

    def __init__(self, kafka: str, folder: Path) -> None:
        super().__init__(folder)
        self.environ |= {"EXLIFY_BOOTSTRAP": kafka, "EXLIFY_REGISTRY_URL": "none"}
        self.settings = Settings(bootstrap=kafka, site_dir=folder)
        self.name = f"loans-{uuid.uuid4().hex[:8]}"
        brought = folder / "brought"
        brought.mkdir()
        shutil.copy(foreign.FOLDER / "zipmap.onnx", brought / "model.onnx")
        (brought / "card.toml").write_text(TRAINER)
        rows = foreign.write(folder / "rows.csv", foreign.loans(2, 400), foreign.NUMBERS)
        self.json("models", "add", brought, "--name", self.name, "--rows", rows)

    def labels(self, start: int, count: int) -> Iterable[dict[str, Any]]:
        """Half of what went alone was drawn, people saw all else; some of it turned out otherwise later."""
        for number, case in enumerate(foreign.loans(5 + start, count), start):
            alone = case["income"] > case["debts"] + 10
            if alone and number % 2:
                continue
            truth = "not-approve" if case.pop("bad") else "approve"
            told = {
                "label_id": f"audit/{number}", "decision_id": f"d{number}", "model": self.name, "model_version": "1",
                "covers": None, "certificate_sha256": None, "route": "approve" if alone else "review", "score": 0.1,
                "input": payload(case), "label": truth, "source": "audit" if alone else "correction", "actor": "kim",
                "first": True, "contradicts": False, "inclusion_probability": 0.5 if alone else 1.0, "drawn": alone,
                "target": None, "decided_at_ms": 1_900_000_000_000 + 60_000 * number, "at_ms": 1_900_000_000_001,
            }  # fmt: skip
            yield told
            if number % 100 == 0:
                yield told  # a copy, as a crash may leave one
                yield told | {"label_id": f"late/{number}", "first": False, "contradicts": True, "label": "other"}

    async def tell(self, labels: Iterable[dict[str, Any]]) -> None:
        async with Publisher(self.settings, linger_ms=5) as publisher:
            key = self.name.encode()
            await publisher.publish(Outgoing(monitor.LABELS, key, CODEC.encode(LABEL, each)) for each in labels)

    async def does(self, *arguments: object, code: int = 0) -> Any:
        return await asyncio.to_thread(self.json, "models", *arguments, code=code)


@pytest.fixture
async def loans(kafka: str, tmp_path: Path) -> Loans:
    await provision(Settings(bootstrap=kafka), [decide.STATES, monitor.LABELS, monitor.LABEL_SETS])
    return await asyncio.to_thread(Loans, kafka, tmp_path)


async def test_version_is_written_again_byte_for_byte_when_other_labels_have_come(loans: Loans) -> None:
    name, folder = loans.name, loans.folder
    none = await asyncio.to_thread(loans.run, "models", "label-sets", name)
    assert "There are none." in none.stderr
    assert "nobody" in await asyncio.to_thread(loans.refused, "models", "label-sets", "nobody")
    await loans.tell(loans.labels(0, FEW))
    first = await loans.does("labels", name, folder / "first.csv")
    again = await loans.does("labels", name, folder / "again.csv")
    assert first["set"] == again["set"] == first["sha256"][:12] and first["rows"] > FEW / 2
    assert [each.version for each in await known_sets(loans.settings, CODEC, name)] == [first["set"]]

    await loans.tell(loans.labels(FEW, MORE))
    second = await loans.does("labels", name, folder / "second.csv")
    every = await loans.does("labels", name, folder / "every.csv", "--every")
    old = await loans.does("labels", name, folder / "old.csv", "--of", first["set"][:6])
    assert (old["set"], old["rows"], old["sha256"]) == (first["set"], first["rows"], first["sha256"])
    assert (folder / "old.csv").read_bytes() == (folder / "first.csv").read_bytes()
    assert (folder / "second.csv").read_bytes().startswith((folder / "first.csv").read_bytes())
    assert every["rows"] > second["rows"] > first["rows"]

    told = (await loans.does("label-sets", name))["sets"]
    assert [each["version"] for each in told] == [first["set"], second["set"], every["set"]]
    assert [each["taken_for"] for each in told] == ["export"] * 3
    assert told[0]["later"] == told[0]["contradicting"] == FEW // 100
    assert sum(told[0]["sources"].values()) == sum(told[0]["labels"].values()) == told[0]["rows"]
    assert {*told[0]["sources"]} == {"audit", "correction"} and {*told[0]["labels"]} == {"approve", "not-approve"}
    shown = await asyncio.to_thread(loans.run, "models", "label-sets", name, first["set"])
    assert first["sha256"] in shown.stdout and "offsets" in shown.stdout
    refused = await asyncio.to_thread(loans.refused, "models", "labels", name, folder / "x.csv", "--of", "ffff")
    assert "is no version of its labels" in refused and not (folder / "x.csv").exists()


async def test_what_learns_from_labels_names_their_version_in_its_card(loans: Loans) -> None:
    name, folder = loans.name, loans.folder
    await loans.does("activate", f"{name}@1", "--audit", "50")
    await loans.tell(loans.labels(0, MANY))
    learned = await loans.does("learn", name)
    assert (learned["candidate"], learned["state"]) == (f"{name}@2", "shadow"), learned
    card = tomllib.loads((folder / "models" / name / "2" / "card.toml").read_text())
    (known,) = await known_sets(loans.settings, CODEC, name)
    assert card["data"]["labels_version"] == learned["labels"] == known.version
    assert (card["data"]["labels_sha256"], known.taken_for) == (known.sha256, "learning")

    await loans.tell(loans.labels(MANY, MORE))
    exported = await loans.does("labels", name, folder / "again.csv", "--of", "latest")
    assert exported["sha256"] == card["data"]["labels_sha256"]
    columns = {*OF_LABEL, "decided_at", "at"} - {"label", "inclusion_probability"}
    without = [word for column in sorted(columns) for word in ("--without", column)]
    trained = await loans.does("train", name, "--data", folder / "again.csv", *without)
    assert trained["model"] == f"{name}@3", trained
    card = tomllib.loads((folder / "models" / name / "3" / "card.toml").read_text())
    assert card["data"]["labels_version"] == known.version
    (told,) = (await loans.does("label-sets", name))["sets"]
    assert told["used_by"] == [f"{name}@2", f"{name}@3"]


async def test_rows_that_are_not_whole_any_more_are_not_written(loans: Loans) -> None:
    """As where a person was forgotten meanwhile, whose inputs nobody can read now."""
    name, folder = loans.name, loans.folder
    await loans.tell(loans.labels(0, 40))
    await loans.does("labels", name, folder / "labels.csv")
    (known,) = await known_sets(loans.settings, CODEC, name)
    sealed = [{**each, "input": Payload.inside(b"\x01sealed")} for each in loans.labels(0, 3)]
    await loans.tell(sealed)  # copies count for nothing, so these are no rows
    assert (await loans.does("labels", name, folder / "same.csv"))["set"] == known.version
    with pytest.raises(UsageError, match="another Exlify wrote them"):
        await written_again(loans.settings, CODEC, replace(known, sha256="0" * 64), folder / "no.csv")
    assert not (folder / "no.csv").exists() and not [*folder.glob(".no.csv*")]


async def test_decisions_are_exported_with_what_turned_out_first(loans: Loans, tmp_path: Path) -> None:
    """A truth that was told later counts as an answer of a person does, and where it is first, before it."""
    name, decided = loans.name, [f"{digit * 32}/do/0/ask/0/0" for digit in "abc"]
    told = next(iter(loans.labels(0, 10)))
    first = {**told, "decision_id": decided[0], "source": "ledger", "label": "not-approve", "at_ms": 1_000}
    later = {**first, "label_id": "later", "first": False, "label": "approve"}
    of_others = {**first, "decision_id": decided[1], "model": "other"}
    await loans.tell([first, later, of_others])
    async with AsyncGateway(Settings(data_dir=tmp_path / "gateway", partitions=3)) as gateway:
        for each in decided:
            usual = sample(current()[DECISION]) | {"model": name, "beside": None, "held": [], "audit": None}
            gateway.see(DECISION, usual | {"decision_id": each, "instance_id": each[:32], "route": "review"})
        task = sample(current()[HUMAN_TASK]) | {"status": "completed", "version": 2, "audit": False}
        for each in decided[:2]:
            outcome = {"instance_id": each[:32], "task_id": f"{each}/x", "outcome": "decline"}
            gateway.see(HUMAN_TASK, task | outcome)
        loans.environ["EXLIFY_GATEWAY_URL"] = str(gateway.client.make_url(""))
        file = tmp_path / "decisions.parquet"
        result = await asyncio.to_thread(loans.run, "decisions", "export", "--model", name, file)
        assert result.exit_code == 0, result.output
    rows = {row["decision_id"]: row for row in parquet.read_table(file).to_pylist()}
    found = [(rows[each]["label"], rows[each]["label_source"]) for each in decided]
    assert found == [("not-approve", "ledger"), ("decline", "correction"), (None, None)]
