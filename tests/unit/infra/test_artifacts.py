"""Artifacts: what runs is what the lock names, whatever happened to the download or the cache."""

from __future__ import annotations

import hashlib
import io
import json
import ssl
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.local import ports
from infra.local.archive import unpack
from infra.local.artifacts import fetch
from infra.local.errors import LocalError
from tests.support.certificates import Authority

CONTENT = b"the bytes of a jar"


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        return None


@dataclass(frozen=True)
class Repository:
    """Where the artifact's file lies, and where it is served."""

    file: Path
    url: str


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """A Maven repository on loopback with one artifact."""
    file = tmp_path / "repository" / "org" / "example" / "thing" / "1.0" / "thing-1.0.jar"
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    server = ThreadingHTTPServer((ports.LOOPBACK, 0), partial(QuietHandler, directory=str(tmp_path / "repository")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Repository(file, f"http://{ports.LOOPBACK}:{server.server_port}")
    server.shutdown()
    server.server_close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "lock.json"
    row = {
        "group": "org.example",
        "artifact": "thing",
        "version": "1.0",
        "classifier": "",
        "packaging": "jar",
        "size": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }
    file.write_text(json.dumps({"server": [row]}))
    return file


def test_absent_artifact_is_downloaded_once(repository: Repository, lock: Path, tmp_path: Path) -> None:
    (path,) = fetch(["server"], tmp_path / "cache", mirror=repository.url, lock_file=lock)
    assert path.read_bytes() == CONTENT
    repository.file.unlink()
    assert fetch(["server"], tmp_path / "cache", mirror=repository.url, lock_file=lock) == [path]


def test_damaged_cache_file_is_replaced(repository: Repository, lock: Path, tmp_path: Path) -> None:
    (path,) = fetch(["server"], tmp_path / "cache", mirror=repository.url, lock_file=lock)
    path.write_bytes(CONTENT[::-1])
    fetch(["server"], tmp_path / "cache", mirror=repository.url, lock_file=lock)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("wrong", [CONTENT[::-1], CONTENT[:-1], b""])
def test_download_that_differs_is_refused(wrong: bytes, repository: Repository, lock: Path, tmp_path: Path) -> None:
    repository.file.write_bytes(wrong)
    with pytest.raises(LocalError, match=r"thing-1\.0\.jar: the download differs .* Start again"):
        fetch(["server"], tmp_path / "cache", mirror=repository.url, lock_file=lock)
    assert not list((tmp_path / "cache").rglob("*.jar"))


def test_missing_network_is_one_line_with_remedy(lock: Path, tmp_path: Path) -> None:
    nobody = f"http://{ports.LOOPBACK}:{ports.new(1)[0]}"
    with pytest.raises(LocalError, match="needs a network; or set EXLIFY_CACHE_DIR") as caught:
        fetch(["server"], tmp_path / "cache", mirror=nobody, lock_file=lock)
    assert "\n" not in str(caught.value)


def test_certificate_that_is_not_trusted_is_named_with_what_to_set(lock: Path, tmp_path: Path) -> None:
    issued = Authority().issue(ports.LOOPBACK)
    (tmp_path / "own.pem").write_text(issued.certificate + issued.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem")
    server = ThreadingHTTPServer((ports.LOOPBACK, 0), QuietHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.raises(LocalError, match=r"is not trusted: .* in REQUESTS_CA_BUNDLE"):
        fetch(["server"], tmp_path / "cache", mirror=f"https://{ports.LOOPBACK}:{server.server_port}", lock_file=lock)
    server.shutdown()
    server.server_close()


def test_absent_file_names_the_repository_as_reason(repository: Repository, lock: Path, tmp_path: Path) -> None:
    repository.file.unlink()
    with pytest.raises(LocalError, match="the repository does not have it"):
        fetch(["server"], tmp_path / "cache", mirror=repository.url, lock_file=lock)


def test_progress_adds_up_to_all_bytes(repository: Repository, lock: Path, tmp_path: Path) -> None:
    seen = Meter()
    fetch(["server"], tmp_path / "cache", seen, repository.url, lock)
    assert (seen.total_bytes, seen.done_bytes) == (len(CONTENT), len(CONTENT))


def test_changed_file_is_unpacked_anew(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "thing.tar.gz", {"lib/a.jar": b"a", "lib/b.jar": b"b"})
    folder = unpack(archive, tmp_path / "cache")
    (folder / "lib" / "a.jar").write_bytes(b"damaged")
    (folder / "lib" / "b.jar").unlink()
    assert unpack(archive, tmp_path / "cache") == folder
    assert (folder / "lib" / "a.jar").read_bytes() == b"a"
    assert (folder / "lib" / "b.jar").exists()


def test_python_without_filters_unpacks_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As its first releases of 3.11, which Debian 12 has."""
    extract = tarfile.TarFile.extractall
    monkeypatch.setattr(tarfile.TarFile, "extractall", lambda tar, path: extract(tar, path))
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    archive = _archive(tmp_path / "thing.tar.gz", {"a.jar": b"a"})
    assert (unpack(archive, tmp_path / "cache") / "a.jar").read_bytes() == b"a"


@pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="this Python knows no filters")
def test_filter_keeps_what_leaves_the_folder_out(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "thing.tar.gz", {"../../outside": b"a"})
    with pytest.raises(tarfile.OutsideDestinationError):
        unpack(archive, tmp_path / "cache")


def test_intact_folder_is_not_unpacked_again(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "thing.tar.gz", {"a.jar": b"a"})
    folder = unpack(archive, tmp_path / "cache")
    archive.unlink()
    assert unpack(archive, tmp_path / "cache") == folder


class Meter:
    """A progress display that counts."""

    def __init__(self) -> None:
        self.total_bytes = 0
        self.done_bytes = 0

    def __call__(self, title: str, total_bytes: int) -> Meter:
        self.total_bytes = total_bytes
        return self

    def __enter__(self) -> Meter.Advance:
        return Meter.Advance(self)

    def __exit__(self, *exc: object) -> None:
        return None

    class Advance:
        def __init__(self, meter: Meter) -> None:
            self._meter = meter

        def __call__(self, size_bytes: int) -> None:
            self._meter.done_bytes += size_bytes


def _archive(path: Path, contents: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path
