"""One expression: parsed once, checked, compiled, then evaluated many times."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from threading import Lock
from typing import Any

from streams.language.jq import dates, formats, functions, loops, nodes, payments, places, regex, values
from streams.language.jq.arithmetic import METERED, PLAIN
from streams.language.jq.library import JqError, JqParseError, RaisedError, compiler
from streams.language.jq.meter import METER, HeavyError, LimitError
from streams.language.jq.syntax import MAX_LEVELS, parse
from streams.language.jq.texts import text_of

for declaring in (functions, formats, nodes, payments, places):
    declaring.install()
compiler._BINOPS.update({f"plain {symbol}": operator for symbol, operator in PLAIN.items()})
compiler._BINOPS.update({f"metered {symbol}": operator for symbol, operator in METERED.items()})

# These read the tables that were filled above.
from streams.language.jq.check import Complaint, Findings, check  # noqa: E402
from streams.language.jq.prelude import NAMES, environment  # noqa: E402
from streams.language.jq.rewrite import checked, is_plain, metered  # noqa: E402

# Some of them are named for what they declare when they are imported.
__all__ = ["Program", "ProgramError", "compile_program", "dates", "loops", "regex", "values"]

MAX_LENGTH = 20_000  # characters of one expression
_ROOT = environment()
_ONE_AT_A_TIME = Lock()  # the meter is one for the process
_MAX_REASON = 2_000  # characters of what an author says

Evaluate = Callable[[Any, Mapping[str, Any]], Any]


class ProgramError(Exception):
    """The text is not an expression of the dialect: every complaint, each with the offset in the text (0 where
    unknown)."""

    def __init__(self, complaints: list[tuple[Complaint, int]]) -> None:
        super().__init__("; ".join(complaint.message for complaint, _ in complaints))
        self.complaints = complaints


class Program:
    """A compiled expression. `run` is deterministic: it depends on the data and the variables only."""

    __slots__ = ("plain", "run", "source", "variables")

    def __init__(self, source: str, ast: Any, variables: frozenset[str]) -> None:
        self.source = source
        self.variables = variables
        self.plain = is_plain(ast)
        self.run: Evaluate = _plain(ast) if self.plain else _metered(ast)
        """The first result for `data` and the variables, None if there is none; raises `JqError`, `LimitError` and,
        rarely, others."""


def reason_of(error: Exception) -> str:
    """Why an evaluation failed, without any value of the data."""
    if isinstance(error, LimitError):
        return str(error)
    if isinstance(error, RecursionError):
        return "nests too deeply"
    if isinstance(error, RaisedError):
        return text_of(error.value)[:_MAX_REASON]
    if isinstance(error, JqError):
        return str(error)[:200]
    return f"cannot be evaluated ({type(error).__name__})"


@lru_cache(maxsize=4096)
def compile_program(source: str) -> Program:
    """The program for a text without its `${ }`; raises `ProgramError`."""
    if len(source) > MAX_LENGTH:
        raise _refusal(
            "syntax", f"the expression is longer than {MAX_LENGTH:,} characters", "split it into several tasks"
        )
    try:
        ast = parse(source)
        findings = check(ast)
        complaints = [(complaint, _offset(source, complaint.word)) for complaint in _complaints(findings)]
        if complaints:
            raise ProgramError(complaints)
        return Program(source, ast, frozenset(findings.variables))
    except (JqParseError, ValueError, RecursionError, IndexError) as error:
        raise _syntax_error(source, error) from None


_PASSED_ON = {"and": (1, 2), "or": (1, 2), "alt": (1, 2), "pipe": (-1,)}  # parts that decide what a node gives


def gives_assignment(source: str) -> bool:
    """Whether what an expression gives, or judges, is data that `=` or one like it has changed."""
    try:
        left = [parse(source)]
    except (JqParseError, ValueError, RecursionError, IndexError):
        return False
    while left:
        node = left.pop()
        if node[0] == "assign":
            return True
        left.extend(node[part] for part in _PASSED_ON.get(node[0], ()))
    return False


def _complaints(findings: Findings) -> list[Complaint]:
    if "ENV" in findings.variables:
        refusal = Complaint(
            "refused-function", "$ENV reaches out of the expression", "use the data of the task", "$ENV"
        )
        return [*findings.complaints, refusal]
    return findings.complaints


def _refusal(code: str, message: str, remedy: str, offset: int = 0) -> ProgramError:
    return ProgramError([(Complaint(code, message, remedy, ""), offset)])


def _syntax_error(source: str, error: Exception) -> ProgramError:
    text = f"nests more than {MAX_LEVELS} levels" if isinstance(error, RecursionError) else str(error)
    if "integer string conversion" in text:  # Python's own words for thousands of digits
        return _refusal("number", "a whole number of more than 64 bits", "write it as a text")
    found = re.search(r" at position (\d+)", text)
    offset = max(0, int(found[1]) - 1) if found else 0
    message = (
        re.sub(r" at position \d+", "", text)
        .replace("OP ", "")
        .replace("EOF None", "the end")
        .replace("token None", "end")
    )
    return _refusal(
        "syntax",
        message[:1].lower() + message[1:],
        "see the jq manual; test the expression with jq",
        min(offset, len(source)),
    )


def _offset(source: str, word: str) -> int:
    found = re.search(rf"(?<![\w.$]){re.escape(word)}(?!\w)", source) if word else None
    return found.start() if found else max(0, source.find(word))


def _compiled(ast: Any) -> Callable[[Any, Any], Iterator[Any]]:
    with _ONE_AT_A_TIME, compiler._names_ctx(NAMES | frozenset(compiler.collect_defined_names(ast))):
        results: Callable[[Any, Any], Iterator[Any]] = compiler.compile_v(ast)
        return results


def _plain(ast: Any) -> Evaluate:
    """Runs unmetered, and again from the start with the meter where the data turns out to be large."""
    tree = checked(ast)
    getter = compiler._single_getter(tree)
    results = None if getter is not None else _compiled(tree)
    env = compiler.Env
    heavy: Evaluate | None = None

    def run(data: Any, variables: Mapping[str, Any]) -> Any:
        nonlocal heavy
        try:
            if results is None:
                return getter(data, env(_ROOT, variables))
            return next(results(data, env(_ROOT, variables)), None)
        except HeavyError:
            heavy = heavy or _metered(ast)
            return heavy(data, variables)

    return run


def _metered(ast: Any) -> Evaluate:
    results = _compiled(metered(ast))

    def run(data: Any, variables: Mapping[str, Any]) -> Any:
        with _ONE_AT_A_TIME:
            METER.reset()
            try:
                result = next(results(data, compiler.Env(_ROOT, variables)), None)
                METER.weigh(result)
                return result
            finally:
                METER.reset()

    return run
