"""Where the servers come from: pinned files of a public repository, each checked against `artifacts.lock.json`.

A file is downloaded once per user into a staging folder, compared with its size and SHA-256, and only then moved to
its place in the cache. After that no network is needed. What lies in the cache is hashed again at each start (a
gigabyte a second): a damaged file is replaced, not run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from infra.local.download import NotDownloadable, download
from infra.local.errors import LocalError, explain_os_error
from infra.local.locking import exclusive
from infra.local.progress import Progress, silent

LOCK_FILE = Path(__file__).with_name("artifacts.lock.json")
DOWNLOADS_AT_ONCE = 4


@dataclass(frozen=True)
class Artifact:
    """One file of the lock: Maven coordinates, size in bytes, SHA-256 in hex."""

    group: str
    artifact: str
    version: str
    classifier: str
    packaging: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        """The file's name in the repository and in the cache."""
        suffix = f"-{self.classifier}" if self.classifier else ""
        return f"{self.artifact}-{self.version}{suffix}.{self.packaging}"

    def path(self, cache_dir: Path) -> Path:
        """Where the file lies in the cache."""
        return cache_dir / "artifacts" / self.group / self.version / self.filename

    def is_intact(self, path: Path) -> bool:
        """Whether `path` holds exactly the bytes that the lock names."""
        try:
            return path.stat().st_size == self.size and sha256(path) == self.sha256
        except FileNotFoundError:
            return False


def locked(name: str, lock_file: Path = LOCK_FILE) -> list[Artifact]:
    """The artifacts of `kafka`, `registry` or `jmx`, which tells the broker's figures, in the order of the lock."""
    return [Artifact(**row) for row in json.loads(lock_file.read_text())[name]]


def default_cache_dir() -> Path:
    """`exlify` in this user's folder for caches."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "exlify"


def fetch(
    names: Iterable[str],
    cache_dir: Path,
    progress: Progress = silent,
    mirror: str = "",
    lock_file: Path = LOCK_FILE,
) -> list[Path]:
    """The verified files of the servers `names`, in the order of the lock; what is absent or damaged is downloaded.

    Raises LocalError where something is absent and cannot be downloaded, for a download that differs from the lock,
    and for a disk that is full.
    """
    wanted = [artifact for name in names for artifact in locked(name, lock_file)]
    try:
        with exclusive(cache_dir / "lock", wait=True):
            missing = [a for a in wanted if not a.is_intact(a.path(cache_dir))]
            if missing:
                remove_leftovers(cache_dir)
                _fetch_missing(missing, cache_dir, progress, mirror)
    except OSError as error:
        raise explain_os_error(error, cache_dir) from error
    return [artifact.path(cache_dir) for artifact in wanted]


def _fetch_missing(missing: list[Artifact], cache_dir: Path, progress: Progress, mirror: str) -> None:
    total_bytes = sum(artifact.size for artifact in missing)
    with (
        progress(f"Fetching {_files(len(missing))} for the local servers", total_bytes) as advance,
        tempfile.TemporaryDirectory(prefix="staging-", dir=cache_dir) as staging,
        ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool,
    ):
        pending = [pool.submit(_fetch_one, artifact, Path(staging), cache_dir, mirror, advance) for artifact in missing]
        try:
            for future in pending:
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _fetch_one(wanted: Artifact, staging: Path, cache_dir: Path, mirror: str, advance: Callable[[int], None]) -> None:
    coordinates = (wanted.group, wanted.artifact, wanted.version, wanted.classifier, wanted.packaging)
    try:
        staged = download(*coordinates, staging, advance, mirror)
    except NotDownloadable as reason:
        raise LocalError(
            f"{wanted.filename}: not in {cache_dir}, and the download failed ({reason})."
            " The first start needs a network; or set EXLIFY_CACHE_DIR to a folder that has the files."
        ) from reason
    if not wanted.is_intact(staged):
        raise LocalError(
            f"{wanted.filename}: the download differs from {LOCK_FILE.name} (size or SHA-256), so it was thrown away."
            " Start again; if it stays so, something between here and the repository changes files."
        )
    target = wanted.path(cache_dir)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(staged, target)


def remove_leftovers(folder: Path) -> None:
    """Removes what an interrupted start left; only for the holder of the folder's lock."""
    for staging in folder.glob("staging-*"):
        shutil.rmtree(staging, ignore_errors=True)


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
