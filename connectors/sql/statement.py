"""A statement as a definition writes it, and as a driver takes it: parameters in their places, lists in brackets.

The text is fixed, so it is read once. What is refused here is refused before a database is asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from connectors.sql.lexer import MARIADB, POSTGRESQL, SQLITE, Kind, Token, tokens
from schemas.payload import Json

READING = ("SELECT", "WITH", "VALUES", "TABLE", "EXPLAIN", "SHOW", "PRAGMA")
# What would end the transaction that a statement runs in, or reach files beside the database.
REFUSED = {
    ("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"): (
        "begins or ends a transaction",
        "leave it out: each statement is a transaction of its own",
    ),
    ("ATTACH", "DETACH"): ("reaches another database", "give that one a connection of its own"),
    ("VACUUM",): ("rewrites the database", "leave that to who looks after it"),
    ("COPY",): ("reads or writes files", "insert and select rows"),
    ("LOAD",): ("loads code", "leave that to who looks after the database"),
}
SETS = ("SET", "RESET", "DISCARD", "LISTEN", "UNLISTEN", "PREPARE", "DEALLOCATE", "DECLARE")
# What stays with a connection of MariaDB or ends its transaction, and what reaches beyond the database.
MARIADB_SETS = (
    "SET", "USE", "LOCK", "UNLOCK", "PREPARE", "EXECUTE", "DEALLOCATE", "HANDLER", "XA", "FLUSH", "RESET", "KILL",
    "SHUTDOWN", "INSTALL", "UNINSTALL", "DELIMITER", "CHANGE", "PURGE", "BINLOG",
)  # fmt: skip
_LISTS = ("IN", "VALUES")
_NOTHING = {  # that is in an empty list
    (POSTGRESQL, False): "= ANY('{}')",
    (POSTGRESQL, True): "<> ALL('{}')",
    (MARIADB, False): "IN (SELECT 1 FROM DUAL WHERE 1 = 0)",
    (MARIADB, True): "NOT IN (SELECT 1 FROM DUAL WHERE 1 = 0)",
}
INT_64 = range(-(2**63), 2**63)


class StatementError(ValueError):
    """What is wrong with a statement or a parameter: the place, the reason and the remedy. Quotes no value."""

    def __init__(self, place: str, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.place, self.what, self.remedy = place, what, remedy


@dataclass(frozen=True, slots=True)
class Ready:
    """What a driver executes: `?` or `%s` where a value goes, and the values in order."""

    text: str
    values: tuple[Json, ...] = field(repr=False)
    gives_rows: bool = True  # for certain, so that they may be taken as they come


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a parameter stands, for the case that it is a list."""

    in_brackets: bool  # IN (:ids), also with others beside it
    alone: bool
    operator: tuple[int, int] | None  # tokens from NOT IN or IN to the closing bracket or the parameter
    called: bool  # ANY(:ids): an argument of a function


class Statement:
    """A statement that has been read. Make one by `prepared`."""

    __slots__ = ("_dialect", "_order", "_places", "_tokens", "_whole", "gives_rows", "names", "word")

    def __init__(self, text: str, dialect: str) -> None:
        self._dialect = dialect
        self._tokens = _without_end(tokens(text, dialect))
        self._order = [each.text for each in self._tokens if each.kind is Kind.PARAMETER]
        self.names = frozenset(self._order)
        meant = [index for index, each in enumerate(self._tokens) if each.kind is not Kind.SPACE]
        self.word = self._tokens[meant[0]].text.upper() if meant else ""
        self._places = dict(_places(self._tokens, meant))
        self.gives_rows = self._gives_rows(meant)
        self._check(meant)
        self._whole = "".join(self._written(each, "?" if dialect == SQLITE else "%s") for each in self._tokens)

    @property
    def reads(self) -> bool:
        """Whether it begins as a query does; whether it is one, the database says."""
        return self.word in READING or self.word == "("

    def ready(self, given: Mapping[str, Json]) -> Ready:
        """The statement with these values. Raises StatementError."""
        for name in self.names:
            self._check_value(name, given[name])
        if not any(type(given[name]) is list for name in self.names):
            return Ready(self._whole, tuple(given[name] for name in self._order), self.gives_rows)
        return self._with_lists(given)

    def _gives_rows(self, meant: Sequence[int]) -> bool:
        outside: list[Token] = []  # of all brackets
        depth = 0
        for token in (self._tokens[index] for index in meant):
            depth += (token.text == "(") - (token.text == ")") if token.kind is Kind.SIGN else 0
            if depth == 0:
                outside.append(token)
        if self.word in ("INSERT", "UPDATE", "DELETE", "MERGE"):
            return any(each.is_word("RETURNING") for each in outside)
        changes = ("INSERT", "UPDATE", "DELETE", "MERGE", "INTO")
        return self.reads and not any(each.is_word(*changes) for each in outside)

    def _check(self, meant: Sequence[int]) -> None:
        if not self.word:
            raise StatementError("statement", "is empty", "write one statement")
        for words, (what, remedy) in REFUSED.items():
            if self.word in words:
                raise StatementError("statement", what, remedy)
        if self.word == "CREATE" and any(self._tokens[index].is_word("TEMP", "TEMPORARY") for index in meant[1:2]):
            raise StatementError("statement", "makes something temporary", "leave it out: calls share connections")
        if self._dialect == POSTGRESQL:
            self._check_postgresql(meant)
        elif self._dialect == MARIADB:
            self._check_mariadb(meant)
        else:
            self._check_sqlite(meant)

    def _check_postgresql(self, meant: Sequence[int]) -> None:
        if self.word in SETS:
            raise StatementError("statement", "changes the connection", "leave it out: calls share connections")
        body = " ".join(self._tokens[index].text for index in meant) if self.word == "DO" else ""
        if any(each.is_word("COPY") for each in tokens(body.replace("$", " ").replace("'", " "), POSTGRESQL)):
            what, remedy = REFUSED["COPY",]
            raise StatementError("statement", what, remedy)
        self._check_one(meant)

    def _check_mariadb(self, meant: Sequence[int]) -> None:
        if self.word in MARIADB_SETS:
            raise StatementError("statement", "changes the connection", "leave it out: calls share connections")
        if any(each.text.startswith(("/*!", "/*M!")) for each in self._tokens if each.kind is Kind.SPACE):
            raise StatementError("statement", "has a comment that is carried out", "leave it out")
        words = [self._tokens[index] for index in meant]
        if any(each.is_word("OUTFILE", "DUMPFILE", "LOAD_FILE") for each in words):
            raise StatementError("statement", "reads or writes files", "insert and select rows")
        if any(each.kind is Kind.SIGN and each.text in "?@" for each in words):
            raise StatementError("statement", "has a parameter with ? or a variable with @", "write it as :name")
        self._check_one(meant)

    def _check_sqlite(self, meant: Sequence[int]) -> None:
        signs = [self._tokens[index] for index in meant if self._tokens[index].kind is Kind.SIGN]
        if any(each.text == "::" for each in signs):
            raise StatementError("statement", "has a cast with ::, which SQLite has not", "write CAST(x AS integer)")
        if any(each.text in "?@$" for each in signs):
            raise StatementError("statement", "has a parameter with ?, @ or $", "write it as :name")
        trigger = self.word == "CREATE" and any(self._tokens[index].is_word("TRIGGER") for index in meant[:4])
        if not trigger:  # which has statements in it
            self._check_one(meant)

    def _check_one(self, meant: Sequence[int]) -> None:
        if any(self._tokens[index].kind is Kind.SIGN and self._tokens[index].text == ";" for index in meant):
            raise StatementError("statement", "is more than one", "make each a step of its own")

    def _check_value(self, name: str, value: Json) -> None:
        for each in value if type(value) is list else (value,):
            if type(each) in (dict, list):
                what = "is neither a scalar nor a list of scalars"
                raise StatementError(f"parameters.{name}", what, "give each value a parameter")
            if type(each) is int and self._dialect == SQLITE and each not in INT_64:
                what = "is a whole number of more than 64 bits, which SQLite cannot hold"
                raise StatementError(f"parameters.{name}", what, "give it as a text: tostring")
            if type(each) is str and "\0" in each and self._dialect == POSTGRESQL:
                what = "holds the character 0, which PostgreSQL has in no text"
                raise StatementError(f"parameters.{name}", what, "leave it out")
            if type(each) is float and not math.isfinite(each):
                raise StatementError(f"parameters.{name}", "is no number that can be sent", "give it as a text")

    def _with_lists(self, given: Mapping[str, Json]) -> Ready:
        values: list[Json] = []
        parts: list[str] = []
        mark = "?" if self._dialect == SQLITE else "%s"
        empty = dict(self._empty(given))
        goes_on = 0
        for index, token in enumerate(self._tokens):
            if index < goes_on:
                continue
            if index in empty:
                written, goes_on = empty[index]
            elif token.kind is Kind.PARAMETER and type(given[token.text]) is list:
                written, bound = self._list(token.text, given[token.text], self._places[index], mark)
                values.extend(bound)
            else:
                written = self._written(token, mark)
                if token.kind is Kind.PARAMETER:
                    values.append(given[token.text])
            parts.append(written)
        return Ready("".join(parts), tuple(values), self.gives_rows)

    def _empty(self, given: Mapping[str, Json]) -> Iterator[tuple[int, tuple[str, int]]]:
        """What stands for `IN` and an empty list, which PostgreSQL has not: by its first token, up to which one."""
        for index, place in self._places.items():
            if self._dialect != SQLITE and place.alone and place.operator and given[self._tokens[index].text] == []:
                start, end = place.operator
                negated = self._tokens[start].is_word("NOT")
                yield start, (_NOTHING[self._dialect, negated], end + 1)

    def _list(self, name: str, items: list[Json], place: _Place, mark: str) -> tuple[str, list[Json]]:
        if place.called and self._dialect == POSTGRESQL:
            return mark, [items]
        if not items and (not place.operator or not place.alone):
            raise StatementError(f"parameters.{name}", "is an empty list", "an empty list stands alone after IN")
        marks = ", ".join([mark] * len(items))
        return (marks if place.in_brackets or place.called else f"({marks})"), items

    def _written(self, token: Token, mark: str) -> str:
        if token.kind is Kind.PARAMETER:
            return mark
        return token.text.replace("%", "%%") if self._dialect != SQLITE else token.text


@lru_cache(maxsize=512)
def prepared(text: str, dialect: str) -> Statement:
    """The statement, read; it is a fixed text of some definition. Raises StatementError."""
    return Statement(text, dialect)


def dialect_of(url: str) -> str:
    """The dialect of the database at this address."""
    return next((each for each in (SQLITE, MARIADB) if url.startswith(each)), POSTGRESQL)


def _without_end(all_tokens: Sequence[Token]) -> tuple[Token, ...]:
    """The statement without the semicolons behind it, which say that another one may come."""
    end = len(all_tokens)
    while end and (all_tokens[end - 1].kind is Kind.SPACE or all_tokens[end - 1].text == ";"):
        end -= 1
    return tuple(all_tokens[:end])


def _places(all_tokens: Sequence[Token], meant: Sequence[int]) -> Iterator[tuple[int, _Place]]:
    """Where each parameter stands, by its index."""
    opened: list[int] = []  # positions in `meant` of brackets that are open
    for position, index in enumerate(meant):
        token = all_tokens[index]
        if token.kind is Kind.SIGN and token.text == "(":
            opened.append(position)
        elif token.kind is Kind.SIGN and token.text == ")" and opened:
            opened.pop()
        elif token.kind is Kind.PARAMETER:
            yield index, _place(all_tokens, meant, position, opened[-1] if opened else None)


def _place(all_tokens: Sequence[Token], meant: Sequence[int], position: int, bracket: int | None) -> _Place:
    def at(where: int) -> Token:
        return all_tokens[meant[where]] if 0 <= where < len(meant) else Token(Kind.SPACE, "")

    if at(position - 1).is_word(*_LISTS):
        return _Place(False, True, _operator(all_tokens, meant, position - 1, position), False)
    if bracket is None or at(bracket - 1).kind is not Kind.WORD:
        return _Place(bracket == position - 1 and at(position + 1).text == ")", False, None, False)
    alone = bracket == position - 1 and at(position + 1).text == ")"
    if at(bracket - 1).is_word(*_LISTS):
        return _Place(True, alone, _operator(all_tokens, meant, bracket - 1, position + 1), False)
    return _Place(False, alone, None, True)


def _operator(all_tokens: Sequence[Token], meant: Sequence[int], start: int, end: int) -> tuple[int, int] | None:
    """From NOT IN or IN to where the list ends; None for VALUES."""
    if not all_tokens[meant[start]].is_word("IN"):
        return None
    if start > 0 and all_tokens[meant[start - 1]].is_word("NOT"):
        start -= 1
    return meant[start], meant[end] if end < len(meant) else meant[-1]
