"""Where the models are, those of the site first, then those of its store and those that come with the product; and who
may certify them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.serving.shelf import BUNDLED
from streams.ground.errors import ConfigurationError
from streams.ground.settings import Settings
from streams.processors import decide

if TYPE_CHECKING:
    from models.serving.signature import Trusted
    from models.serving.store import Store

SITE_FOLDER = "models"


def folders(settings: Settings) -> tuple[Path, ...]:
    """The folders of models, the one that counts before the others first."""
    brought = (brought_to(settings),) if settings.of(decide.ModelSettings).store else ()
    return settings.site_dir / SITE_FOLDER, *brought, BUNDLED


def brought_to(settings: Settings) -> Path:
    """Where the models of the store are on this machine."""
    return settings.data_dir / SITE_FOLDER


def store(settings: Settings) -> Store | None:
    """What brings the models of the store; None where the site has none."""
    asked = settings.of(decide.ModelSettings)
    found = decide.STORE.fullmatch(asked.store)
    if found is None:
        return None
    from models.serving.store import Address, Store

    return Store(
        Address(
            found["bucket"],
            found["prefix"] or "",
            asked.store_endpoint,
            asked.store_region,
            asked.store_key,
            asked.store_secret,
        ),
        brought_to(settings),
    )


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
