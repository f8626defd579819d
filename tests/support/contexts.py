"""What a processor is made with, in a test."""

from __future__ import annotations

from schemas.codec import Codec
from streams.definitions.book import DefinitionBook
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.processors import ALL
from streams.processors.context import Context
from streams.processors.decide.places import folders
from streams.processors.decide.states import ModelBook
from streams.steps.loading import Steps
from tests.support.definitions import empty_book


def context(
    codec: Codec | None = None,
    settings: Settings | None = None,
    definitions: DefinitionBook | None = None,
    steps: Steps = (),
    models: ModelBook | None = None,
) -> Context:
    """A context of real parts, the committed ids and the default settings unless given."""
    given = settings or Settings()
    return Context(
        settings=given,
        codec=codec or Codec.offline(),
        definitions=definitions or empty_book(),
        declarations=ALL,
        site=Site(given.site_dir),
        steps={step.name: step for step in steps},
        models=models or ModelBook(folders(given)),
    )
