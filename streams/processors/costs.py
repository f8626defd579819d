"""What a case costs: each try of a call by its connection, each decision by its model, each task by its team.

A call costs what `connections.yaml` says (`cost`), a decision what the model's card says (`cost`), people what
`teams.yaml` of the site folder says:

    manual-review:
      minute: 0.85     # what a minute of a person costs
      minutes: 4       # how long a task takes one; how long it lay before nobody is paid for

All in one currency, which is the site's own. What is not declared costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.catalogue import OPERATIONS
from connectors.hub.connections import named
from models.serving.card import read_card
from models.serving.errors import RefusedModelError
from models.serving.shelf import Shelf
from schemas.payload import Json
from streams.processors.call.connections import Addresses, price
from streams.processors.decide import DECIDE
from streams.processors.human import HUMAN

if TYPE_CHECKING:
    from streams.ground.site import Site
    from streams.ground.site_yaml import Part

FILE = "teams.yaml"
CALLS = frozenset(each.name for each in OPERATIONS)


@dataclass(frozen=True)
class Prices:
    """What is declared now, by name."""

    connections: Mapping[str, float] = field(default_factory=dict)  # of a call
    models: Mapping[str, float] = field(default_factory=dict)  # of a decision
    teams: Mapping[str, float] = field(default_factory=dict)  # of a task

    def of(self, function: str, arguments: Json) -> float:
        """What one try of a step costs that calls a function with these arguments."""
        if not isinstance(arguments, dict):
            return 0.0
        if function in CALLS:
            return sum(self.connections.get(name, 0.0) for name in set(named(arguments)))
        if function == DECIDE.name:
            return self.models.get(str(arguments.get("model")), 0.0)
        return self.teams.get(str(arguments.get("team")), 0.0) if function == HUMAN.name else 0.0


NOTHING = Prices()


class Costs:
    """Follows what is declared; whoever counts asks each time."""

    def __init__(self, addresses: Addresses, site: Site, shelf: Shelf) -> None:
        """Raises ConfigurationError where `teams.yaml` is faulty."""
        self._addresses = addresses
        self._teams = site.file(FILE, read_teams)
        self._shelf = shelf
        self._cards: dict[Path, float] = {}  # a version of a model never changes

    def prices(self) -> Prices:
        """What is declared now. Blocks."""
        self._shelf.look()
        pins = self._shelf.active.values()
        models = {pin.name: self._of_card(self._shelf.folder(pin.name, pin.version)) for pin in pins}
        return Prices(self._addresses.costs(), models, self._teams.value)

    def _of_card(self, folder: Path) -> float:
        if folder not in self._cards:
            try:
                self._cards[folder] = read_card(folder)[0].cost
            except RefusedModelError:
                return 0.0  # told by who decides with it
        return self._cards[folder]


def read_teams(document: Part | None) -> Mapping[str, float]:
    """What a task of each team costs, by `teams.yaml`; faults with their place."""
    found: dict[str, float] = {}
    for name, part in document.members().items() if document else ():
        members = part.only("minute", "minutes")
        for wanted in ("minute", "minutes"):
            if wanted not in members:
                part.fault(f"no `{wanted}`", "write what a minute costs, and how many minutes a task takes")
        found[name] = price(members["minute"]) * price(members["minutes"])
    return found
