"""YAML as data with places."""

from __future__ import annotations

import pytest

from streams.language.faults import MAX_FAULTS, DefinitionError, Severity
from streams.language.source import parse


def test_yaml_is_read_as_version_1_2() -> None:
    text = "on: yes\nnumber: 0755\noctal: 0o17\nhex: 0x1F\ntruth: true\nnothing: ~\nday: 2026-11-23\nversion: '1.0'\n"
    assert parse(text, "f").value == {
        "on": "yes",
        "number": 755,
        "octal": 15,
        "hex": 31,
        "truth": True,
        "nothing": None,
        "day": "2026-11-23",
        "version": "1.0",
    }


def test_json_is_yaml() -> None:
    assert parse('{"a": [1, 2.5, "x", null, true]}', "f").value == {"a": [1, 2.5, "x", None, True]}


def test_fault_is_placed_at_value_or_key() -> None:
    source = parse("a:\n  b: [1,\n      two]\n", "f")
    source.fault(("a", "b", 1), "x", "m", "r")
    source.fault(("a", "b"), "x", "m", "r", key=True)
    assert [(fault.line, fault.column) for fault in source.faults] == [(3, 7), (2, 3)]


@pytest.mark.parametrize("text", ["when: .a | nobody\n", "when: '.a | nobody'\n", 'when: "${ .a | nobody }"\n'])
def test_fault_inside_text_is_placed_exactly(text: str) -> None:
    source = parse(text, "f")
    source.fault_inside(("when",), ".a | nobody", 5, "x", "m", "r")
    assert text[source.faults[0].column - 1 :].startswith("nobody")


def test_fault_inside_folded_text_is_placed_at_its_beginning() -> None:
    source = parse("when: >\n  .a |\n  nobody\n", "f")
    source.fault_inside(("when",), ".a | nobody", 5, "x", "m", "r")
    assert (source.faults[0].line, source.faults[0].column) == (1, 7)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "empty"),
        ("a: [1\nb: 2", 2, "not YAML"),
        ("a: 1\n b: 2", 2, "not YAML"),
        ("a: &x 1\nb: *y", 2, "not YAML"),
        ("a: 1\n---\nb: 2", 2, "not YAML"),
        ("a: \x00", 1, "not YAML"),
    ],
)
def test_unreadable_text_is_refused_with_place(text: str, line: int, reason: str) -> None:
    with pytest.raises(DefinitionError, match=reason) as caught:
        parse(text, "f")
    assert caught.value.faults[0].line == line


def test_duplicate_key_is_fault_with_both_lines() -> None:
    source = parse("a: 1\nb: 2\na: 3\n", "f")
    assert [(fault.line, fault.code, fault.message) for fault in source.faults] == [
        (3, "duplicate-key", "`a` is already set in line 1")
    ]


@pytest.mark.parametrize("text", ["a: .nan", "a: .inf", "a: 99999999999999999999999", "a: !!binary aGk=", "? [1]\n: 2"])
def test_what_json_cannot_hold_is_fault(text: str) -> None:
    assert len(parse(text, "f").faults) == 1


def test_aliases_cannot_blow_up_a_file() -> None:
    text = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    with pytest.raises(DefinitionError, match="more than"):
        parse(text, "f")


def _only_line(text: str) -> str:
    """What is said of a text that has one fault, or that cannot be read at all."""
    try:
        (fault,) = parse(text, "f").faults
    except DefinitionError as error:
        (fault,) = error.faults
    return str(fault)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("1" * 5_000, "f:2:6: error[number]: a whole number of more than 64 bits"),
        ("0x" + "f" * 5_000, "f:2:6: error[number]: a whole number of more than 64 bits"),
        ("!!float abc", "f:2:6: error[number]: not a number of YAML 1.2"),
        ("!!float ''", "f:2:6: error[number]: not a number of YAML 1.2"),
        ("1_0.5", "f:2:6: error[number]: not a number of YAML 1.2"),
        ("-.INF", "f:2:6: error[number]: JSON has neither infinity nor NaN"),
        ("+.INF", "f:2:6: error[number]: JSON has neither infinity nor NaN"),
        (".NAN", "f:2:6: error[number]: JSON has neither infinity nor NaN"),
        ("1e" + "9" * 50, "f:2:6: error[number]: JSON has neither infinity nor NaN"),
        ("!!bool perhaps", "f:2:6: error[yaml-tag]: the text has the YAML tag !!bool and is none"),
        ('"\\ud800"', "f:2:6: error[text]: half of a surrogate pair"),
        ('{"\\udfff": 1}', "f:2:7: error[text]: half of a surrogate pair"),
        ("&x [*x]", "f:2:6: error[yaml]: with its aliases the file has more than"),
        ("[" * 500, "f:2:66: error[yaml]: the file has more than 60 levels"),
        ("[" + "a," * 200_000, "f:2:100001: error[yaml]: the file has more than 50,000 values"),
        ("{" + "a: 1," * 80_000, "error[yaml]: the file has more than 50,000 values"),
        ("[" + "[a]," * 80_000, "error[yaml]: the file has more than 50,000 values"),
    ],
)
def test_value_that_cannot_be_kept_takes_one_line(value: str, said: str) -> None:
    line = _only_line(f"a: 1\nb:   {value}\n")
    assert said in line
    assert "\n" not in line
    assert len(line) < 300


def test_deep_blocks_end_at_the_level_that_is_too_much() -> None:
    assert "f:61:61: error[yaml]: the file has more than 60 levels" in _only_line(
        "".join(f"{' ' * level}a:\n" for level in range(600))
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("".join("a: 1\n" for _ in range(40_000)), 39_999),
        ("".join(f"- !t{number} x\n" for number in range(2_000)), 2_000),
        ("".join(f"- .nan{' ' * (number % 3)}\n" for number in range(5_000)), 5_000),
    ],
)
def test_very_many_faults_are_counted_and_not_listed(text: str, found: int) -> None:
    faults = parse(text, "f").faults
    assert len(faults) == MAX_FAULTS + 1
    assert faults[-1].message == f"and {found - MAX_FAULTS:,} more"
    assert faults[-1].severity is Severity.ERROR


def test_anchor_may_be_set_twice_as_yaml_has_it() -> None:
    assert parse("a: &x 1\nb: *x\nc: &x 2\nd: *x\n", "f").value == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_fault_that_is_found_twice_is_told_once() -> None:
    source = parse("a: 1\n", "f")
    for _ in range(3):
        source.fault(("a",), "x", "m", "r", severity=Severity.WARNING)
    assert len(source.faults) == 1
