"""What can be set about the read model."""

from __future__ import annotations

import re
from dataclasses import dataclass

from streams.ground.kinds import checked
from streams.ground.setting import Group, setting
from streams.ground.settings import Settings

_ADDRESS = re.compile(r"(sqlite|postgresql)(\+\w+)?://\S*")


@dataclass(frozen=True, kw_only=True)
class ViewSettings(Group):
    """The read model."""

    url: str = setting(
        "EXLIFY_VIEW_URL",
        "",
        "SQLAlchemy URL of the read model; default: SQLite in the data folder",
        kind=checked(_ADDRESS.fullmatch, "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"),
        secret=True,
    )


def read_model_url(settings: Settings) -> str:
    """SQLAlchemy URL of the read model."""
    return settings.of(ViewSettings).url or f"sqlite:///{(settings.data_dir / 'view.sqlite').absolute()}"
