"""The models at hand, loaded: those that are active, and others that are asked for by their version.

A model that cannot be used is out, alone, and for as long as its files stay as they are; `look` takes notice of files
that have changed, so the right file puts it back. Versions that are not active any more stay loaded for a while:
commands that were made before a change ask for them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from models.serving.card import CARD_FILE, MODEL_FILE
from models.serving.certificate import CERTIFICATE_FILE
from models.serving.errors import ChangedModelError, RefusedModelError
from models.serving.held import Why
from models.serving.predict import Model
from models.serving.shelf import BUNDLED, Fault, Pin, Shelf
from models.serving.signature import Trusted

FOLDER = BUNDLED
FILES = (CARD_FILE, MODEL_FILE, CERTIFICATE_FILE)
KEPT = 32  # versions in memory beside the active ones

_Files = tuple[tuple[int, ...] | None, ...]
_Loaded = Model | RefusedModelError


class Registry:
    """Models by name and version, each loaded once for as long as its files do not change."""

    def __init__(self, *folders: Path, shelf: Shelf | None = None) -> None:
        """Of folders, or of a shelf that says more. Without either: the models that come with the product."""
        self.shelf = shelf or Shelf(folders or (BUNDLED,))
        self._loaded: dict[tuple[str, str], tuple[_Files, _Loaded]] = {}
        self._seen: dict[tuple[str, str], _Files] = {}
        self._loading = threading.Lock()

    @property
    def names(self) -> list[str]:
        """Names of all models that can be asked."""
        return sorted(self.shelf.active)

    def get(self, name: str, version: str | None = None) -> Model:
        """A version of a model, the active one unless said; from memory after the first time.

        Raises UnknownModelError for a name that is not there, RefusedModelError if its files must not be used.
        """
        if version:
            place = name, version
        else:
            pin = self.shelf.pin(name)
            if pin is None:
                raise RefusedModelError(f"{self.shelf.faults[0].file}: {self.shelf.faults[0].reason}")
            place = pin.name, pin.version
        loaded = self._loaded.get(place) or self._load(place)
        if isinstance(loaded[1], RefusedModelError):
            raise loaded[1].with_traceback(None)
        return loaded[1]

    def usable(self, model: str) -> bool:
        """Whether a model, `name` or `name@version`, can be used or is worth asking for: its files may have changed."""
        name, _, version = model.partition("@")
        pin = Pin(name, version) if version else self.shelf.active.get(name)
        return pin is not None and isinstance(self._loaded.get(pin[:2], (None, None))[1], Model)

    def load_all(self) -> list[Fault]:
        """Loads every active model, so that a bad one is found at the start and not by a case; gives what is bad."""
        for pin in self.shelf.wanted():
            if pin[:2] not in self._loaded:
                self._load(pin[:2])
        return self.faults

    def look(self) -> list[Fault]:
        """Takes notice of what has changed on disk, once it has stayed the same for two looks; gives what is bad.

        For a thread of its own: loading takes some milliseconds, and meanwhile the loaded model goes on deciding.
        """
        self.shelf.look()
        wanted = [pin[:2] for pin in self.shelf.wanted()]
        for place in dict.fromkeys([*wanted, *self._loaded]):
            files, known = self._files(place), self._loaded.get(place)
            if known is None or (known[0] != files == self._seen.get(place)):
                self._load(place)
            self._seen[place] = files
        for place in [place for place in self._loaded if place not in wanted][:-KEPT]:
            del self._loaded[place], self._seen[place]
        return self.faults

    @property
    def faults(self) -> list[Fault]:
        """What cannot be used now, by model, file and reason."""
        active = self.shelf.active.values()
        pins = [pin for pin in active if pin.state != "retired" and pin[:2] in self._loaded]
        said = [("@".join(pin[:2]), self._fault(pin, self._loaded[pin[:2]][1])) for pin in pins]
        return self.shelf.faults + [Fault(model, *reason.split(": ", 1)) for model, reason in said if reason]

    def _fault(self, pin: Pin, loaded: _Loaded) -> str | None:
        """What is wrong with files, `file: reason`."""
        if isinstance(loaded, RefusedModelError):
            return str(loaded)
        closed = loaded.band.closed
        if closed and closed.why is Why.CHANGED:
            return closed.text.split(": ", 1)[1]
        changed = loaded.changed(pin.sha256)
        return f"{self.shelf.folder(*pin[:2])}: {changed.text.split(': ', 1)[1]}" if changed else None

    def _load(self, place: tuple[str, str]) -> tuple[_Files, _Loaded]:
        with self._loading:
            files = self._files(place)
            loaded: _Loaded
            try:
                loaded = _loaded(self.shelf.folder(*place), self.shelf.trusted)
            except RefusedModelError as error:
                loaded = error
            self._loaded[place] = files, loaded
            return files, loaded

    def _files(self, place: tuple[str, str]) -> _Files:
        """What tells whether files are the same; the time of the last change of a file cannot be set by its owner."""
        return _signature([self.shelf.folder(*place) / name for name in FILES])


def _loaded(folder: Path, trusted: Trusted | None) -> Model:
    try:
        return Model.load(folder, trusted)
    except ChangedModelError as error:
        return Model.closed(folder, str(error))


def _signature(paths: Sequence[Path]) -> _Files:
    found: list[tuple[int, ...] | None] = []
    for path in paths:
        try:
            stat = path.stat()
        except OSError:
            found.append(None)
        else:
            found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
    return tuple(found)
