"""What every processor is made with; one for each process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from streams.ground.settings import Settings
from streams.ground.topic import Topic
from streams.runtime.declaration import Declaration

if TYPE_CHECKING:
    from schemas.codec import Codec
    from streams.definitions.book import DefinitionBook
    from streams.ground.site import Site
    from streams.steps.declared import Step


@dataclass(frozen=True, kw_only=True)
class Context:
    """What every processor is made with. `declarations` are all there are, so that nobody has to import the list."""

    settings: Settings
    codec: Codec
    definitions: DefinitionBook
    declarations: tuple[Declaration, ...]
    site: Site
    steps: Mapping[str, Step[..., Any]] = field(default_factory=dict)  # of the user, hosted here

    def command_topics(self) -> Mapping[str, Topic]:
        """The topic of commands by function."""
        return {function.name: each.commands for each in self.declarations for function in each.functions}
