"""What is put into a folder becomes events, each record once, whoever is killed and whatever comes twice."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from schemas.business import EventTypes
from schemas.codec import Codec
from streams.files import metrics
from streams.files.declared import Source, read_files
from streams.files.folder import Folder, Progress
from streams.files.watching import HeldError, Watching
from streams.ground.errors import ConfigurationError, UnavailableError
from streams.ground.publish import Outgoing
from streams.ground.settings import Settings
from streams.ground.site import Site
from tests.support.waiting import PATIENCE_S

YAML = """
orders:
  folder: {folder}
  match: 'ORD*.csv'
  format: {{type: csv, delimiter: ';', header: true}}
  type: com.example.order.v1
  subject: /nr
  settle: 0ms
  finished: com.example.orders-read.v1
"""
MAPPING = "fields: {order: .nr, sum: {from: .sum, decimal: {mark: ','}}}"


class Kafka:
    """Keeps what is published, and may be away from some batch on."""

    def __init__(self) -> None:
        self.codec = Codec.offline()
        self.events: list[tuple[dict[str, str], Any]] = []
        self.away_after = 10**9

    async def publish(self, records: Iterable[Outgoing]) -> None:
        self.away_after -= 1
        if self.away_after < 0:
            raise UnavailableError("Kafka is away.")
        self.events += [EventTypes.load().decode_event(self.codec, each.headers, each.value) for each in records]

    def of(self, type_: str) -> list[Any]:
        return [data for attributes, data in self.events if attributes["type"] == type_]

    def ids(self) -> list[str]:
        return [attributes["id"] for attributes, _ in self.events]


class Place:
    """A site with one source, and what looks at it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "in"
        self.folder.mkdir()
        self.kafka = Kafka()
        self.settings = Settings(data_dir=folder / "data", site_dir=folder)
        self.declare()

    def declare(self, text: str = "") -> None:
        (self.settings.site_dir / "files.yaml").write_text(YAML.format(folder=self.folder) + text)
        self.site = Site(self.settings.site_dir)
        (self.source,) = self.site.file("files.yaml", read_files).value.values()

    def put(self, name: str, content: str, mtime: int = 1_000) -> Path:
        path = self.folder / name
        path.write_text(content)
        os.utime(path, (mtime, mtime))
        return path

    async def look(self) -> None:
        watching = Watching(site=self.site, settings=self.settings, codec=self.kafka.codec, publisher=self.kafka)
        await watching.look(self.source, await watching.look(self.source, {}))


@pytest.fixture
def site(tmp_path: Path) -> Place:
    metrics.STUCK.clear()
    return Place(tmp_path)


LINES = "nr;sum\n1;1,50\n2;2,00\n"


async def test_each_record_is_an_event_and_the_file_is_put_away(site: Place) -> None:
    site.put("ORD1.csv", LINES)
    site.put("other.csv", LINES)
    await site.look()
    assert site.kafka.of("com.example.order.v1") == [{"nr": "1", "sum": "1,50"}, {"nr": "2", "sum": "2,00"}]
    assert [attributes.get("subject") for attributes, _ in site.kafka.events] == ["1", "2", None]
    (told,) = site.kafka.of("com.example.orders-read.v1")
    assert (told["file"], told["records"], told["broken"], told["whole"]) == ("ORD1.csv", 2, 0, True)
    assert (site.folder / "archive" / "ORD1.csv").read_text() == LINES
    assert (site.folder / "other.csv").exists()


async def test_a_file_that_is_still_written_waits(site: Place) -> None:
    site.put("ORD1.csv", LINES)
    watching = Watching(site=site.site, settings=site.settings, codec=site.kafka.codec, publisher=site.kafka)
    before = await watching.look(site.source, {})
    site.put("ORD1.csv", LINES + "3;3,00\n", mtime=1_001)
    before = await watching.look(site.source, before)
    assert site.kafka.events == []
    await watching.look(site.source, before)
    assert len(site.kafka.of("com.example.order.v1")) == 3


async def test_a_file_that_comes_again_starts_nothing_twice(site: Place) -> None:
    site.put("ORD1.csv", LINES)
    await site.look()
    site.put("ORD1.csv", LINES, mtime=2_000)
    await site.look()
    assert len(site.kafka.ids()) == len(set(site.kafka.ids())) == 3
    assert not (site.folder / "ORD1.csv").exists()
    site.put("ORD2.csv", LINES)
    await site.look()
    assert len(set(site.kafka.ids())) == 6


@pytest.mark.parametrize("batches", range(5))
async def test_who_is_stopped_anywhere_goes_on_from_there(
    site: Place, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.files.reading.BATCH", 3)
    count = 10
    site.put("ORD1.csv", "nr;sum\n" + "".join(f"{number};{number},00\n" for number in range(count)))
    site.kafka.away_after = batches
    with pytest.raises(UnavailableError):
        await site.look()
    published = len(site.kafka.events)
    assert published == min(3 * batches, count)
    site.kafka.away_after = 10**9
    await site.look()
    numbers = [each["nr"] for each in site.kafka.of("com.example.order.v1")]
    assert numbers == [str(number) for number in range(count)]
    (told,) = site.kafka.of("com.example.orders-read.v1")
    assert told["records"] == count


async def test_a_batch_that_was_published_and_not_noted_has_the_same_ids_again(site: Place) -> None:
    site.put("ORD1.csv", LINES)

    class Killed(Folder):
        def keep(self, *_: object) -> None:
            raise KeyboardInterrupt

    watching = Watching(site=site.site, settings=site.settings, codec=site.kafka.codec, publisher=site.kafka)
    with pytest.raises(KeyboardInterrupt):
        await watching.read(site.source, Killed(site.folder, "*"), "ORD1.csv")
    first = site.kafka.ids()
    await site.look()
    assert len(first) == 2
    assert site.kafka.ids()[:4] == first * 2


async def test_two_processes_do_not_read_the_same_file(site: Place) -> None:
    site.put("ORD1.csv", LINES)
    watching = Watching(site=site.site, settings=site.settings, codec=site.kafka.codec, publisher=site.kafka)
    with Folder(site.folder, "*").claimed("ORD1.csv") as ours:
        assert ours
        assert await watching.read(site.source, Folder(site.folder, "*"), "ORD1.csv") == ""
    assert await watching.read(site.source, Folder(site.folder, "*"), "ORD1.csv") == "read"


BROKEN = 'nr;sum\n1;1,50\n2\n3;x\n"4;4,00\n5;5,00\n'


async def test_broken_records_go_to_people_as_events(site: Place) -> None:
    (site.settings.site_dir / "mappings").mkdir()
    (site.settings.site_dir / "mappings" / "order.yaml").write_text(MAPPING)
    site.declare("  mapping: order\n  broken: com.example.order-broken.v1\n")
    site.put("ORD1.csv", BROKEN)
    await site.look()
    assert site.kafka.of("com.example.order.v1") == [{"order": "1", "sum": "1.50"}, {"order": "5", "sum": "5.00"}]
    told = [(each["line"], each["fault"], each["text"]) for each in site.kafka.of("com.example.order-broken.v1")]
    assert told == [
        (3, "line 3: 1 fields, and 2 are expected", "2"),
        (4, "line 4: field sum: it is no decimal number", '{"nr":"3","sum":"x"}'),
        (5, "line 5: a quote is not closed", '"4;4,00'),
    ]
    (end,) = site.kafka.of("com.example.orders-read.v1")
    assert (end["records"], end["broken"]) == (2, 3)


async def test_without_an_event_for_them_broken_records_stand_in_a_file(site: Place) -> None:
    site.put("ORD1.csv", BROKEN)
    await site.look()
    lines = (site.folder / "errors" / "ORD1.csv.broken.ndjson").read_text().splitlines()
    assert [json.loads(line)["line"] for line in lines] == [3, 5]


async def test_broken_records_of_an_earlier_file_of_the_same_name_stay(
    site: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = site.folder / "errors" / "ORD1.csv.broken.ndjson"
    site.put("ORD1.csv", BROKEN)
    await site.look()
    yesterday = errors.read_text()
    monkeypatch.setattr("streams.files.reading.BATCH", 1)
    site.put("ORD1.csv", "nr;sum\n6\n7\n8;8,00\n", mtime=2_000)
    site.kafka.away_after = 1  # an error in the midst of it, as a kill would be
    with pytest.raises(UnavailableError):
        await site.look()
    with errors.open("a") as file:
        file.write("written, and its position was not kept")
    site.kafka.away_after = 10**9
    await site.look()
    assert errors.read_text().startswith(yesterday)
    today = errors.read_text().removeprefix(yesterday).splitlines()
    assert [json.loads(line)["line"] for line in today] == [2, 3]


async def test_first_broken_records_are_written_once_though_nothing_was_kept_behind_them(site: Place) -> None:
    errors = site.folder / "errors" / "ORD1.csv.broken.ndjson"
    errors.parent.mkdir()
    errors.write_text("of yesterday\n")
    site.put("ORD1.csv", BROKEN)

    class Killed(Folder):
        def keep(self, name: str, progress: Progress) -> None:
            if progress.broken:
                raise KeyboardInterrupt
            super().keep(name, progress)

    watching = Watching(site=site.site, settings=site.settings, codec=site.kafka.codec, publisher=site.kafka)
    with pytest.raises(KeyboardInterrupt):
        await watching.read(site.source, Killed(site.folder, "*"), "ORD1.csv")
    assert len(errors.read_text().splitlines()) == 3
    await site.look()
    first, *lines = errors.read_text().splitlines()
    assert (first, [json.loads(line)["line"] for line in lines]) == ("of yesterday", [3, 5])


@pytest.mark.parametrize("name", [b"ORD\xff.csv", b"ORD" + b"x" * 248 + b".csv"])
async def test_a_file_that_cannot_be_read_does_not_hold_the_others(site: Place, name: bytes) -> None:
    """Neither one whose name is no Unicode, nor one whose name leaves no room for that of its lock."""
    site.declare("  every: 100ms\n")
    bad = site.put(os.fsdecode(name), LINES, mtime=1)
    watching = Watching(site=site.site, settings=site.settings, codec=site.kafka.codec, publisher=site.kafka)
    async with asyncio.timeout(PATIENCE_S), watching.running():
        for number in range(2):  # also what comes when the other is known to be bad
            site.put(f"ORD{number}.csv", LINES)
            while not (site.folder / "archive" / f"ORD{number}.csv").exists():
                await asyncio.sleep(0.01)
    assert stuck() == 1
    assert bad.exists()


def stuck() -> float | None:
    return REGISTRY.get_sample_value("exlify_files_stuck", {"source": "orders"})


async def test_a_bug_is_told_and_the_source_looked_at_again(site: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    site.declare("  every: 100ms\n")
    site.put("ORD1.csv", LINES)
    watching = Watching(site=site.site, settings=site.settings, codec=site.kafka.codec, publisher=site.kafka)
    async with asyncio.timeout(PATIENCE_S), watching.running():
        with monkeypatch.context() as patched:
            patched.setattr(site.kafka, "publish", None)
            while stuck() != 1:
                await asyncio.sleep(0.01)
        while not (site.folder / "archive" / "ORD1.csv").exists() or stuck() != 0:
            await asyncio.sleep(0.01)
    assert len(site.kafka.of("com.example.order.v1")) == 2


async def test_a_source_that_is_taken_away_is_stuck_no_more(site: Place) -> None:
    site.declare("  every: 100ms\n")
    site.folder.rmdir()
    watching = Watching(site=site.site, settings=site.settings, codec=site.kafka.codec, publisher=site.kafka)
    async with asyncio.timeout(PATIENCE_S), watching.running():
        while stuck() != 1:
            await asyncio.sleep(0.01)
        (site.settings.site_dir / "files.yaml").write_text("")
        while stuck() is not None:
            site.site.look()
            await asyncio.sleep(0.01)


async def test_a_file_that_was_broken_off_and_comes_again_goes_to_the_errors_again(site: Place) -> None:
    for mtime in 1_000, 2_000:  # as when its reader was killed between the ledger and the move
        site.put("ORD1.csv", "nr;nr\n1;2\n", mtime=mtime)
        await site.look()
    assert len([each for each in os.listdir(site.folder / "errors") if each.startswith("ORD1.csv")]) == 3
    assert not (site.folder / "archive").exists()


async def test_a_file_that_cannot_be_read_on_is_told_and_put_aside(site: Place) -> None:
    site.put("ORD1.csv", "nr;nr\n1;2\n")
    await site.look()
    (told,) = site.kafka.of("com.example.orders-read.v1")
    assert (told["whole"], told["fault"]) == (
        False, "line 1, the names of the columns: header: 'nr' stands twice. Remedy: give each its own name."
    )  # fmt: skip
    assert (site.folder / "errors" / "ORD1.csv").exists()


async def test_links_and_hidden_files_are_left_alone(site: Place, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(LINES)
    (site.folder / "ORD1.csv").symlink_to(tmp_path / "secret")
    site.put(".ORD2.csv", LINES)
    await site.look()
    assert site.kafka.events == []


@pytest.mark.parametrize("put", [lambda path: path.symlink_to("/etc/hostname"), os.mkfifo])
def test_what_takes_the_place_of_a_file_is_not_read(put: Callable[[Path], None], tmp_path: Path) -> None:
    """Between the look at the folder and the reading."""
    put(tmp_path / "ORD1.csv")
    with pytest.raises(OSError, match=r"ORD1\.csv"):
        Folder(tmp_path, "*").begun("ORD1.csv")


@pytest.mark.parametrize("name", ["archive", "errors", ".exlify"])
async def test_a_link_in_the_place_of_a_folder_of_ours_is_not_followed(site: Place, tmp_path: Path, name: str) -> None:
    """Who may put files there could have them put anywhere: into `steps/` of the site."""
    steps = tmp_path / "steps"
    steps.mkdir()
    (site.folder / name).symlink_to(steps)
    site.put("ORD1.csv", LINES if name != "errors" else "nr;sum\n1\n")
    with pytest.raises(HeldError) as held:
        await site.look()
    assert f"{name} is a link, and has to be a folder" in str(held.value.reason)
    assert list(steps.iterdir()) == []
    (site.folder / name).unlink()
    await site.look()
    assert not (site.folder / "ORD1.csv").exists()


@pytest.mark.parametrize("put", [lambda path, to: path.symlink_to(to), lambda path, _: os.mkfifo(path)])
async def test_a_file_of_broken_records_is_written_nowhere_else(
    site: Place, tmp_path: Path, put: Callable[[Path, Path], None]
) -> None:
    (tmp_path / "passwords").write_text("keep")
    (site.folder / "errors").mkdir()
    put(site.folder / "errors" / "ORD1.csv.broken.ndjson", tmp_path / "passwords")
    site.put("ORD1.csv", "nr;sum\n1\n")
    with pytest.raises(HeldError):
        await site.look()
    assert (tmp_path / "passwords").read_text() == "keep"


async def test_a_mapping_that_is_not_there_holds_the_file(site: Place) -> None:
    site.declare("  mapping: nowhere\n")
    site.put("ORD1.csv", LINES)
    with pytest.raises(ConfigurationError, match="there is no mapping nowhere"):
        await site.look()
    assert (site.folder / "ORD1.csv").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: {folder: in, format: csv, type: t}", "1:13: no absolute path"),
        ("a: {folder: /in, type: t}", "1:4: no format"),
        ("a: {folder: /in, format: {type: csv, header: 7}, type: t}", "1:46: neither true nor false"),
        ("a: {folder: /in, format: csv, type: t, archive: ../x}", "1:49: no name of a folder"),
        ("a: {folder: /in, format: csv, type: t}\nb: {folder: /in, format: csv, type: t}", "2:4: a looks at the same"),
        ("a: {folder: /in, format: csv, type: t, rate: fast}", "1:46: no rate"),
        ("A: {folder: /in, format: csv, type: t}", "1:4: 'A' is no name"),
    ],
)
def test_a_wrong_declaration_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "files.yaml").write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        Site(tmp_path).file("files.yaml", read_files)
    assert told in str(refused.value)


def test_a_source_is_known_by_what_it_says(tmp_path: Path) -> None:
    text = YAML.format(folder="/in")
    (tmp_path / "files.yaml").write_text(text)
    sources = [Site(tmp_path).file("files.yaml", read_files).value["orders"] for _ in range(2)]
    assert isinstance(sources[0], Source)
    assert sources[0] == sources[1]
