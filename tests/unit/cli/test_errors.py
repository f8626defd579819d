"""`exlify errors`: the one table of reasons, whole."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from schemas.reasons import ADVICE, MEANINGS, Advice, Reason
from streams.cli import group
from streams.ground.errors import UsageError


def asked(*words: str) -> Result:
    return CliRunner().invoke(group, ["errors", *words], catch_exceptions=False)


def test_every_reason_of_the_table_is_listed_and_no_success() -> None:
    rows = json.loads(asked("--json").output)["errors"]
    assert [row["reason"] for row in rows] == [each for each in MEANINGS if each is not Reason.OK]
    shown = asked().output
    assert all(row["reason"] in shown and row["title"] in shown for row in rows)
    assert set(ADVICE) == set(Advice)


@pytest.mark.parametrize("reason", ["OUTCOME_UNKNOWN", "outcome_unknown"])
def test_one_reason_says_when_to_try_again(reason: str) -> None:
    shown = asked(reason).output
    assert MEANINGS[Reason.OUTCOME_UNKNOWN].title in shown and ADVICE[Advice.RESOLVE_FIRST] in shown
    found = json.loads(asked(reason, "--json").output)
    assert (found["status"], found["again"], found["trips"]) == (500, "resolve_first", True)


@pytest.mark.parametrize("reason", ["NO_SUCH", "OK"])
def test_what_is_none_is_told_with_a_remedy(reason: str) -> None:
    with pytest.raises(UsageError, match=f"there is no {reason}. See exlify errors"):
        asked(reason)
