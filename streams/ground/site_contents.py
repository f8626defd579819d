"""What a site folder holds, file by file: names and digests, never what is in them.

Secrets stand in files that others refer to, and are none of these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

FILES = (
    "connections.yaml", "hooks.yaml", "channels.yaml", "calendars.yaml", "teams.yaml", "people.yaml", "files.yaml",
    "messages.yaml", "rows.yaml", "secrets.yaml",
)  # fmt: skip
FOLDERS: Mapping[str, tuple[str, ...]] = {
    "workflows": ("*.yaml", "*.yml"),
    "mappings": ("*.yaml",),
    "rules": ("*.yaml",),
    "templates": ("*",),
    "schemas": ("*.avsc", "*.json"),
    "steps": ("**/*.py",),
    "models": ("*.toml", "*/*.toml", "*/*/*.toml"),  # cards, which have the digests of what lies beside them
    "trainers": ("*/*.py", "*/*.toml"),
}
MOST = 5_000
UNREADABLE = "cannot be read"


def contents(folder: Path) -> dict[str, str]:
    """The beginning of the digest of every file, by its name."""
    return {str(each.relative_to(folder)): _digest(each) for each in islice(_files(folder), MOST)}


def _files(folder: Path) -> Iterator[Path]:
    yield from (each for name in FILES if (each := folder / name).is_file())
    for name, patterns in FOLDERS.items():
        found = {each for pattern in patterns for each in (folder / name).glob(pattern)}
        yield from sorted(each for each in found if each.is_file() and not _hidden(each.relative_to(folder)))


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.parts[:-1]) or path.name.startswith(".")


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()[:12]
    except OSError:
        return UNREADABLE
