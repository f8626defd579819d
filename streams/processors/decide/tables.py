"""The decision tables of the site folder, `rules/NAME.yaml`, which definitions ask by their names.

    hit: first                   # as in a definition, see models/rules/table.py
    rows:
      - {name: too-large, when: {amount: '> 15000'}, route: reject, because: more than the bank lends}
    tests:                       # of its own, if there are
      - {input: {amount: 20000}, route: reject}

A file is read when it is first asked for and followed from then on. One that is faulty, or whose tests fail, leaves the
one before it in force. What counted when a command was made travels with it (`pins`), so that one that comes again is
decided alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from models.rules.table import TableError, read_table, table_faults
from models.serving.card import REVIEW
from schemas.payload import Json
from streams.ground.named_files import Kind, NamedFiles
from streams.ground.site import Site
from streams.ground.site_yaml import Part

FOLDER = "rules"
TESTS = "tests"
MAX_TESTS = 500
EXAMPLE_TEST = "write {input: {amount: 20000}, route: reject}"


@dataclass(frozen=True)
class NamedTable:
    """What a file says."""

    written: Mapping[str, Json]  # the table, as a definition would have it
    tests: int


def read_rules(document: Part | None) -> NamedTable | None:
    """What a file says; faults with their place."""
    if document is None:
        return None
    members = document.members()
    written = {name: part.plain() for name, part in members.items() if name != TESTS}
    for place, what, remedy in table_faults(written):
        document.at(place).fault(f"{'.'.join(map(str, place)) or 'the table'} {what}", remedy)
    try:
        table = read_table(written)
    except TableError as error:
        document.fault(f"the table {error}", "write less into it")
    count = 0
    for count, (test, values, route) in enumerate(_tests(members.get(TESTS)), start=1):
        ruled = table.judge(values)
        given = ruled.row.route if ruled.row else REVIEW
        if given != route:
            by = ruled.row.called if ruled.row else "no row decides"
            test.fault(f"test {count} gives {given} and not {route} ({by})", "correct the rows, or the test")
    return NamedTable(written, count)


KIND = Kind(FOLDER, "table", "rows:", read_rules)


class Tables(NamedFiles[NamedTable]):
    """The tables by name, as they are now."""

    def __init__(self, folder: Path, site: Site) -> None:
        super().__init__(folder, site, KIND)


def _tests(part: Part | None) -> Iterator[tuple[Part, Mapping[str, Json], str]]:
    if part is None:
        return
    tests = part.items()
    if len(tests) > MAX_TESTS:
        part.fault(f"more than {MAX_TESTS} tests", "write fewer")
    for test in tests:
        found = test.only("input", "route")
        values = found["input"].plain() if "input" in found else None
        if not isinstance(values, dict) or "route" not in found:
            test.fault("a test without `input` and `route`", EXAMPLE_TEST)
        yield test, values, found["route"].written()
