"""What every processor is made with; one for each process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from streams.ground.settings import Settings
from streams.ground.topic import Topic
from streams.runtime.declaration import Declaration, loaded

if TYPE_CHECKING:
    from schemas.codec import Codec
    from schemas.payload import Payload
    from streams.definitions.book import DefinitionBook
    from streams.ground.site import Site
    from streams.processors.decide.states import ModelBook
    from streams.steps.declared import Step


class Pins(Protocol):
    """Says what the commands of a processor are pinned to."""

    async def open(self) -> None:
        """Gets to know what is in force."""

    async def close(self) -> None:
        """Follows it no longer."""

    def pin(self, arguments: Payload, at_ms: int) -> str | None:
        """What a command with these arguments, made at this time (epoch), is to use; None where that cannot be said."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What every processor is made with. `declarations` are all there are, so that nobody has to import the list."""

    settings: Settings
    codec: Codec
    definitions: DefinitionBook
    declarations: tuple[Declaration, ...]
    site: Site
    models: ModelBook
    steps: Mapping[str, Step[..., Any]] = field(default_factory=dict)  # of the user, hosted here

    def command_topics(self) -> Mapping[str, Topic]:
        """The topic of commands by function."""
        return {function.name: each.commands for each in self.declarations for function in each.functions}

    def pins(self) -> Mapping[str, Pins]:
        """What pins the commands of a function, by function; made anew with every call."""
        made = {each.name: loaded(each.pins)(self) for each in self.declarations if each.pins}
        return {
            function.name: made[each.name] for each in self.declarations if each.pins for function in each.functions
        }
