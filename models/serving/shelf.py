"""Where models stand and which version of a name decides. Light: reads names and `active.toml`, and loads no model.

A folder of models holds versions as `<name>/<version>/`, and `active.toml` says which version of a name decides.
Several folders count together: what the first has to say of a name hides what the others say of it. A file that cannot
be read leaves in force what it said before.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from models.serving.errors import UnknownModelError

if TYPE_CHECKING:
    from models.serving.signature import Trusted
    from models.serving.store import Store

State = Literal["active", "suspended", "retired"]
STATES: tuple[State, ...] = ("active", "suspended", "retired")
BUNDLED = Path(__file__).parents[1] / "registry"
ACTIVE_FILE = "active.toml"
STORE = "(store)"  # what a fault of the store is about; no name of a model
MAX_ACTIVE_BYTES = 256 * 1024

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Rival(NamedTuple):
    """A version that is tried beside the one that decides. It decides `share` per cent of the cases; with 0 none."""

    version: str
    sha256: str = ""
    share: int = 0

    @property
    def words(self) -> str:
        """For people."""
        part = f"decides {self.share} %" if self.share else "is a shadow"
        return f"{self.version} {part} beside it"


class Pin(NamedTuple):
    """Which version is to decide, and how; the hash over its files is empty where nobody has stated one."""

    name: str
    version: str
    sha256: str = ""
    state: State = "active"
    rival: Rival | None = None
    audit: int = 0  # per cent of what it decides alone that a person looks at, too, without seeing its score

    @property
    def text(self) -> str:
        """As a command carries it."""
        written = f"{self.name}@{_placed(self)}" + ("" if self.state == "active" else f"!{self.state}")
        written = written if self.rival is None else f"{written}~{_placed(self.rival)}%{self.rival.share}"
        return f"{written}+{self.audit}" if self.audit else written


@lru_cache(maxsize=1024)
def read_pin(text: str) -> Pin:
    """The pin that a text spells out; all commands of a time have the same. Raises ValueError where it is none."""
    asked, _, audit = text.partition("+")
    decides, _, beside = asked.partition("~")
    rest, _, state = decides.partition("!")
    place, _, sha256 = rest.partition("#")
    name, _, version = place.partition("@")
    if state not in ("", "suspended"):
        raise ValueError("no state that a command can be made in")
    rival = _rival(beside) if beside else None
    pin = Pin(name, version, sha256, "suspended" if state else "active", rival, int(audit or 0))
    if not 0 <= pin.audit <= 100:
        raise ValueError("no share of audits")
    if not (is_word(name) and is_word(version) and (not sha256 or _SHA256.fullmatch(sha256))):
        raise ValueError("no pin of a model")
    return pin


def _rival(text: str) -> Rival:
    place, _, share = text.partition("%")
    version, _, sha256 = place.partition("#")
    rival = Rival(version, sha256, int(share))
    if not (is_word(version) and (not sha256 or _SHA256.fullmatch(sha256)) and 0 <= rival.share <= 100):
        raise ValueError("no pin of a challenger")
    return rival


def _placed(pin: Pin | Rival) -> str:
    return f"{pin.version}#{pin.sha256}" if pin.sha256 else pin.version


def is_word(text: object) -> bool:
    """Whether it may be the name of a model, or of a version: both are names of folders, and lead nowhere else."""
    return isinstance(text, str) and _WORD.fullmatch(text) is not None


class Fault(NamedTuple):
    """Something of the models that cannot be used."""

    model: str  # `name@version`; the file's name where it is not about one model
    file: str
    reason: str


@dataclass
class _Folder:
    path: Path
    active: dict[str, Pin] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def look(self) -> None:
        """Reads `active.toml` again."""
        path = self.path / ACTIVE_FILE
        try:
            with path.open("rb") as file:
                text = file.read(MAX_ACTIVE_BYTES + 1)
            found = _entries(text)
        except FileNotFoundError:
            self.active, self.faults = {}, []
        except (OSError, ValueError, RecursionError) as error:
            said = error.strerror if isinstance(error, OSError) else _said(error)
            self.faults = [Fault(ACTIVE_FILE, str(path), f"{said}. Correct the file.")]
        else:
            pins = {name: _pin(name, entry) for name, entry in found.items()}
            self.active = {name: pin for name, pin in pins.items() if isinstance(pin, Pin)}
            wrong = {name: reason for name, reason in pins.items() if isinstance(reason, str)}
            self.faults = [Fault(name if is_word(name) else "?", str(path), reason) for name, reason in wrong.items()]


class Shelf:
    """Folders of models together."""

    def __init__(
        self, folders: Sequence[Path] = (BUNDLED,), trusted: Trusted | None = None, store: Store | None = None
    ) -> None:
        """Reads what they say at once. With `trusted`, certificates have to be signed by one of these keys; `store` is
        what brings models to one of the folders."""
        self.trusted = trusted
        self.store = store
        self._folders = [_Folder(path) for path in folders]
        self._read()

    def look(self) -> None:
        """Reads again what they say, after bringing what is new at the store. That blocks, for seconds at the worst."""
        if self.store is not None:
            self.store.look()
        self._read()

    def _read(self) -> None:
        for each in self._folders:
            each.look()

    @property
    def active(self) -> Mapping[str, Pin]:
        """The version of each name that decides."""
        return {name: pin for each in reversed(self._folders) for name, pin in each.active.items()}

    @property
    def faults(self) -> list[Fault]:
        """What cannot be used of what they say."""
        found = [fault for each in self._folders for fault in each.faults]
        if self.store is not None and self.store.fault is not None:
            place, _, reason = self.store.fault.partition(": ")
            found.append(Fault(STORE, place, reason))
        return found

    def pin(self, name: str) -> Pin | None:
        """The version of a name that decides; None while the file that would say it cannot be used.

        Raises UnknownModelError for a name that nobody knows.
        """
        active = self.active
        if name in active and active[name].state != "retired":
            return active[name]
        if any(fault.model in (name, ACTIVE_FILE) for fault in self.faults):
            return None
        known = f"Name one of {', '.join(sorted(active))}." if active else "Activate one first."
        raise UnknownModelError(f"There is no such model. {known}")

    def wanted(self) -> list[Pin]:
        """Versions that commands may ask for now."""
        return with_rivals(pin for pin in self.active.values() if pin.state != "retired")

    def folder(self, name: str, version: str) -> Path:
        """Where a version is, or would be."""
        return folder_of([each.path for each in self._folders], name, version)

    def versions(self) -> list[tuple[str, str]]:
        """Name and version of everything at hand."""
        found = {
            (card.parent.parent.name, card.parent.name)
            for each in self._folders
            for card in each.path.glob("*/*/card.toml")
        }
        return sorted(pair for pair in found if all(map(is_word, pair)))


def folder_of(folders: Sequence[Path], name: str, version: str) -> Path:
    """Where a version is in folders of models, or would be."""
    places = [folder / name / version for folder in folders]
    return next((place for place in places if place.is_dir()), places[0])


def with_rivals(pins: Iterable[Pin]) -> list[Pin]:
    """Pins, each followed by that of its challenger."""
    both = ((pin, Pin(pin.name, pin.rival.version, pin.rival.sha256) if pin.rival else None) for pin in pins)
    return [each for pair in both for each in pair if each is not None]


def _entries(text: bytes) -> dict[str, Any]:
    if len(text) > MAX_ACTIVE_BYTES:
        raise ValueError(f"more than {MAX_ACTIVE_BYTES:,} bytes")
    found = tomllib.loads(text.decode()).get("active", {})
    if not isinstance(found, dict):
        raise ValueError("`active` is no section")
    return found


def _pin(name: str, entry: object) -> Pin | str:
    """What an entry of `active.toml` says, or what is wrong with it."""
    given = entry if isinstance(entry, dict) else {"version": entry}
    version, sha256, state = given.get("version"), given.get("sha256", ""), given.get("state", "active")
    audit = given.get("audit", 0)
    if not (isinstance(version, str) and is_word(version) and is_word(name)):
        return "a name or version that is none: letters, digits, dots and hyphens, as text. Correct the line."
    if not isinstance(sha256, str) or (sha256 and not _SHA256.fullmatch(sha256)):
        return "a sha256 that is none. Give 64 hex digits, or leave it out."
    if state not in STATES:
        return f"a state that is none. Give one of {', '.join(STATES)}, or leave it out."
    if not isinstance(audit, int) or not 0 <= audit <= 100:
        return "an audit that is none. Give a whole number of per cent to 100, or leave it out."
    beside = given.get("challenger")
    if beside is None:
        return Pin(name, version, sha256, state, None, audit)
    if not isinstance(beside, dict):
        beside = {}
    try:
        rival = _rival("{version}#{sha256}%{share}".format(**{"sha256": "", "share": 0, **beside}))
    except (ValueError, TypeError, KeyError):
        return "a challenger that is none. Give it version, sha256 and share, a whole number to 100, or leave it out."
    return Pin(name, version, sha256, state, rival, audit)


def _said(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return " ".join(str(error).split())[:300] or "nested too deep"
