"""What the sandbox's systems take and answer."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import orjson
import pytest
from lxml import etree

from infra.sandbox.compliance import prepare
from infra.sandbox.systems import UnacceptableError, open_account, order, request_part, send_letter, verify


def person(number: int) -> bytes:
    return orjson.dumps({"applicant": {"given_name": "Ada", "family_name": str(number)}})


def test_same_person_gets_the_same_verdict() -> None:
    assert verify(person(1)) == verify(person(1)) != verify(person(2))


def test_few_persons_are_refused() -> None:
    verdicts = [orjson.loads(verify(person(number)))["status"] for number in range(1_000)]
    assert 10 < verdicts.count("refused") < 60
    assert set(verdicts) == {"verified", "refused"}


def test_account_number_follows_from_the_request() -> None:
    document = b"<account><applicationId>A-1</applicationId></account>"
    first, again = (etree.fromstring(open_account(document)).findtext("number") for _ in range(2))
    assert first == again and first and len(first) == 10
    assert open_account(document.replace(b"A-1", b"A-2")) != open_account(document)


def test_letter_gets_an_id() -> None:
    answer = orjson.loads(send_letter(b'{"to": "ada@example.org", "template": "welcome"}'))
    assert answer["status"] == "queued" and answer["message_id"].startswith("MSG-")


def test_suppliers_confirm_what_they_have() -> None:
    wanted = b'{"reference": "D-1", "part": "valve", "quantity": 500, "needed_by": "2026-12-01"}'
    assert orjson.loads(order(wanted))["confirmed_for"] == "2026-12-01"
    asked = b"<request><reference>D-1</reference><article>valve</article><pieces>2000</pieces></request>"
    confirmed = etree.fromstring(request_part(asked))
    assert confirmed.findtext("number", "").startswith("T-")
    for system, more in ((order, wanted.replace(b"500", b"501")), (request_part, asked.replace(b"2000", b"2001"))):
        with pytest.raises(UnacceptableError, match="pieces can be delivered at once"):
            system(more)


@pytest.mark.parametrize(
    ("system", "body"),
    [
        (verify, b"{"),
        (verify, b"[]"),
        (verify, b'{"applicant": {}}'),
        (open_account, b"<account>"),
        (open_account, b"<account/>"),
        (open_account, b"<other><a/></other>"),
        (order, b'{"part": "valve"}'),
        (request_part, b"<request><article>valve</article><pieces>some</pieces></request>"),
        (send_letter, b'{"to": "x"}'),
        (send_letter, b'{"to": 1, "template": "x"}'),
    ],
)
def test_requests_out_of_order_are_refused(system: object, body: bytes) -> None:
    assert callable(system)
    with pytest.raises(UnacceptableError):
        system(body)


def test_checks_survive_a_new_start(tmp_path: Path) -> None:
    path = tmp_path / "compliance.sqlite"
    assert prepare(path) == f"sqlite:///{path}"
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO checks (step_id, application_id, result) VALUES ('s', 'A-1', 'clear')")
    prepare(path)
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM checks").fetchone() == (1,)
        assert database.execute("SELECT count(*) FROM sanctioned").fetchone()[0] > 0
