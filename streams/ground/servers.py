"""Where the servers of a local system come from; `exlify up` hands it to infra/local, which knows no settings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from streams.ground.kinds import PATH, checked
from streams.ground.setting import Group, setting


@dataclass(frozen=True, kw_only=True)
class ServerSettings(Group):
    """Local servers."""

    cache_dir: Path | None = setting(
        "EXLIFY_CACHE_DIR",
        None,
        "Folder that keeps what was downloaded; default: `exlify` in your folder for caches",
        kind=PATH,
    )
    maven_repository: str = setting(
        "EXLIFY_MAVEN_REPOSITORY",
        "",
        "Mirror that the servers are downloaded from, where a site has one",
        kind=checked(re.compile(r"https?://\S+").fullmatch, "http://HOST[:PORT] or https://HOST[:PORT]"),
    )
