"""The recipes of CONTRIBUTING.md, read strictly: which text goes to which place of which file.

A recipe is a section below `## Recipes`. Each of its blocks follows a line that ends with one of these sentences:

    New file `PATH`:
    In `PATH`, before `BEGINNING OF A LINE`:      after, or instead of
    At the end of `PATH`:

The beginning is that of exactly one line of the file, without its indentation. Blocks of `sh` are for reading. What the
section says under "By hand" is compared with the files that its blocks name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_PLACE = re.compile(
    r"(?:New file `(?P<new>[^`]+)`"
    r"|At the end of `(?P<end>[^`]+)`"
    r"|[Ii]n `(?P<path>[^`]+)`, (?P<where>before|after|instead of) `(?P<anchor>[^`]+)`):$"
)
_FENCED = re.compile(r"^([^\n]*)\n\n```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BY_HAND = re.compile(r"^By hand: (\d+) files?(?:, and (\d+) of tests)?\.", re.MULTILINE)


class PageError(Exception):
    """The page does not say where a block goes, or says it of a file that has no such place."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One block: a text, and its place."""

    path: str
    where: str  # new, end, before, after or instead of
    anchor: str
    text: str

    def apply(self, root: Path) -> None:
        """Writes it into the tree. Raises PageError where its place is not there, or there twice."""
        file = root / self.path
        if file.exists() == (self.where == "new"):
            raise PageError(f"{self.path} is {'there already' if file.exists() else 'not there'}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.text if self.where == "new" else self._changed(file.read_text()))

    def _changed(self, text: str) -> str:
        lines = text.splitlines(keepends=True)
        if self.where == "end":
            return "".join([*lines, self.text])
        found = [number for number, line in enumerate(lines) if line.lstrip().startswith(self.anchor)]
        if len(found) != 1:
            raise PageError(f"{self.path}: {len(found)} lines begin with {self.anchor}")
        first = found[0] + (self.where == "after")
        last = found[0] + (self.where != "before")
        return "".join([*lines[:first], self.text, *lines[last:]])


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One section: what it is about, what it writes, and how many files it says that are."""

    name: str
    changes: tuple[Change, ...]
    said: tuple[int, int]  # files of the product, of tests

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that is written by hand, once."""
        return tuple(dict.fromkeys(change.path for change in self.changes))

    @property
    def by_hand(self) -> tuple[int, int]:
        """How many files are written by hand: of the product, of tests."""
        of_tests = sum(path.startswith("tests/") for path in self.paths)
        return len(self.paths) - of_tests, of_tests

    def apply(self, root: Path) -> None:
        """Writes all of it into the tree."""
        for change in self.changes:
            change.apply(root)


def recipes(page: str) -> dict[str, Recipe]:
    """The recipes of a page by name."""
    (part,) = re.findall(r"^## Recipes\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    sections = re.split(r"^### ", part, flags=re.MULTILINE)[1:]
    read = [_recipe(*section.split("\n", 1)) for section in sections]
    return {each.name: each for each in read}


def _recipe(name: str, section: str) -> Recipe:
    said = _BY_HAND.findall(section)
    if len(said) != 1:
        raise PageError(f"{name}: says {len(said)} times how many files are written by hand")
    found = _FENCED.findall(section)
    if len(found) != section.count("\n```") / 2:
        raise PageError(f"{name}: a block without a line and an empty line before it")
    changes = tuple(_change(name, line, text) for line, language, text in found if language != "sh")
    return Recipe(name=name, changes=changes, said=(int(said[0][0]), int(said[0][1] or 0)))


def _change(name: str, line: str, text: str) -> Change:
    place = _PLACE.search(line)
    if place is None:
        raise PageError(f"{name}: no place for a block, after {line!r}")
    named = place.groupdict()
    path = named["new"] or named["end"] or named["path"]
    where = "new" if named["new"] else "end" if named["end"] else named["where"]
    return Change(path=path, where=where, anchor=named["anchor"] or "", text=text)
