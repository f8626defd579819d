"""jq's own tests, every one of them: what the dialect gives is what jq gives, or the difference stands here with why.

A difference that is none any more fails as well, so the lists cannot outlive their reasons.
"""

from __future__ import annotations

import os

import pytest

from streams.language.expressions import ExpressionError, evaluate_once
from streams.language.jq import ProgramError, compile_program
from streams.language.keywords import identity
from tests.conformance.triples import ABSENT, Triple, triples, value_of

# Programs of jq that are no expressions of a definition.
REFUSED = {
    "NaN and infinity: JSON cannot hold them": "jq:689 jq:693 jq:1188 jq:1192 jq:1629 jq:1733 jq:2463 jq:2467 jq:2471"
    " jq:2475 man:464 man:469",
    "numbers that no double holds, or whole ones beyond 64 bits": "jq:661 jq:668 jq:674",
    "asks how jq was built to keep numbers; ours are exact up to 64 bits": "jq:2014 jq:2196 jq:2200 jq:2204 jq:2224"
    " jq:2228 jq:2232 jq:2271 jq:2275 man:9 man:13 man:21 man:25",
    "a function that calls itself, or takes the name of a builtin": "jq:889 man:945 man:952",
    "modules: a definition is one file": "jq:1900 jq:1904 jq:1908 jq:1912 jq:1917 jq:1921 jq:1925 jq:1929 jq:1969"
    " jq:1973 jq:1977 jq:1993",
    "the environment and other inputs: an expression sees its data only": "jq:2337 jq:2341 man:686 man:690",
    "what jq itself has, not what a definition may call": "jq:1553 jq:1557 jq:2157 jq:2161 jq:2165 jq:2169",
    "the time zone of the machine": "jq:1872 jq:1885 jq:2548",
    "a place in a program: a definition has places of its own": "jq:1499 jq:2304 man:341",
}
# Programs that run and give something else.
DIFFERENT = {
    "the text of an error names types and quotes no values": "base64:40 base64:45 jq:200 jq:701 jq:709 jq:720 jq:745"
    " jq:1258 jq:1302 jq:1448 jq:1481 jq:1839 jq:1997 jq:2001 jq:2005 jq:2034 jq:2038 jq:2046 jq:2050 jq:2054 jq:2058"
    " jq:2062 jq:2407 jq:2411 jq:2487 jq:2494 jq:2498 uri:65 uri:70 uri:75 uri:80 uri:85 uri:90",
    "the text of an error says what is no path, not what was done to it": "jq:1123 jq:1127 jq:1131 jq:1135 jq:1290"
    " jq:1294",
    "whole numbers are exact up to 64 bits, where jq rounds to doubles": "jq:2211 jq:2215 jq:2219 jq:2241",
    "text that says NaN is no JSON": "jq:2315 jq:2324",
    "more than 64 levels, and no program can catch that": "jq:2558 jq:2563 jq:2568 jq:2573 jq:2577 jq:2581 jq:2585"
    " jq:2598 jq:2602 jq:2607 jq:2611 jq:2616 jq:2621 jq:2625 jq:2629 jq:2633",
    "larger than a value may be, and no program can catch that": "jq:229 jq:1641",
    "more work than an evaluation may do": "jq:1895",
    "look-ahead: regular expressions are those of RE2": "onig:128",
}
TRIPLES = triples()


def _keys(table: dict[str, str]) -> dict[str, str]:
    return {key: reason for reason, keys in table.items() for key in keys.split()}


REFUSED_BY_KEY, DIFFERENT_BY_KEY = _keys(REFUSED), _keys(DIFFERENT)


def _compiles(triple: Triple) -> bool:
    try:
        return not compile_program(triple.program).variables  # jq gives a program no variables
    except ProgramError:
        return False


def _agrees(triple: Triple) -> bool:
    """Whether the results are those of the test; what follows the last of them may fail, as in jq's own runner."""
    assert triple.outputs is not None
    wanted = [value_of(output) for output in triple.outputs]
    data, count = value_of(triple.data), len(wanted)
    try:
        found = evaluate_once(f"[limit({count}; {triple.program}\n)]", data)
    except ExpressionError:
        return False
    if identity(found) != identity(wanted):
        return False
    try:
        return len(evaluate_once(f"[{triple.program}\n]", data)) == count
    except ExpressionError:
        return True


def test_own_tests_of_jq_are_at_hand() -> None:
    if not TRIPLES:
        if os.environ.get("CI") == "true":
            pytest.fail(ABSENT)
        pytest.skip(ABSENT)
    assert len(TRIPLES) == 879
    known = {triple.key for triple in TRIPLES}
    assert [key for key in (*REFUSED_BY_KEY, *DIFFERENT_BY_KEY) if key not in known] == []


@pytest.mark.parametrize("triple", TRIPLES, ids=lambda triple: triple.key)
def test_program_gives_what_jq_gives(triple: Triple) -> None:
    if triple.outputs is None:
        assert not _compiles(triple), "jq refuses the program"
    elif triple.key in REFUSED_BY_KEY:
        assert not _compiles(triple), f"it is not refused any more: {REFUSED_BY_KEY[triple.key]}"
    else:
        assert _compiles(triple)
        different = DIFFERENT_BY_KEY.get(triple.key)
        assert _agrees(triple) is (different is None), different and f"it agrees: {different}"
