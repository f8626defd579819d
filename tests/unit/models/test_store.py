"""Models at an S3-compatible store: brought whole, kept as they are there, and in use while the store is away."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from models.serving import store as stores
from models.serving.registry import Registry
from models.serving.shelf import BUNDLED, Shelf
from models.serving.store import Address, Store, StoreError
from streams.ground.settings import Settings
from streams.processors.decide import ModelSettings
from streams.processors.decide.bringing import bringing
from streams.processors.decide.places import folders, store
from streams.processors.decide.states import ModelBook
from tests.support.brought import Site
from tests.support.s3 import BUCKET, S3

RISK = BUNDLED / "credit-risk" / "2"


def store_of(s3: S3, folder: Path, **other: str) -> Store:
    return Store(Address(BUCKET, "site", s3.endpoint, "", s3.key, s3.secret)._replace(**other), folder)


def looked(found: Store) -> str | None:
    found.look(now=True)
    return found.fault


def test_what_one_machine_puts_there_decides_on_another(s3: S3, tmp_path: Path) -> None:
    store_of(s3, tmp_path / "one").put(RISK)
    other = store_of(s3, tmp_path / "two")
    shelf = Shelf([tmp_path / "two"], store=other)
    assert shelf.versions() == []
    shelf.look()
    assert shelf.versions() == [("credit-risk", "2")] and shelf.faults == []
    assert Registry(shelf=shelf).get("credit-risk", "2").band.closed is None
    for name in ("model.onnx", "card.toml", "certificate.toml", "parity.jsonl"):
        assert (tmp_path / "two" / "credit-risk" / "2" / name).read_bytes() == (RISK / name).read_bytes()


def test_change_is_brought_and_a_certificate_that_is_taken_away_proves_nothing_any_more(s3: S3, tmp_path: Path) -> None:
    one, two = store_of(s3, tmp_path / "one"), store_of(s3, tmp_path / "two")
    one.put(RISK)
    assert looked(two) is None
    place = tmp_path / "two" / "credit-risk" / "2"
    untouched = (place / "model.onnx").stat().st_ino
    s3.objects.put("site/credit-risk/2/certificate.toml", b"changed")
    assert looked(two) is None
    assert (place / "certificate.toml").read_bytes() == b"changed"
    assert (place / "model.onnx").stat().st_ino == untouched
    s3.objects.delete("site/credit-risk/2/certificate.toml")
    assert looked(two) is None
    assert not (place / "certificate.toml").exists()
    s3.objects.delete([each["path"] for chunk in s3.objects.list() for each in chunk])
    assert looked(two) is None
    assert (place / "card.toml").exists()  # decisions on record name it


def test_model_file_is_never_changed_there(s3: S3, tmp_path: Path) -> None:
    changed = shutil.copytree(RISK, tmp_path / "credit-risk" / "2")
    found = store_of(s3, tmp_path / "brought")
    found.put(RISK)
    (changed / "card.toml").write_text("# corrected\n" + (RISK / "card.toml").read_text())
    found.put(changed)
    (changed / "model.onnx").write_bytes(b"another")
    with pytest.raises(StoreError, match="holds another model already"):
        found.put(changed)


def test_what_is_no_model_is_left_there(s3: S3, tmp_path: Path) -> None:
    for key in (
        "site/readme.txt",
        "site/a/b/c/model.onnx",
        "site/.x/1/card.toml",
        "site/a/1/other.bin",
        "x/1/card.toml",
    ):
        s3.objects.put(key, b"x")
    assert looked(store_of(s3, tmp_path / "brought")) is None
    assert [*tmp_path.iterdir()] == []


def test_what_is_brought_is_bounded(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store_of(s3, tmp_path / "one").put(RISK)
    monkeypatch.setattr(stores, "FILES", {**stores.FILES, "model.onnx": 100})
    fault = looked(store_of(s3, tmp_path / "two"))
    assert fault is not None and "credit-risk/2/model.onnx" in fault and "more than 100" in fault
    assert Shelf([tmp_path / "two"]).versions() == []
    monkeypatch.undo()
    for name, limit in (("MAX_BYTES", "of models, more than 3"), ("MAX_OBJECTS", "more than 3 objects")):
        monkeypatch.setattr(stores, name, 3)
        fault = looked(store_of(s3, tmp_path / "two"))
        assert fault is not None and limit in fault
        monkeypatch.undo()


def test_store_that_cannot_be_used_is_told_in_one_line_and_takes_nothing_away(s3: S3, tmp_path: Path) -> None:
    found = store_of(s3, tmp_path / "brought")
    found.put(RISK)
    assert looked(found) is None
    for other, said in (
        ({"bucket": "elsewhere"}, "s3://elsewhere/site: there is no such bucket"),
        ({"secret": "wrong"}, f"s3://{BUCKET}/site: the store refuses these credentials"),
        ({"key": "wrong"}, "the store refuses these credentials"),
    ):
        fault = looked(store_of(s3, tmp_path / "brought", **other))
        assert fault is not None and fault.startswith("s3://") and said in fault and "\n" not in fault
        assert "wrong" not in fault and s3.secret not in fault
    s3.stop()
    shelf = Shelf([tmp_path / "brought"], store=found)
    assert looked(found) is not None
    assert "What was brought before stays in use" in shelf.faults[0].reason
    assert Registry(shelf=shelf).get("credit-risk", "2").band.closed is None


@pytest.mark.parametrize(
    ("given", "bucket", "prefix"), [("s3://b-1", "b-1", ""), ("s3://b.c/x/y/", "b.c", "x/y"), ("s3://b1/", "b1", "")]
)
def test_setting_names_bucket_and_prefix(tmp_path: Path, given: str, bucket: str, prefix: str) -> None:
    settings = Settings(site_dir=tmp_path, data_dir=tmp_path / "data").with_(ModelSettings(store=given))
    found = store(settings)
    assert found is not None and (found.address.bucket, found.address.prefix) == (bucket, prefix)
    assert folders(settings) == (tmp_path / "models", tmp_path / "data" / "models", BUNDLED)
    assert store(Settings(site_dir=tmp_path)) is None


async def test_processes_have_the_models_once_they_are_open_and_follow_them(s3: S3, tmp_path: Path) -> None:
    asked = ModelSettings(
        store=f"s3://{BUCKET}/site", store_endpoint=s3.endpoint, store_key=s3.key, store_secret=s3.secret
    )
    settings = Settings(site_dir=tmp_path, data_dir=tmp_path / "data").with_(asked)
    store_of(s3, tmp_path / "other").put(RISK)
    book = ModelBook(folders(settings), store=store(settings))
    await book.start()
    place = tmp_path / "data" / "models" / "credit-risk" / "2"
    assert book.folder("credit-risk", "2") == place
    shutil.rmtree(tmp_path / "data")
    async with bringing(settings):  # as the gateway does
        while not place.exists():
            await asyncio.sleep(0.01)


def test_commands_make_certify_and_activate_what_another_machine_asks(s3: S3, tmp_path: Path) -> None:
    one, two = Site(tmp_path / "one"), Site(tmp_path / "two")
    for site in (one, two):
        site.folder.mkdir()
        site.environ |= s3.environ
    one.add("zipmap", "loans")
    one.certify("zipmap", "loans")
    two.json("models", "activate", "loans@1", "--why", "certified")
    assert two.decided("loans", {"income": 85, "debts": 5, "age_of_account": 15})["route"] == "approve"
    assert not (two.folder / "models" / "loans").exists()
    assert "there already" in two.refused(
        "models", "add", tmp_path / "one" / "brought-loans", "--name", "loans", "--version", "1"
    )
    s3.stop()
    assert two.decided("loans", {"income": 85, "debts": 5, "age_of_account": 15})["route"] == "approve"
    warned = one.run(
        "models", "certify", "loans", "--data", one.folder / "labelled.csv", "--label", "bad", "--target", "0.12"
    )
    assert "then: exlify models push loans@1" in str(warned.exception)
    one.environ |= {"EXLIFY_MODELS_STORE": ""}
    assert "There is no store" in one.refused("models", "push", "credit-risk")
