"""What was released stays readable: golden bytes, both directions of compatibility, ids that never move."""

import hashlib
import json
from io import BytesIO
from pathlib import Path

import avro.io
import avro.schema
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from schemas import freeze, released
from schemas.catalogue import Schema, current, text
from schemas.codec import Codec
from schemas.messages import TIMER_FIRED
from schemas.payload import unwrapped
from schemas.released import Release, fixed_ids, releases, unfrozen
from schemas.samples import sample

CODEC = Codec.offline()
EVERY_RELEASE = pytest.mark.parametrize("release", releases(), ids=lambda release: f"{release.name}@{release.version}")


@EVERY_RELEASE
def test_golden_bytes_still_decode(release: Release) -> None:
    name, data = CODEC.decode(_golden(release))
    written = sample(release.schema())
    assert name == release.name
    assert {key: unwrapped(data[key]) for key in written.keys() & data.keys()} == written


@EVERY_RELEASE
def test_golden_bytes_are_plain_avro(release: Release) -> None:
    """Read by Apache's own implementation, which shares no code with ours."""
    schema = avro.schema.parse(release.path.read_text())
    body = avro.io.BinaryDecoder(BytesIO(_golden(release)[5:]))
    assert avro.io.DatumReader(schema).read(body) == sample(release.schema())


@EVERY_RELEASE
def test_today_reads_the_release(release: Release) -> None:
    assert _reads(reader=current()[release.name], writer=release.schema())


@EVERY_RELEASE
def test_release_reads_what_today_writes(release: Release) -> None:
    if release.version.split(".")[0] != _major_of_newest(release.name):
        pytest.skip("another major version")
    assert _reads(reader=release.schema(), writer=current()[release.name])


def test_new_field_without_default_is_incompatible() -> None:
    changed = json.loads(text(current()[TIMER_FIRED]))
    changed["fields"].append({"name": "zone", "type": "string"})
    assert not _reads(reader=changed, writer=current()[TIMER_FIRED])


@pytest.mark.parametrize("version", sorted({release.version for release in releases()}))
def test_frozen_files_have_not_been_edited(version: str) -> None:
    folder = released.FROZEN_DIR / version
    lines = (folder / freeze.CHECKSUMS).read_text().splitlines()
    known = {name: digest for digest, name in (line.split("  ") for line in lines)}
    files = [path for path in folder.iterdir() if path.name != freeze.CHECKSUMS]
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files} == known


def test_fixed_ids_count_up_without_gaps() -> None:
    assert [release.id for release in releases()] == list(range(released.FIRST_ID, released.FIRST_ID + len(releases())))


def test_changed_schema_is_a_draft_with_an_id_of_its_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()
    for name in ("drift_ms", "jitter_ms"):
        changed = dict(current()) | {TIMER_FIRED: _with_field(current()[TIMER_FIRED], name)}
        monkeypatch.setattr(released, "current", lambda changed=changed: changed)
        ids = fixed_ids()
        draft = ids.current[TIMER_FIRED]
        assert draft == fixed_ids().current[TIMER_FIRED]
        assert releases()[-1].id < released.FIRST_DRAFT_ID <= draft < 2**31
        assert ids.writers[draft] == changed[TIMER_FIRED]
        seen.add(draft)
    assert len(seen) == 2


def test_releases_stay_readable_beside_a_draft(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fixed_ids()
    changed = dict(current()) | {TIMER_FIRED: _with_field(current()[TIMER_FIRED])}
    monkeypatch.setattr(released, "current", lambda: changed)
    after = fixed_ids()
    assert {id_: after.writers[id_] for id_ in before.writers} == before.writers
    assert {name: id_ for name, id_ in after.current.items() if name != TIMER_FIRED} == {
        name: id_ for name, id_ in before.current.items() if name != TIMER_FIRED
    }


def test_prose_may_change_without_a_release(monkeypatch: pytest.MonkeyPatch) -> None:
    before = unfrozen()
    changed = dict(current()) | {TIMER_FIRED: current()[TIMER_FIRED] | {"doc": "Other words."}}
    monkeypatch.setattr(released, "current", lambda: changed)
    assert unfrozen() == before


def test_freezing_appends_and_never_rewrites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (released, freeze):
        monkeypatch.setattr(module, "FROZEN_DIR", tmp_path)
        monkeypatch.setattr(module, "IDS_FILE", tmp_path / "ids.json")
    releases.cache_clear()
    try:
        first = freeze.freeze("1.0")
        assert freeze.freeze("1.1") == []
        changed = dict(current()) | {TIMER_FIRED: _with_field(current()[TIMER_FIRED])}
        monkeypatch.setattr(released, "current", lambda: changed)
        monkeypatch.setattr(freeze, "current", lambda: changed)
        (second,) = freeze.freeze("1.1")
        assert (second.name, second.id) == (TIMER_FIRED, first[-1].id + 1)
        assert releases() == (*first, second)
        with pytest.raises(FileExistsError):
            _freeze_changed_again(monkeypatch)
    finally:
        releases.cache_clear()


def _freeze_changed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(released, "current", current)
    freeze.freeze("1.1")


def _with_field(schema: Schema, name: str = "drift_ms") -> Schema:
    field = {"name": name, "type": "long", "default": 0}
    return schema | {"fields": [*schema["fields"], field]}


def _golden(release: Release) -> bytes:
    return bytes.fromhex(release.golden.read_text())


def _major_of_newest(name: str) -> str:
    return released.newest()[name].version.split(".")[0]


def _reads(reader: Schema, writer: Schema) -> bool:
    today, other = (avro.schema.parse(text(schema)) for schema in (reader, writer))
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    return bool(checker.get_compatibility(today, other).compatibility is SchemaCompatibilityType.compatible)
