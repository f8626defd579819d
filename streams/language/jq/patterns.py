"""Patterns as jq writes them (Oniguruma, Perl's syntax), translated for RE2.

RE2 knows `\\w`, `\\d`, `\\s` and `[[:alpha:]]` for ASCII only; to jq the ö of Größe is a letter, so they become classes
of Unicode. `\\b` cannot be written as a class. Where a text has letters beyond ASCII it is matched in a marked form, in
which a character of its own stands at every place between two others and says whether a word begins or ends there;
each part of the pattern then passes over it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from unicodedata import category

_CLASS_STEPS = 400
_MOST_REPEATED = 1_000  # RE2 refuses more
BOUNDARY, NO_BOUNDARY = "\ufdd0", "\ufdd1"  # not characters: no text of anybody has them

_WORD = r"\p{L}\p{M}\p{N}\p{Pc}"
_NO_WORD = r"\p{Z}\p{C}\p{S}\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\p{Po}"
_SPACE = r"\t-\r\x{85}\p{Z}"
_NO_SPACE = r"\x00-\x08\x0e-\x1f\x7f-\x{84}\x{86}-\x{9f}\p{Cf}\p{Co}\p{L}\p{M}\p{N}\p{P}\p{S}"
_NO_DIGIT = r"\p{L}\p{M}\p{Nl}\p{No}\p{P}\p{S}\p{Z}\p{C}"
_CLASSES = {"w": _WORD, "W": _NO_WORD, "s": _SPACE, "S": _NO_SPACE, "d": r"\p{Nd}", "D": _NO_DIGIT}
_NEGATED = {"W": _WORD, "S": _SPACE, "D": r"\p{Nd}"}
# the same for texts of ASCII: hundreds of times as cheap to compile
_ASCII = {
    "w": "0-9A-Za-z_",
    "W": r"\x00-/:-@\[-\^`{-\x7f",
    "s": r"\t-\r ",
    "S": r"\x00-\x08\x0e-\x1f!-\x7f",
    "d": "0-9",
    "D": r"\x00-/:-\x7f",
}
_NEGATED_ASCII = {"W": _ASCII["w"], "S": _ASCII["s"], "D": _ASCII["d"]}
_POSIX = {
    "alpha": r"\p{L}\p{M}\p{Nl}",
    "digit": r"\p{Nd}",
    "alnum": r"\p{L}\p{M}\p{N}",
    "upper": r"\p{Lu}",
    "lower": r"\p{Ll}",
    "space": _SPACE,
    "punct": r"\p{P}\p{S}",
    "word": _WORD,
    "blank": r"\t\p{Zs}",
    "cntrl": r"\p{Cc}",
    "xdigit": "0-9A-Fa-f",
    "graph": r"\p{L}\p{M}\p{N}\p{P}\p{S}",
    "print": r"\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}",
    "ascii": r"\x00-\x7f",
}
_TOKEN = re.compile(
    r"\\[pP]\{[^}]*\}|\\x\{[0-9A-Fa-f]*\}|\\x[0-9A-Fa-f]{2}|\\.|\[\^?|\(\?<[A-Za-z_]\w*>|\(\?[A-Za-z^-]*:?|[(){}|*+?^$.]|.",
    re.DOTALL,
)
_IN_CLASS = re.compile(r"\[:\^?[a-z]+:\]|\\[pP]\{[^}]*\}|\\x\{[0-9A-Fa-f]*\}|\\.|.", re.DOTALL)
_REPETITION = re.compile(r"\{\d*,?\d*\}")


def translated(source: str, form: Form, *, extended: bool = False) -> str:
    """The pattern for RE2; `extended` with blanks and comments in it."""
    return "".join(_parts(source, extended, form))


def cost(source: str, *, wide: bool) -> int:
    """Steps of compiling a pattern, counted from above: a class of Unicode takes some hundred microseconds, and as
    often as it is repeated."""
    repeated = 1
    for number in re.findall(r"\d+(?=[,}])", source):
        repeated = min(_MOST_REPEATED, repeated * max(1, int(number[:6])))
    classes = len(re.findall(r"\\[wWsSdDpP]|\[:|[.]", source)) if wide else 0
    return 64 + len(source) * repeated // 16 + classes * repeated * _CLASS_STEPS


def needs_marks(source: str) -> bool:
    """Whether the pattern asks for the ends of words, which RE2 knows in texts of ASCII only."""
    return "\\b" in source or "\\B" in source


def with_marks(text: str) -> str:
    """The text with a mark before each character and at its end; offset n of the text is 2n or 2n + 1 of this."""
    inside = [False, *(_in_word(character) for character in text), False]
    marks = [BOUNDARY if before != after else NO_BOUNDARY for before, after in pairwise(inside)]
    return "".join(mark + character for mark, character in zip(marks, [*text, ""], strict=True))


def _in_word(character: str) -> bool:
    kind = category(character)
    return kind[0] in "LMN" or kind == "Pc"


class Form:
    """How the parts of a pattern are written: `marked` for a text in its marked form, `wide` for one with characters
    beyond ASCII."""

    def __init__(self, *, marked: bool, wide: bool, dot_all: bool) -> None:
        self.marked = marked
        self.classes = _CLASSES if wide else _ASCII
        self.negated = _NEGATED if wide else _NEGATED_ASCII
        self.posix = _POSIX if wide else {}
        self._dot = "" if dot_all else r"\n"

    def one(self, atom: str) -> str:
        """What stands for a character."""
        return f"(?:[{BOUNDARY}{NO_BOUNDARY}]?{atom})" if self.marked else atom

    def dot(self) -> str:
        """Any character but, as a rule, the end of a line."""
        if not self.marked:
            return "."
        return self.one(f"[^{self._dot}{BOUNDARY}{NO_BOUNDARY}]")

    def group(self, inside: str, negated: bool) -> str:
        """A class of characters."""
        own = BOUNDARY + NO_BOUNDARY if self.marked and negated else ""
        return self.one(f"[{'^' if negated else ''}{inside}{own}]")

    def end(self, token: str) -> str:
        """`^` and `$`."""
        return f"[{BOUNDARY}{NO_BOUNDARY}]?{token}" if self.marked and token != "^" else token

    def boundary(self, letter: str) -> str:
        """The end of a word, or a place that is none."""
        if not self.marked:
            return f"\\{letter}"
        return BOUNDARY if letter == "b" else NO_BOUNDARY


def _parts(source: str, extended: bool, form: Form) -> Iterator[str]:
    at = 0
    while at < len(source):
        found = _TOKEN.match(source, at)
        assert found is not None  # any character is a token
        token, at = found[0], found.end()
        if token.startswith("[") and len(token) <= 2:
            inside, at = _class(source, at, form)
            yield form.group(inside, token == "[^")
        elif extended and (token.isspace() or token == "#"):
            at = _after_comment(source, at) if token == "#" else at
        elif token == "{" and (repetition := _REPETITION.match(source, at - 1)):
            yield repetition[0]
            at = repetition.end()
        else:
            yield _part(token, form)


def _after_comment(source: str, at: int) -> int:
    end = source.find("\n", at)
    return len(source) if end < 0 else end


def _part(token: str, form: Form) -> str:
    if token.startswith("(?<"):
        return "(?P<" + token[3:]
    if token.startswith("(") or token in ("|", ")", "*", "+", "?"):
        return token
    if token == ".":
        return form.dot()
    if token in ("^", "$"):
        return form.end(token)
    if token.startswith("\\"):
        return _escaped(token, form)
    return form.one(token)


def _escaped(token: str, form: Form) -> str:
    letter = token[1:2]
    if letter in form.negated:
        return form.group(form.negated[letter], True)
    if letter in form.classes:
        return form.group(form.classes[letter], False)
    if letter in ("b", "B"):
        return form.boundary(letter)
    if letter == "A":
        return "^"
    if letter in ("Z", "z"):
        return form.end("$" if letter == "Z" else r"\z")
    return form.one(token)


def _class(source: str, at: int, form: Form) -> tuple[str, int]:
    """What stands between brackets, and where it ends."""
    parts: list[str] = []
    while at < len(source):
        found = _IN_CLASS.match(source, at)
        assert found is not None  # any character is a token
        token, at = found[0], found.end()
        if token == "]" and parts:
            return "".join(parts), at
        parts.append(_member(token, form))
    return "".join(parts), at  # never closed: RE2 says so


def _member(token: str, form: Form) -> str:
    if token.startswith("[:"):
        name = token[2:-2]
        return token if name.startswith("^") else form.posix.get(name, token)
    if token.startswith("\\"):
        return form.classes.get(token[1:2], token)
    return "\\" + token if token in ("[", "]") else token
