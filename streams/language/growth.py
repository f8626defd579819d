"""How much larger the expressions of a task can make what they read: counted in its text, once.

Each reference to data can put it into the result once more, and nothing else in a plain expression can: it has no
loop, no call, no pipe. Of others nothing is known beforehand, and what they give has to be weighed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.payload import Json
from streams.language.model import TaskModel

UNKNOWN = 0

_PLAIN = re.compile(
    r"""(?: \$?\.?[A-Za-z_]\w*\s*: | [.$][A-Za-z_]\w* | \. (?!\.) | "[^"\\]*"\s*:? | \d+(?:\.\d+)?
        | \b(?:true|false|null|and|or|not)\b | // | [=!<>]= | [-+<>{},:?\s] | \[(?!\s*\]) | \] )*""",
    re.VERBOSE,
)
_LISTS = frozenset({"do", "try"})  # tasks of their own


def growth_of(task: TaskModel, leaf: bool) -> int:
    """How often an expression of the task can write down what it reads, or `UNKNOWN`; `leaf` has no tasks inside."""
    document = task.document
    if not leaf:
        document = {key: value for key, value in document.items() if key not in _LISTS and key != "fork"}
        if isinstance(catch := document.get("catch"), dict):
            document["catch"] = {key: value for key, value in catch.items() if key != "do"}
    references = 0
    for text in _texts(document):
        inner = text.strip().removeprefix("${").removesuffix("}")
        if not _PLAIN.fullmatch(inner):
            return UNKNOWN
        references += inner.count(".") + inner.count("$")
    return 2 + references


def _texts(value: Json) -> Iterator[str]:
    """Texts that may be expressions: those of data are only in braces, others (`if`, `as`) may go without."""
    for key, part in value.items():
        if key in ("with", "set", "raise"):
            yield from (text for text in _all(part) if "${" in text)
        elif key not in ("metadata", "then", "call"):
            yield from _all(part)


def _all(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _all(part)
