"""Database errors by their codes, wherever the driver keeps them."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError

from connectors.sql.sqlstate import reason_of
from schemas.reasons import Reason


class PsycopgError(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__("quoted 'value'")
        self.sqlstate = sqlstate


def wrapped(orig: Exception) -> DBAPIError:
    return OperationalError("SELECT 1", {}, orig)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("08006", Reason.UNREACHED),
        ("22P02", Reason.INPUT_INVALID),
        ("23502", Reason.INPUT_INVALID),
        ("23505", Reason.ALREADY_DONE),
        ("28P01", Reason.CONNECTION_STALE),
        ("3D000", Reason.MISCONFIGURED),
        ("40001", Reason.CONFLICT),
        ("40P01", Reason.CONFLICT),
        ("42501", Reason.FORBIDDEN),
        ("42P01", Reason.INPUT_INVALID),
        ("53100", Reason.REMOTE_FAULT),
        ("55P03", Reason.CONFLICT),
        ("57014", Reason.TIMED_OUT),
        ("57P03", Reason.UNREACHED),
        ("XX000", Reason.REMOTE_FAULT),
    ],
)
def test_longest_known_prefix_of_the_state_decides(state: str, reason: Reason) -> None:
    assert reason_of(wrapped(PsycopgError(state))) == (reason, state)


def test_state_in_a_dictionary_is_found() -> None:
    assert reason_of(wrapped(Exception({"C": "40001", "M": "text"}))) == (Reason.CONFLICT, "40001")


def test_error_without_a_code_is_the_connections() -> None:
    assert reason_of(wrapped(Exception("server closed the connection")))[0] is Reason.UNREACHED


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('connection failed: FATAL:  password authentication failed for user "kim"', "the user or the password"),
        ('connection to server at "10.0.0.7", port 1 failed: Connection refused', "nothing listens"),
        ("failed to resolve host 'hr.internal'", "cannot be resolved"),
        ("something of a kind that nobody has seen", "the connection to the database failed"),
    ],
)
def test_error_without_a_code_is_told_in_words_and_without_names(text: str, words: str) -> None:
    _, told = reason_of(wrapped(Exception(text)))
    assert words in told
    assert not {"kim", "10.0.0.7", "hr.internal", "OperationalError", "Exception"} & set(told.replace("'", " ").split())
