"""One expression: parsed once, checked, compiled, then evaluated many times."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from threading import Lock
from typing import Any

from streams.language.jq import functions, loops, payments, regex
from streams.language.jq.arithmetic import METERED, PLAIN
from streams.language.jq.library import JqError, JqParseError, compiler, parser
from streams.language.jq.meter import METER, LimitError

functions.install()
loops.install()
payments.install()
compiler._BINOPS.update({f"plain {symbol}": operator for symbol, operator in PLAIN.items()})
compiler._BINOPS.update({f"metered {symbol}": operator for symbol, operator in METERED.items()})

# These read the tables that were filled above.
from streams.language.jq.check import Complaint, Findings, check  # noqa: E402
from streams.language.jq.prelude import NAMES, environment  # noqa: E402
from streams.language.jq.rewrite import checked, is_plain, metered  # noqa: E402

__all__ = ["Program", "ProgramError", "compile_program", "regex"]

MAX_LENGTH = 20_000  # characters of one expression
_ROOT = environment()
_ONE_AT_A_TIME = Lock()  # the meter is one for the process
_VALUES_IN_MESSAGES = re.compile(r' ?\(.*\)|"[^"]*"|\'.*\'', re.DOTALL)

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
    if isinstance(error, JqError):
        text = error.args[0] if error.args else None
        return _VALUES_IN_MESSAGES.sub("", text)[:200] if isinstance(text, str) else "raised an error"
    return f"cannot be evaluated ({type(error).__name__})"


@lru_cache(maxsize=4096)
def compile_program(source: str) -> Program:
    """The program for a text without its `${ }`; raises `ProgramError`."""
    if len(source) > MAX_LENGTH:
        raise _refusal(
            "syntax", f"the expression is longer than {MAX_LENGTH:,} characters", "split it into several tasks"
        )
    try:
        ast = parser.parse(source)
        findings = check(ast)
    except (JqParseError, ValueError, RecursionError, IndexError) as error:
        raise _syntax_error(source, error) from None
    complaints = [(complaint, _offset(source, complaint.word)) for complaint in _complaints(findings)]
    if complaints:
        raise ProgramError(complaints)
    return Program(source, ast, frozenset(findings.variables))


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
    text = "nests too deeply" if isinstance(error, RecursionError) else str(error)
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


def _compiled(ast: Any) -> Any:
    with compiler._names_ctx(NAMES | frozenset(compiler.collect_defined_names(ast))):
        return compiler.compile_v(ast)


def _plain(ast: Any) -> Evaluate:
    tree = checked(ast)
    getter = compiler._single_getter(tree)
    env = compiler.Env
    if getter is not None:
        return lambda data, variables: getter(data, env(_ROOT, variables))
    values = _compiled(tree)
    return lambda data, variables: next(values(data, env(_ROOT, variables)), None)


def _metered(ast: Any) -> Evaluate:
    values = _compiled(metered(ast))

    def run(data: Any, variables: Mapping[str, Any]) -> Any:
        with _ONE_AT_A_TIME:
            METER.reset()
            try:
                result = next(values(data, compiler.Env(_ROOT, variables)), None)
                METER.weigh(result)
                return result
            finally:
                METER.reset()

    return run
