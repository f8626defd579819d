"""Unpacks a verified archive once, and again when anything that came out of it has changed."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from infra.local.artifacts import remove_leftovers, sha256
from infra.local.errors import explain_os_error
from infra.local.locking import exclusive


def unpack(archive: Path, cache_dir: Path) -> Path:
    """The folder with the contents of `archive` (a tar.gz); it is there completely or not at all.

    Raises LocalError for a disk that is full.
    """
    target = cache_dir / "unpacked" / archive.name.removesuffix(".tar.gz")
    try:
        with exclusive(cache_dir / "lock", wait=True):
            if not _is_intact(target):
                _unpack(archive, target)
    except OSError as error:
        raise explain_os_error(error, cache_dir) from error
    return target


def _unpack(archive: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(target.parent)
    with tempfile.TemporaryDirectory(prefix="staging-", dir=target.parent) as staging:
        contents = Path(staging, "contents")
        with tarfile.open(archive) as tar:
            if hasattr(tarfile, "data_filter"):  # the first releases of Python 3.11 know no filters
                tar.extraction_filter = tarfile.data_filter
            tar.extractall(contents)
        _manifest(target).write_text(json.dumps(_fingerprints(contents)))
        os.replace(contents, target)


def _is_intact(target: Path) -> bool:
    try:
        return bool(json.loads(_manifest(target).read_text()) == _fingerprints(target))
    except (FileNotFoundError, ValueError):
        return False


def _manifest(target: Path) -> Path:
    return target.with_name(f"{target.name}.manifest.json")


def _fingerprints(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path) for path in files}
