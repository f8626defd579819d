"""Local servers for tests, with the downloads of whoever runs them: EXLIFY_CACHE_DIR and the mirror count here, too."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from infra.local.progress import Progress, silent
from infra.local.server import Server
from streams.catalogue import load_settings
from streams.ground.servers import ServerSettings

S = TypeVar("S", bound=Server)


def made(kind: type[S], folder: Path, progress: Progress = silent) -> S:
    """A server with its data in a folder."""
    ours = load_settings(warn=lambda _: None).of(ServerSettings)
    return kind(folder, ours.cache_dir, progress, mirror=ours.maven_repository)
