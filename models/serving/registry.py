"""The models at hand: `<name>/<version>/` holds a version, `active.toml` says which version of a name decides.

A version is never changed once it has decided anything; a better model gets the next number.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from models.serving.errors import UnknownModelError
from models.serving.predict import Model

FOLDER = Path(__file__).parents[1] / "registry"
ACTIVE_FILE = "active.toml"


class Registry:
    """Active models by name, each loaded once."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._active: dict[str, str] = tomllib.loads((folder / ACTIVE_FILE).read_text())["active"]
        self._models: dict[str, Model] = {}

    @property
    def names(self) -> list[str]:
        """Names of all models that can be asked."""
        return sorted(self._active)

    def get(self, name: str) -> Model:
        """The active version of a model, from memory after the first time.

        Raises UnknownModelError for a name that is not there, RefusedModelError if its files must not be used.
        """
        if (model := self._models.get(name)) is None:
            if name not in self._active:
                raise UnknownModelError(f"There is no such model. Name one of {', '.join(self.names)}.")
            model = self._models[name] = Model.load(self._folder / name / self._active[name])
        return model

    def load_all(self) -> None:
        """Loads every active model, so that a bad one is found at the start and not by a case."""
        for name in self.names:
            self.get(name)
