"""What a setting may be: how its text is read, and in which words people are told what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

YES, NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
_SERVER = re.compile(r"(\[[0-9A-Fa-f:]+\]|[^\s:/,@]+):\d{1,5}")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Kind:
    """How a text becomes a value; `read` raises ValueError for one that does not fit."""

    read: Callable[[str], Any]
    allowed: str  # goes after "Write "


def usual(default: object, choices: Sequence[str] = (), minimum: int | None = None, maximum: int | None = None) -> Kind:
    """The kind that fits the default."""
    if choices:
        return choice(choices)
    if isinstance(default, bool):
        return YES_OR_NO
    if isinstance(default, int):
        return whole(minimum, maximum)
    return PATH if isinstance(default, Path) else TEXT


def whole(minimum: int | None, maximum: int | None) -> Kind:
    """Whole numbers within bounds."""
    bounds = " to ".join(f"{bound:,}" for bound in (minimum, maximum) if bound is not None)
    words = {(True, True): f" from {bounds}", (True, False): f" from {bounds} up", (False, True): f" up to {bounds}"}
    wanted = words.get((minimum is not None, maximum is not None), "")

    def read(text: str) -> int:
        number = int(text)
        if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
            raise ValueError
        return number

    return Kind(read, f"a whole number{wanted}")


def choice(choices: Sequence[str]) -> Kind:
    """One of some words, in capitals or not."""
    by_folded = {each.casefold(): each for each in choices}

    def read(text: str) -> str:
        if (found := by_folded.get(text.strip().casefold())) is None:
            raise ValueError
        return found

    return Kind(read, " or ".join([", ".join(choices[:-1]), choices[-1]]))


def checked(fits: Callable[[str], object], allowed: str) -> Kind:
    """A text that passes a test."""

    def read(text: str) -> str:
        if not fits(text):
            raise ValueError
        return text

    return Kind(read, allowed)


def address(*schemes: str, besides: Sequence[str] = ()) -> Kind:
    """URLs of some schemes, with a host and without a password; and the words in `besides`."""
    examples = " or ".join([f"{scheme}://HOST[:PORT]" for scheme in schemes] + list(besides))
    return checked(lambda text: text in besides or is_address(text, schemes), examples)


def is_address(text: str, schemes: Sequence[str]) -> bool:
    """Whether it is a URL of one of the schemes that names a host and a port that can be, and no user or password."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  # raises ValueError for what is no port
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.hostname) and "@" not in parts.netloc and not re.search(r"\s", text)


def list_of(name: re.Pattern[str], allowed: str) -> Kind:
    """Items separated by commas, each of one pattern; blanks around them do not matter."""
    return checked(lambda text: all(name.fullmatch(item.strip()) for item in text.split(",") if item.strip()), allowed)


def _yes_or_no(text: str) -> bool:
    word = text.strip().casefold()
    if word not in (*YES, *NO):
        raise ValueError
    return word in YES


def _file(text: str) -> str:
    with Path(text).open("rb"):
        return text


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise ValueError
    return Path(text)


TEXT = Kind(str, "a text")
PATH = Kind(Path, "a path")
YES_OR_NO = Kind(_yes_or_no, "yes or no (true, on, 1; false, off, 0)")
FILE = Kind(_file, "the path of a file that can be read")
FOLDER = Kind(_folder, "the path of a folder that is there")
SERVERS = list_of(_SERVER, "HOST:PORT, several separated by commas")
NAME = checked(_NAME.fullmatch, "letters, digits, dots, hyphens and underscores")
PATTERNS = list_of(re.compile(r"[A-Za-z0-9._*-]+"), "names separated by commas; * stands for anything")
