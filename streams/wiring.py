"""Puts the processors of a worker together; nothing else builds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from schemas.codec import Codec
from schemas.registry import RegistryAccess
from streams.definitions import DefinitionFeed
from streams.ground.errors import UsageError
from streams.ground.settings import Settings
from streams.runtime.processor import Processor

Maker = Callable[[Settings, Codec, DefinitionFeed], Processor]


def _intake(settings: Settings, codec: Codec, feed: DefinitionFeed) -> Processor:
    from streams.processors.intake.processor import Intake

    return Intake(settings, codec, feed)


def _orchestrate(settings: Settings, codec: Codec, feed: DefinitionFeed) -> Processor:
    from streams.processors.orchestrate.processor import Orchestrate

    return Orchestrate(settings, codec, feed)


def _decide(settings: Settings, codec: Codec, feed: DefinitionFeed) -> Processor:
    from streams.processors.decide.processor import Decide

    return Decide(codec)


def _call(settings: Settings, codec: Codec, feed: DefinitionFeed) -> Processor:
    from streams.processors.call.processor import CallProcessor

    return CallProcessor(settings, codec)


def _human(settings: Settings, codec: Codec, feed: DefinitionFeed) -> Processor:
    from streams.processors.human.processor import HumanProcessor

    return HumanProcessor(codec)


def _view(settings: Settings, codec: Codec, feed: DefinitionFeed) -> Processor:
    from streams.processors.view.processor import View

    return View(settings, codec)


# Imports stand inside the makers: a worker loads only what it hosts (onnxruntime alone is 60 MB).
PROCESSORS: dict[str, Maker] = {
    "intake": _intake,
    "orchestrate": _orchestrate,
    "decide": _decide,
    "call": _call,
    "human": _human,
    "view": _view,
}


async def make_codec(settings: Settings) -> Codec:
    """The codec of this process: ids from the registry, or the committed ones without a registry."""
    if not settings.has_registry:
        return Codec.offline()
    return await Codec.with_registry(
        RegistryAccess(settings.registry_url, settings.registry_user or None, settings.registry_password or None)
    )


def make_processors(names: Sequence[str], settings: Settings, codec: Codec, feed: DefinitionFeed) -> list[Processor]:
    """The named processors. Raises UsageError for a name that is none."""
    unknown = [name for name in names if name not in PROCESSORS]
    if unknown:
        raise UsageError(f"no processor named {', '.join(unknown)}. There are: {', '.join(PROCESSORS)}.")
    return [PROCESSORS[name](settings, codec, feed) for name in names]
