"""Where the models are, those of the site first, then those that come with the product; and who may certify them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.serving.shelf import BUNDLED
from streams.ground.errors import ConfigurationError
from streams.ground.settings import Settings
from streams.processors import decide

if TYPE_CHECKING:
    from models.serving.signature import Trusted

SITE_FOLDER = "models"


def folders(settings: Settings) -> tuple[Path, ...]:
    """The folders of models, the one that counts before the others first."""
    return settings.site_dir / SITE_FOLDER, BUNDLED


def trusted(settings: Settings) -> Trusted | None:
    """The keys that a certificate has to be signed with; None where no site demands it. Raises ConfigurationError."""
    file = settings.of(decide.ModelSettings).certificate_keys
    if not file:
        return None
    from models.serving.signature import public_keys

    try:
        return public_keys(Path(file))
    except ValueError as error:
        raise ConfigurationError(f"EXLIFY_CERTIFICATE_KEYS: {error}") from None
