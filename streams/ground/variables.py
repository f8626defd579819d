"""Which variables of the environment are meant for us: the declared ones, the misspelt ones, and those that are not.

A variable close to a declared one is a slip of the pen, and starting without what was meant would be worse than not
starting. One that resembles nothing may belong to another release, so it is told and passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from streams.ground.setting import PLACEHOLDER, Spec

PREFIX = "EXLIFY_"
FOR_TESTS = (
    "EXLIFY_CRASH_SEED",
    "EXLIFY_RELEASE",
    "EXLIFY_PROFILE",
    "EXLIFY_SHARED_DATA",
    "EXLIFY_TEST_<NAME>",
    "EXLIFY_TOY_<NAME>",
)
"""What tests and benchmarks read for themselves; processes that they start inherit it and pass it over."""

_SERVICE = re.compile(r"EXLIFY(_\w+)?_SERVICE_(HOST|PORT(_\w+)?)")
_LINK = re.compile(r"EXLIFY(_\w+)?_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?")
_LINK_ADDRESS = re.compile(r"(tcp|udp|sctp)://")
_LONG_WORD = 7  # letters; only in such a word two slips are forgiven


def is_injected(variable: str, value: str) -> bool:
    """Whether Kubernetes has set it for a service named `exlify…`, as it does in every pod of the namespace."""
    if _SERVICE.fullmatch(variable) and "://" not in value:
        return True
    linked = variable.startswith("EXLIFY") and variable.endswith("_PORT") and _LINK_ADDRESS.match(value)
    return bool(linked or _LINK.fullmatch(variable))


def doubts(environ: Mapping[str, str], declared: Iterable[Spec]) -> tuple[list[str], list[str]]:
    """Lines about variables of ours that nothing declares: those that refuse the start, and those to warn of."""
    known = [each.variable for each in declared] + [each.file_variable for each in declared if each.file_variable]
    refused, warned = [], []
    for variable, value in sorted(environ.items()):
        if not variable.upper().startswith(PREFIX) or is_injected(variable, value):
            continue
        if any(_is(variable, each) for each in (*known, *FOR_TESTS)):
            continue
        meant = next((each for each in known if _resembles(variable.upper(), each)), None)
        if meant is not None:
            refused.append(f"{variable}: no setting has this name. Probably {meant} is meant; correct or remove it.")
        else:
            warned.append(f"{variable}: no setting has this name; it is passed over. Another release may know it.")
    return refused, warned


def _is(variable: str, declared: str) -> bool:
    head, place, tail = declared.partition(PLACEHOLDER)
    if not place:
        return variable == declared
    return variable.startswith(head) and variable.endswith(tail) and len(variable) > len(head) + len(tail)


def _resembles(variable: str, declared: str) -> bool:
    """Whether it is the declared name but for a slip; of a family, whether what surrounds the name is."""
    head, place, tail = declared.partition(PLACEHOLDER)
    if not place:
        return _is_close(_words(variable), _words(declared))
    words, before, after = _words(variable), _words(head), _words(tail)
    if len(words) <= len(before) + len(after):
        return False
    last = len(words) - len(after)
    return _is_close(words[: len(before)], before) and _is_close(words[last:], after)


def _words(variable: str) -> list[str]:
    return [word for word in variable.removeprefix(PREFIX).split("_") if word]


def _is_close(words: list[str], wanted: list[str]) -> bool:
    """One slip at most, separators forgotten; or one in each of two words, or two in a long one."""
    if _distance("".join(words), "".join(wanted)) <= 1:
        return True
    if len(words) != len(wanted):
        return False
    slips = [_distance(*pair) for pair in zip(words, wanted, strict=True)]
    bearable = all(slip <= (2 if len(word) >= _LONG_WORD else 1) for slip, word in zip(slips, wanted, strict=True))
    return bearable and sum(slips) <= 2


def _distance(one: str, other: str) -> int:
    """Letters left out, added, changed or swapped with their neighbour."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, counterpart in enumerate(other, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != counterpart))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == counterpart:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]
