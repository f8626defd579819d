"""jq's own tests: groups of program, input and expected outputs, from the shared data and never from the project.

A group is known by its file and the line of its program, so nothing of it has to be repeated here.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("EXLIFY_SHARED_DATA") or ROOT.parent / "shared" / "data") / "jq"
_NAN = re.compile(r"(?<![\w\"])(?:nan|-NaN)(?![\w\"])")
ABSENT = f"{FOLDER} is not at hand; EXLIFY_SHARED_DATA names the folder of the shared data"


@dataclass(frozen=True)
class Triple:
    """One test of jq: `outputs` is None where the program must not compile."""

    file: str
    line: int
    program: str
    data: str
    outputs: tuple[str, ...] | None

    @property
    def key(self) -> str:
        """Its place, such as jq:12."""
        return f"{self.file}:{self.line}"


def triples() -> list[Triple]:
    """Every test there is; none where the shared data is absent."""
    return [triple for path in sorted(FOLDER.glob("*.test")) for triple in _of_file(path)]


def value_of(text: str) -> Any:
    """A line of the tests as JSON; jq reads NaN and a byte order mark as well."""
    return json.loads(_NAN.sub("NaN", text.strip().lstrip("\ufeff")))


def _of_file(path: Path) -> Iterator[Triple]:
    for start, group in _groups(path.read_text(encoding="utf-8")):
        if group[0].startswith("%%FAIL"):
            yield Triple(path.stem, start + 1, group[1], "null", None)
        else:
            yield Triple(path.stem, start, group[0], group[1], tuple(group[2:]))


def _groups(text: str) -> Iterator[tuple[int, list[str]]]:
    """Lines that belong together, and the number of the first; comments begin with # outside a group of %%FAIL."""
    group: list[str] = []
    start = 0
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if line.strip() and not (line.startswith("#") and not (group and group[0].startswith("%%FAIL"))):
            start = start if group else number
            group.append(line)
        elif group and not line.strip():
            yield start, group
            group = []
