"""Where the models are: those of the site first, then those that come with the product."""

from __future__ import annotations

from pathlib import Path

from models.serving.shelf import BUNDLED
from streams.ground.settings import Settings

SITE_FOLDER = "models"


def folders(settings: Settings) -> tuple[Path, ...]:
    """The folders of models, the one that counts before the others first."""
    return settings.site_dir / SITE_FOLDER, BUNDLED
