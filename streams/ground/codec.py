"""The codec of a process: ids from the registry, or the committed ones where there is none."""

from __future__ import annotations

from schemas.codec import Codec
from schemas.registry import RegistryAccess
from streams.ground.settings import Settings


async def open_codec(settings: Settings) -> Codec:
    """The codec that the settings describe. Raises RegistryError where a registry does not answer as it should."""
    if not settings.has_registry:
        return Codec.offline()
    return await Codec.with_registry(
        RegistryAccess(settings.registry_url, settings.registry_user or None, settings.registry_password or None)
    )
