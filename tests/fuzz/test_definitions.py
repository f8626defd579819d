"""Any text may stand as a definition or an expression: it is read, or its faults are told, and then it runs or fails.

Definitions are texts that nearly are some: those of the project with pieces cut out, put in and exchanged.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.language.expressions import ExpressionError, evaluate_once
from streams.language.faults import MAX_FAULTS, DefinitionError, errors_of
from streams.language.jq.program import ProgramError, compile_program
from tests.support.definitions import check, load

pytestmark = pytest.mark.fuzz

WORKFLOWS = [file.read_text() for file in sorted((Path(__file__).parents[2] / "streams" / "workflows").glob("*.yaml"))]
PIECES = [
    "a", "- ", ": ", ":", "\n", "  ", "{", "}", "[", "]", ",", "'", '"', "&x ", "*x", "!!float ", "!!int ",
    "!!binary ", "!x ", "|\n", ">\n", "#", "---\n", "...\n", "%YAML 1.1\n", "? ", "<<: *x", "~", "null", "true",
    "1e999", ".inf", "-.INF", "0x1f", "1_000", "9" * 40, "2026-01-31", "\\ud800", "\ufeff", "\x00", "\x85", "\u2028",
    "\t", "${ . }", "${", "do", "set", "call", "with", "switch", "for", "fork", "try", "catch", "raise", "wait",
    "then", "if", "input", "output", "export", "schema", "document", "schedule", "timeout", "end", "continue",
    "human", "http", "decide", "sql.query", "$ref", "#/$defs/a", "pattern", "(a+)+$", "allOf", "P1D", "PT", "seconds",
    "-1", "1.5", "\U0001f600", "Größe",
]  # fmt: skip
noise = st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=60)


@st.composite
def nearly(draw: st.DrawFn) -> str:
    """A definition of the project with some of it exchanged."""
    text = draw(st.sampled_from(WORKFLOWS))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(text)))
        text = text[:begin] + draw(noise) + text[begin + draw(st.integers(0, 40)) :]
    return text


@given(text=nearly() | noise)
def test_definition_is_read_or_its_faults_are_told(text: str) -> None:
    faults = check(text)
    assert len(faults) <= MAX_FAULTS + 1
    for fault in faults:
        assert fault.line >= 1 and fault.column >= 1 and fault.message and fault.remedy
    if errors_of(faults):
        with pytest.raises(DefinitionError):
            load(text)
    else:
        assert load(text).digest


WORDS = [
    ".", "..", ".a", "[", "]", "(", ")", "{", "}", "|", ",", ":", ";", "?", "//", "as", "$x", "$__loc__", "$ENV", "1",
    "1e999", "9" * 30, '"', '"a"', '"\\(', '\\', "@base64d", "@json", "reduce", "foreach", "if", "then", "elif",
    "else", "end", "try", "catch", "def", "f", "f(g):", "label", "break", "and", "or", "not", "==", "|=", "+=", "-",
    "*", "/", "%", "range(1e9)", "repeat(.)", "until(.; .)", "limit(3; .)", 'test("(a+)+$")', "tonumber", "tojson",
    "fromjson", "implode", "explode", "keys", "sort", "splits", "strptime", "mktime", "env", "input", "path(..)",
    "del(.)", "getpath", "walk(.)", " ", "\n", "#", "\u2028", "null", "true", "error", "recurse", "map(.)", "add",
    "\x00", "ä", "?//", "..[0]", ".[1:]",
]  # fmt: skip
expressions = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join) | st.text(max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(source=expressions, data=values)
def test_expression_gives_a_value_or_says_why_not(source: str, data: object) -> None:
    try:
        compile_program(source)
    except ProgramError as refused:
        assert refused.complaints
        assert all(0 <= at <= len(source) for _, at in refused.complaints)
        return
    try:
        evaluate_once(source, data, {"x": data})
    except ExpressionError as failed:
        assert str(failed)
