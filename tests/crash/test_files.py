"""A file larger than memory becomes events, by a process that is killed in the middle: every record, and none twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from schemas.business import EventTypes
from streams.definitions import DEFINITIONS
from streams.files.declared import read_files
from streams.files.folder import Folder
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.processors.intake import business_topic
from tests.support.figures import Report
from tests.support.sftp import SftpServer

TYPE = "com.example.posting.v1"
TOPIC = business_topic(EventTypes.load().of(TYPE).topic)
MOST_BYTES = 200 * 1024 * 1024
PATIENCE_S = 3_600.0  # a bound on hanging, not a measure
YAML = """
postings:
  folder: {folder}
  format: {{type: fixed, fields: [{{name: account, length: 10}}, {{name: amount, type: decimal, scale: 2, length: 12}},
    {{name: text, length: {text}}}]}}
  type: com.example.posting.v1
  settle: 0ms
  every: 100ms
"""


@pytest.mark.crash_smoke
@pytest.mark.broker
async def test_a_file_of_four_megabytes_is_read_through_kills(kafka: str, tmp_path: Path, report: Report) -> None:
    await _read_through_kills(kafka, tmp_path, report, megabytes=4, length=256, kills=1)


@pytest.mark.crash
@pytest.mark.slow
@pytest.mark.broker
async def test_a_file_of_two_gigabytes_is_read_through_kills(kafka: str, tmp_path: Path, report: Report) -> None:
    await _read_through_kills(kafka, tmp_path, report, megabytes=2_048, length=4_096, kills=3)


@pytest.mark.crash
@pytest.mark.slow
@pytest.mark.broker
async def test_a_file_of_a_server_is_read_through_kills(
    kafka: str, sftp: SftpServer, tmp_path: Path, report: Report
) -> None:
    (tmp_path / "key").write_text(sftp.key)
    ssh = f"{{hostKey: {sftp.host_key}, key: '${{file:key}}'}}"
    (tmp_path / "connections.yaml").write_text(f"bank:\n  url: {sftp.url(tmp_path)}\n  ssh: {ssh}\n")
    await _read_through_kills(
        kafka, tmp_path, report, megabytes=16, length=256, kills=1, folder_said="connection://bank/in"
    )


async def _read_through_kills(
    kafka: str, tmp_path: Path, report: Report, *, megabytes: int, length: int, kills: int, folder_said: str = ""
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "files.yaml").write_text(YAML.format(folder=folder_said or folder, text=length - 23))
    settings = Settings(bootstrap=kafka, site_dir=tmp_path, data_dir=tmp_path / "data")
    await provision(settings, [TOPIC, DEFINITIONS])
    begins = _ends(kafka, settings.partitions)
    count = megabytes * 1024 * 1024 // length
    with (folder / "postings.txt").open("wb") as file:
        for number in range(count):
            file.write(b"%010d%012d%*s\n" % (number, number, length - 23, b"text"))
    os.utime(folder / "postings.txt", (1_000, 1_000))  # whole seconds, as SFTP tells of them
    place = Folder(folder, "*")
    peak, started = 0, time.monotonic()
    for kill in range(kills + 1):
        process = _started(kafka, tmp_path)
        try:
            wanted = count * (kill + 1) // (kills + 1)
            peak = max(peak, _until(place, process, wanted, count))
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    seconds = time.monotonic() - started
    (entry,) = place.ledger()
    assert (entry.published, entry.broken, entry.whole) == (count, 0, True)
    assert (folder / "archive" / "postings.txt").exists()
    source = Site(tmp_path).file("files.yaml", read_files).value["postings"].source
    seen = _seen(kafka, begins, settings.partitions, source)
    assert len(seen) == count, "each record is there"
    again = sum(seen.values()) - count
    assert peak < MOST_BYTES
    report(records_a_s=count / seconds, mb_a_s=megabytes / seconds, mb_of_memory=peak / 2**20, again=again)


def _started(kafka: str, site: Path) -> subprocess.Popen[bytes]:
    environ = {
        **os.environ,
        "EXLIFY_BOOTSTRAP": kafka,
        "EXLIFY_REGISTRY_URL": "none",
        "EXLIFY_SITE_DIR": str(site),
        "EXLIFY_DATA_DIR": str(site / "data"),
    }
    with (site / "files.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "files", "run"], env=environ, stdout=log, stderr=log
        )


def _until(place: Folder, process: subprocess.Popen[bytes], wanted: int, count: int) -> int:
    """Waits until so many records were read, or the file was; gives the most memory that the process had."""
    deadline, peak = time.monotonic() + PATIENCE_S, 0
    while time.monotonic() < deadline:
        assert process.poll() is None, "the process has ended"
        peak = max(peak, _peak_bytes(process.pid))
        if place.ledger() and not (place.path / "postings.txt").exists():
            return peak
        if wanted < count and _read(place) >= wanted:
            return peak
        time.sleep(0.02)
    raise AssertionError("the file is not read")


def _read(place: Folder) -> int:
    try:
        progress = place.progress("postings.txt")
    except FileNotFoundError:
        return 0
    return 0 if progress is None else progress.published


def _peak_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def _ends(kafka: str, partitions: int) -> list[int]:
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "looking"})
    try:
        return [
            consumer.get_watermark_offsets(TopicPartition(TOPIC.name, each), timeout=10)[1]
            for each in range(partitions)
        ]
    finally:
        consumer.close()


def _seen(kafka: str, begins: list[int], partitions: int, source: str) -> Counter[str]:
    """How often each event id is on the topic."""
    seen: Counter[str] = Counter()
    ends = _ends(kafka, partitions)
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "reading", "enable.auto.commit": False})
    consumer.assign([TopicPartition(TOPIC.name, each, begins[each]) for each in range(partitions)])
    left = sum(ends) - sum(begins)
    while left > 0:
        for message in consumer.consume(10_000, timeout=10):
            left -= 1
            headers = dict(message.headers() or [])
            if headers["ce_source"] == source.encode():
                seen[str(headers["ce_id"])] += 1
    consumer.close()
    return seen
