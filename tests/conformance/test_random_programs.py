"""Random programs of the dialect give what the reference implementation of jq gives, errors included.

What is known to differ is left out of the programs: it stands in PROFILE.md and in the lists of `test_jq`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import jq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from streams.language.expressions import ExpressionError, evaluate_once
from streams.language.keywords import identity

DATA: dict[str, Any] = {
    "a": [1, 2, 3], "n": 3, "f": 2.5, "s": "a,b, c", "u": "Größe 10 cm", "t": True, "z": None, "e": [], "d": {},
    "o": {"k": "x", "v": [None, False, 0]}, "rows": [{"k": "y", "v": 1}, {"k": "x", "v": 2}, {"k": "y", "v": None}],
}  # fmt: skip


def _listed(text: str) -> st.SearchStrategy[str]:
    """Those that stand in the text, with tildes or line breaks between them."""
    return st.sampled_from([each.strip() for each in re.split(r"~|\n", text) if each.strip()])


PATHS = _listed(r"""
    .  ~  .a  ~  .n  ~  .f  ~  .s  ~  .u  ~  .t  ~  .z  ~  .e  ~  .d  ~  .o  ~  .rows  ~  .a[]
    .rows[]  ~  .rows[].k  ~  .o.v  ~  .a[1]  ~  .a[-1]  ~  .a[1:]  ~  .s[:3]  ~  .o[]  ~  .rows[0].v
    .missing  ~  .missing.deeper  ~  .rows[1:][].v  ~  .n.x  ~  .s[]  ~  .a.k  ~  .["s"]  ~  .a[.n - 2]
    .o.v[]  ~  (.rows[] | select(.k == "y"))  ~  ..  ~  .a[1.7]
""")
GUARDED = st.sampled_from([".n.x?", ".o.k.x?", ".s[]?", ".a.k?", ".o.v[].x?", ".a[]?", ".n.x?.y", ".s.x[0]?", "..?"])
CONSTANTS = st.sampled_from(
    ["0", "1", "2.5", "-1", '"a"', '"b, c"', '""', "null", "true", "false", "[]", "{}", "[1,2]"]
)
FUNCTIONS = _listed(r"""
    length  ~  type  ~  not  ~  tostring  ~  tojson  ~  keys  ~  sort  ~  add  ~  min  ~  max  ~  unique
    reverse  ~  first  ~  last  ~  flatten  ~  to_entries  ~  tonumber  ~  floor  ~  round  ~  ceil
    fabs  ~  ascii_downcase  ~  explode  ~  any  ~  all  ~  empty  ~  values  ~  nulls  ~  paths
    tostream  ~  trim  ~  ltrim  ~  transpose  ~  @json  ~  @text  ~  @csv  ~  @html  ~  @uri  ~  @base64
    @sh  ~  utf8bytelength  ~  abs  ~  error  ~  split(",")  ~  join("-")
    test("^\\w+")  ~  [scan("\\w+")]  ~  gsub("\\s+"; "_")  ~  sub("(?<x>b)"; "<\(.x)>")
    [match("[a-z]+"; "g") | .offset, .length]  ~  gsub("$"; "!")  ~  gsub("^"; "!")  ~  [splits(", *")]
    has("k")  ~  startswith("a")  ~  endswith("c")  ~  ltrimstr("a")  ~  contains("b")  ~  strings | index(",")
    indices(1)  ~  has(0)  ~  map(. + 1)  ~  map_values(. + 1)  ~  with_entries(.value |= tostring)
    sort_by(.k)  ~  group_by(.k)  ~  map(.k?)  ~  min_by(.v)  ~  max_by(.v)  ~  unique_by(.k)
    limit(2; .[])  ~  first(.[])  ~  isempty(.[])  ~  del(.[0])  ~  del(.k)  ~  [.[]?]  ~  [..]  ~  .[0]
    .k  ~  [.[] | tostring]  ~  to_entries[0].key  ~  walk(.)  ~  [recurse]  ~  pick(.k)
    [limit(4; repeat(. * 2))]  ~  [limit(9; while(. < 9; . * 2))]  ~  until(. > 9; . + 1000)  ~  splits(",")
    ascii_upcase  ~  sub("(?<x>\\w)"; "<\(.x)>"; "g")  ~  [match("\\b\\w"; "g").string]
    test("größe"; "ix")  ~  capture("(?<y>\\d+)")  ~  [scan("[[:alpha:]]+")]  ~  [scan("(\\w)(\\s)?")]
    numbers | todate  ~  gmtime  ~  -.  ~  nth(1; .[])  ~  [skip(1; .[])]  ~  last(.[])  ~  .[[1]]
    .[1:3]  ~  .[-2:]  ~  join(", ")  ~  implode  ~  @tsv  ~  INDEX(.k)  ~  [splits("\\s")]
    getpath(["o", "k"])  ~  del(.[1:])  ~  del(.[])  ~  indices([1, 2])  ~  sqrt  ~  pow(.; 2)
    strings | @base64d  ~  tojson | fromjson  ~  fromjson  ~  getpath(["k"])  ~  any(. == 1)  ~  all(.[]; . == 1)
    IN(1, 3)
""")
BINARY = st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "//", "and", "or", "|", ","])
UPDATES = st.sampled_from(["=", "|=", "+=", "-=", "//="])
TARGETS = st.sampled_from([".a", ".n", ".a[0]", ".o.k", ".missing.x", ".rows[].v", ".a[1:]", ".a[]", ".o?", "(.n, .f)"])
PROGRAMS = st.recursive(
    PATHS | GUARDED | CONSTANTS,
    lambda inner: st.one_of(
        st.builds("({} | {})".format, inner, FUNCTIONS),
        st.builds("({} {} {})".format, inner, BINARY, inner),
        st.builds("[{}]".format, inner),
        st.builds("(try {} catch \"failed\")".format, inner),
        st.builds("({})?".format, inner),
        st.builds("(if {} then {} else {} end)".format, inner, inner, inner),
        st.builds("{{x: {}, y: {}}}".format, inner, inner),
        st.builds("(reduce {} as $x ({}; . + {}))".format, inner, CONSTANTS, inner),
        st.builds("[foreach {} as $x (0; . + 1; [., $x])]".format, inner),
        st.builds("({} as [$x, $y] | [$y, $x, {}])".format, inner, inner),
        st.builds("(label $out | {} | ., break $out)".format, inner),
        st.builds("({} {} {})".format, TARGETS, UPDATES, inner),
        st.builds("[path({})]".format, st.one_of(PATHS, GUARDED)),
        st.builds("(def f: {}; def g(h): h | h; g(f))".format, inner),
        st.builds('"\\({}) and \\({})"'.format, inner, inner),
    ),
    max_leaves=6,
)  # fmt: skip


@lru_cache(maxsize=64)
def _reference(source: str) -> Any:
    return jq.compile(f"[limit(50; {source})]")


def _outcome(source: str) -> Any:
    try:
        return evaluate_once(f"[limit(50; {source})]", DATA)
    except ExpressionError as error:
        assume(not error.reason.startswith(("needs more than", "makes or reads", "makes a text")))  # limits of our own
        return ExpressionError


def _close(found: Any, wanted: Any) -> bool:
    """Equal as JSON; doubles may differ in their last digit, for jq divides whole numbers as doubles."""
    if isinstance(found, float) or isinstance(wanted, float):
        return type(found) in (int, float) and type(wanted) in (int, float) and found == pytest.approx(wanted)
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(_close, found, wanted))
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(_close(found[key], wanted[key]) for key in wanted)
    return bool(identity(found) == identity(wanted))


@settings(max_examples=400, deadline=None)
@given(PROGRAMS)
def test_random_programs_agree_with_reference_jq(source: str) -> None:
    try:
        wanted = _reference(source).input_value(DATA).first()
    except ValueError:
        wanted = ExpressionError
    found = _outcome(source)
    assert found is wanted if ExpressionError in (found, wanted) else _close(found, wanted), (found, wanted)
