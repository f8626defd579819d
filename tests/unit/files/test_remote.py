"""What is put into a folder of OpenSSH's server becomes events, each record once, whoever ends and whatever breaks."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.files import remote
from streams.files.declared import read_files
from streams.files.places import folder_of
from streams.files.remote import RemoteFolder
from streams.files.watching import HeldError, Watching
from streams.ground.errors import ConfigurationError, UnavailableError
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.processors.call.connections import Addresses
from tests.support.row_sources import Kafka
from tests.support.sftp import SftpServer, running

YAML = """
stock:
  folder: connection://warehouse/out
  match: '*.csv'
  format: {type: csv, header: true}
  type: com.example.stock.v1
  settle: 0ms
  finished: com.example.stock-read.v1
"""
LINES = "sku,count\n" + "".join(f"{number},{number}\n" for number in range(10))


class Place:
    """A site with a source on a server, and what looks at it."""

    def __init__(self, folder: Path, server: SftpServer) -> None:
        self.there = folder / "there" / "out"
        self.there.mkdir(parents=True)
        (folder / "key").write_text(server.key)
        ssh = f"{{hostKey: {server.host_key}, key: '${{file:key}}'}}"
        url = server.url(folder / "there")
        (folder / "connections.yaml").write_text(f"warehouse:\n  url: {url}\n  ssh: {ssh}\n")
        (folder / "files.yaml").write_text(YAML)
        self.settings = Settings(data_dir=folder / "data", site_dir=folder)
        self.site = Site(folder)
        self.addresses = Addresses(self.settings, self.site)
        (self.source,) = self.site.file("files.yaml", read_files).value.values()
        self.kafka = Kafka()
        self.opened: list[RemoteFolder] = []

    def folder(self) -> RemoteFolder:
        """As each process has its own."""
        made = folder_of(self.source, self.addresses)
        assert isinstance(made, RemoteFolder)
        self.opened.append(made)
        return made

    def put(self, name: str, content: str, mtime: int = 1_000) -> None:
        (self.there / name).write_text(content)
        os.utime(self.there / name, (mtime, mtime))

    async def look(self, folder: RemoteFolder | None = None) -> None:
        watching = Watching(site=self.site, settings=self.settings, codec=self.kafka.codec, publisher=self.kafka)
        folder = folder or self.folder()
        await watching.look(self.source, await watching.look(self.source, {}, folder), folder)

    def skus(self) -> list[str]:
        return [each["sku"] for each in self.kafka.data if "sku" in each]


@pytest.fixture
def place(sftp: SftpServer, tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path, sftp)
    yield made
    for each in made.opened:
        each.close()


async def test_each_record_is_an_event_and_the_file_is_put_away(place: Place) -> None:
    place.put("a.csv", LINES)
    place.put("other.txt", LINES)
    await place.look()
    assert place.skus() == [str(number) for number in range(10)]
    assert (place.kafka.data[-1]["file"], place.kafka.data[-1]["records"]) == ("a.csv", 10)
    assert (place.there / "archive" / "a.csv").read_text() == LINES
    assert (place.there / "other.txt").exists()
    (entry,) = place.folder().ledger()
    assert (entry.name, entry.published, entry.whole) == ("a.csv", 10, True)
    place.put("a.csv", LINES, mtime=2_000)
    await place.look()
    assert len(place.kafka.ids) == 11, "the same file again starts nothing"
    assert sorted(os.listdir(place.there)) == [".exlify", "archive", "other.txt"]


@pytest.mark.parametrize("batches", [0, 1, 4])
async def test_who_is_stopped_anywhere_goes_on_from_there(
    place: Place, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.files.reading.BATCH", 3)
    place.put("a.csv", LINES)
    place.kafka.away_after = batches
    with pytest.raises(UnavailableError):
        await place.look()
    place.kafka.away_after = 10**9
    await place.look()
    assert place.skus() == [str(number) for number in range(10)]


async def test_a_connection_that_breaks_in_the_middle_costs_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.files.reading.BATCH", 2)
    with running() as server:
        place = Place(tmp_path, server)
        place.put("a.csv", LINES)
        folder = place.folder()

        class Breaking(Kafka):
            async def publish(self, records: object) -> None:
                await super().publish(records)  # type: ignore[arg-type]
                if len(self.events) == 4:
                    await asyncio.to_thread(server.stop)

        place.kafka = Breaking()
        with pytest.raises(HeldError):
            await place.look(folder)
        await asyncio.to_thread(server.start)
        monkeypatch.setattr(remote, "LEASE_S", 0.0)  # the claim could not be taken back
        for _ in range(3):
            await place.look(folder)
        assert sorted(set(place.skus()), key=int) == [str(number) for number in range(10)]
        assert len(set(place.kafka.ids)) == 11
        await asyncio.to_thread(folder.close)


async def test_a_file_is_read_by_who_claims_it_and_taken_over_from_who_was_killed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.put("a.csv", LINES)
    first, second = place.folder(), place.folder()
    claim = first.claimed("a.csv")
    assert await asyncio.to_thread(claim.__enter__)
    for _ in range(3):
        await place.look(second)
    assert place.kafka.events == []
    token = (place.there / ".exlify" / "a.csv.lock").read_text()
    left = place.there / ".exlify" / f".a.csv.{token}"
    left.write_text("half of a posi")  # it was killed while it wrote
    monkeypatch.setattr(remote, "LEASE_S", 0.0)  # nobody has touched it for a while
    progress = await asyncio.to_thread(first.begun, "a.csv")
    await place.look(second)
    await place.look(second)
    assert len(place.skus()) == 10
    assert not left.exists()
    with pytest.raises(OSError, match="taken the file over"):
        await asyncio.to_thread(first.keep, "a.csv", progress)
    await asyncio.to_thread(claim.__exit__, None, None, None)


async def test_broken_records_stand_beside_the_others_on_the_server(place: Place) -> None:
    place.put("a.csv", 'sku,count\n1,1\n2,"2\n')
    await place.look()
    assert (place.there / "errors" / "a.csv.broken.ndjson").read_bytes().count(b"\n") == 1


async def test_a_server_that_is_not_known_is_said_so(place: Place) -> None:
    (place.settings.site_dir / "connections.yaml").write_text("warehouse: sftp://ada@127.0.0.1/out\n")
    place.addresses = Addresses(place.settings, Site(place.settings.site_dir))
    with pytest.raises(ConfigurationError, match="no host key"):
        await place.look()


@pytest.mark.parametrize("folder", ["connection://warehouse/../out", "out", "connection:///out"])
def test_a_folder_that_is_none_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "files.yaml").write_text(YAML.replace("connection://warehouse/out", folder))
    with pytest.raises(ConfigurationError, match=r"files.yaml:3:11: "):
        Site(tmp_path).file("files.yaml", read_files)


def test_a_file_is_settled_by_itself_and_not_by_another_like_it(place: Place) -> None:
    """It was looked for among all: of fifty thousand files each look took minutes, on the event loop."""
    folder = place.folder()
    place.put("old.csv", LINES)
    assert [name for name, _ in folder.waiting()] == ["old.csv"]
    place.put("new.csv", LINES)
    found = dict(folder.waiting())
    assert found["old.csv"] == found["new.csv"]
    folder._since["old.csv"] = found["old.csv"], time.monotonic() - 100
    settled = {name: folder.is_settled(name, seen, 50) for name, seen in found.items()}
    assert settled == {"old.csv": True, "new.csv": False}
    assert not folder.is_settled("gone.csv", found["old.csv"], 0)
