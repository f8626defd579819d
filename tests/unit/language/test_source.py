"""YAML as data with places."""

from __future__ import annotations

import pytest

from streams.language.faults import DefinitionError
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
