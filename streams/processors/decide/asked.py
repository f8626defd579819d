"""What a command asks: of tables, of models one after the other, or of a table alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from models.rules.table import Table, TableError, read_table

RULES, OTHERWISE, TABLE = "rules", "otherwise", "table"
TABLES = (RULES, OTHERWISE, TABLE)
_TABLES = frozenset(TABLES)
NO_TABLES: Mapping[str, Any] = {}


class NoTableError(Exception):
    """The table that a step names was not there when it was asked for; the text is place, reason and remedy."""


class BadArgumentsError(Exception):
    """The step does not say what to ask; the text is place, reason and remedy."""


class Asked(msgspec.Struct, frozen=True):
    """The arguments of a command, checked."""

    models: tuple[str, ...]  # the second and later ones where those before may not act; none where rules are asked
    values: Mapping[str, Any]
    before: Table | None  # whose rows come before any model
    after: Table | None  # asked where no model may act
    tables: Mapping[str, Any]  # as they are written, by their name

    @property
    def chained(self) -> bool:
        """Whether something comes after the first model, so that nothing has to wait for it."""
        return len(self.models) != 1 or self.after is not None


def asked_of(command: Mapping[str, Any], function: str, named: Mapping[str, Any]) -> Asked:
    """What is asked of `function`, with the tables that the command names. Raises BadArgumentsError, NoTableError."""
    given = command["arguments"].value()
    given = given if isinstance(given, dict) else {}
    plain = _TABLES.isdisjoint(given)  # the usual case, and the quick one
    for each in () if plain else TABLES:
        if isinstance(name := given.get(each), str):
            given[each] = _named(each, name, named)
    if function == RULES:
        if given.get(TABLE) is None:
            raise BadArgumentsError("table: missing. Write the rows that decide.")
        return Asked((), _values(given), _table(given, TABLE), None, {TABLE: given[TABLE]})
    name = given.get("model")
    if not isinstance(name, str):
        raise BadArgumentsError("model: missing, or not a string. Give the name of a model.")
    instead = given.get("instead") or []
    if not isinstance(instead, list) or not all(isinstance(each, str) for each in instead):
        raise BadArgumentsError("instead: no list of names. Give the models to ask where the first may not act.")
    if plain:
        return Asked((name, *instead), _values(given), None, None, NO_TABLES)
    tables = {name: given[name] for name in (RULES, OTHERWISE) if given.get(name) is not None}
    return Asked((name, *instead), _values(given), _table(given, RULES), _table(given, OTHERWISE), tables)


def _named(argument: str, name: str, named: Mapping[str, Any]) -> Any:
    found = named.get(name, "it was not looked for when the step was asked for; try again")
    if isinstance(found, str):
        raise NoTableError(f"{argument}: {found}.")
    return found


def _values(given: Mapping[str, Any]) -> Mapping[str, Any]:
    values = given.get("input")
    if not isinstance(values, dict):
        raise BadArgumentsError("input: missing, or not an object. Give the fields that are read.")
    return values


def _table(given: Mapping[str, Any], name: str) -> Table | None:
    if given.get(name) is None:
        return None
    try:
        return read_table(given[name])
    except TableError as error:
        raise BadArgumentsError(f"{name}.{error}") from None
