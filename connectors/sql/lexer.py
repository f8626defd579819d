"""A statement in its parts, as far as it takes to know a parameter when one is seen.

A colon is one sign among many in SQL: in texts, in quoted names, in comments, in casts (`::int`), in slices. Only
`:name` outside of all these is a parameter. `\\:` is a colon and nothing else, anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

SQLITE = "sqlite"
POSTGRESQL = "postgresql"
MARIADB = "mariadb"


class Kind(StrEnum):
    """What a part of a statement is."""

    SPACE = "space"  # and comments
    QUOTED = "quoted"  # a text, or a name in quotes
    WORD = "word"  # a keyword, a name or a number
    PARAMETER = "parameter"
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class Token:
    """A part of a statement; of a parameter, its name."""

    kind: Kind
    text: str

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these words, which are in upper case."""
        return self.kind is Kind.WORD and self.text.upper() in words


_SPACE = r"(?P<space>\s+|--[^\n]*)"
_QUOTED = r"(?P<quoted>'(?:[^']|'')*+(?:'|\Z)|\"(?:[^\"]|\"\")*+(?:\"|\Z)"
_REST = (
    r"|\\(?P<colon>:)"
    r"|(?P<word>[^\W\d][\w$]*|\d[\w.]*)"
    r"|(?P<cast>::|:=)"
    r"|(?<![\w:]):(?P<parameter>[^\W\d]\w*)"
    r"|(?P<sign>.)"
)
# Texts of the E kind know backslashes. A dollar may begin a text that another one ends.
_ESCAPED = r"|(?P<escaped>[eE]'(?:[^'\\]|''|\\.)*+(?:'|\Z))"
_DOLLAR = r"|(?P<dollar>\$(?P<tag>[^\W\d]\w*)?\$)"
_PATTERNS = {
    SQLITE: re.compile(
        _SPACE + r"|(?P<comment>/\*)|" + _QUOTED + r"|`(?:[^`]|``)*+(?:`|\Z)|\[[^\]]*(?:\]|\Z))" + _REST, re.DOTALL
    ),
    POSTGRESQL: re.compile(_SPACE + r"|(?P<comment>/\*)|" + _QUOTED + ")" + _ESCAPED + _DOLLAR + _REST, re.DOTALL),
    # Texts stand in either kind of quotes and know backslashes; a comment of two hyphens needs a space behind them.
    MARIADB: re.compile(
        r"(?P<space>\s+|--(?=\s|\Z)[^\n]*|#[^\n]*)|(?P<comment>/\*)"
        r"|(?P<quoted>'(?:[^'\\]|''|\\.)*+(?:'|\Z)|\"(?:[^\"\\]|\"\"|\\.)*+(?:\"|\Z)|`(?:[^`]|``)*+(?:`|\Z))" + _REST,
        re.DOTALL,
    ),
}
_KINDS = {
    "space": Kind.SPACE,
    "quoted": Kind.QUOTED,
    "escaped": Kind.QUOTED,
    "word": Kind.WORD,
    "parameter": Kind.PARAMETER,
}
_EDGE = re.compile(r"/\*|\*/")


def tokens(statement: str, dialect: str) -> tuple[Token, ...]:
    """All parts of a statement, in order; what is not ended goes to the end."""
    found: list[Token] = []
    at = 0
    pattern = _PATTERNS[dialect]
    while at < len(statement):
        match = pattern.match(statement, at)
        assert match is not None, "any sign is one"
        kind = match.lastgroup if match.lastgroup != "tag" else "dollar"
        if kind == "comment":
            end = _comment_end(statement, at, nested=dialect == POSTGRESQL)
            found.append(Token(Kind.SPACE, statement[at:end]))
        elif kind == "dollar":
            end = _dollar_end(statement, match.end(), match[0])
            found.append(Token(Kind.QUOTED, statement[at:end]))
        else:
            end = match.end()
            found.append(_token(str(kind), match, backslashes=dialect == MARIADB))
        at = end
    return tuple(found)


def _token(kind: str, match: re.Match[str], backslashes: bool) -> Token:
    text = match[kind] if kind in ("parameter", "colon") else match[0]
    if kind == "quoted" and text[0] in "'\"" and not backslashes:
        text = text.replace("\\:", ":")  # as it had to be written once
    return Token(_KINDS.get(kind, Kind.SIGN), text)


def _comment_end(statement: str, start: int, nested: bool) -> int:
    depth = 0
    for edge in _EDGE.finditer(statement, start):
        if edge[0] == "*/":
            depth -= 1
        elif nested or depth == 0:
            depth += 1
        if depth == 0:
            return edge.end()
    return len(statement)


def _dollar_end(statement: str, after: int, quote: str) -> int:
    end = statement.find(quote, after)
    return len(statement) if end < 0 else end + len(quote)
