"""A mail that came is read as it is meant, or refused; whatever it holds, it costs a moment."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.codecs.scalars import CodecError
from connectors.mail.reading import read
from schemas.payload import Door, Payload
from tests.support.cost import costs_within


def mail(**headers: str) -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    for name, value in {"From": "Ada <ada@example.org>", "To": "desk@example.com", **headers}.items():
        made[name.replace("_", "-")] = value
    return made


def test_texts_people_and_attachments_are_found() -> None:
    made = mail(Subject="Grüße", Cc="a@example.org, B <b@example.org>", Date="Fri, 27 Nov 2026 03:00:00 +0100")
    made.set_content("Hello Ünïcode", charset="iso-8859-15")
    made.add_alternative("<p>Hello</p>", subtype="html")
    made.add_attachment(b"\x00\x01", maintype="application", subtype="pdf", filename="Änderung.pdf")
    made.add_attachment("a,b\n", subtype="csv", filename="x.csv")
    found: Any = read(made.as_bytes())
    assert (found["subject"], found["date"]) == ("Grüße", "2026-11-27T02:00:00.000Z")
    assert [each["address"] for each in found["cc"]] == ["a@example.org", "b@example.org"]
    assert (found["text"].strip(), found["html"].strip()) == ("Hello Ünïcode", "<p>Hello</p>")
    first, second = found["attachments"]
    assert first == {"filename": "Änderung.pdf", "contentType": "application/pdf", "size": 2, "base64": "AAE="}
    assert (second["filename"], second["contentType"]) == ("x.csv", "text/csv")


def test_what_is_missing_is_null_or_empty() -> None:
    found: Any = read(b"")
    assert (found["subject"], found["date"], found["from"], found["text"]) == (None, None, [], "")
    undated: Any = read(b"Date: when?\r\n\r\nx")
    assert undated["date"] is None


def test_a_text_that_is_attached_is_an_attachment() -> None:
    made = mail()
    made.set_content("the text")
    made.add_attachment("another", filename="a.txt")
    found: Any = read(made.as_bytes())
    assert (found["text"].strip(), len(found["attachments"])) == ("the text", 1)


MULTI = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
SLOW = b"x" * 400_000 + b"-" + b"a" * 400_000
ATTACHED = b"--b\r\nContent-Disposition: attachment;"
SLOW_WORD = b"=?punycode?q?" + b"x" * 70 + b"-" + b"a" * 70 + b"?= "
HOSTILE = {
    "deep": b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(3_000)),
    "many parts": MULTI + b"--b\r\n\r\nx\r\n" * 50_000,
    "long header": b"Subject: " + b"=?utf-8?q?a?= " * 50_000 + b"\r\n\r\nx",
    "many addresses": b"To: " + b"a@b, " * 150_000 + b"\r\n\r\nx",
    "comments": b"From: " + b"(" * 100_000 + b"\r\n\r\nx",
    "many headers": b"X-A: b\r\n" * 100_000 + b"\r\nx",
    "slow charset": b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"x" * 450_000 + b"-" + b"a" * 440_000,
    "slow words": b"".join(b"To: " + SLOW_WORD * 60 + b" <a@b>\r\n" for _ in range(90)) + b"\r\nx",
    "long lists": b"".join(b"Cc: " + b"a@b, " * 900 + b"\r\n" for _ in range(90)) + b"\r\nx",
    "long head of a part": MULTI + b"--b\r\nContent-Type: text/plain" + b"; a=b" * 150_000 + b"\r\n\r\nx\r\n--b--",
    "long name": MULTI + ATTACHED + b' filename="' + b"(" * 800_000 + b'"\r\n\r\nx\r\n--b--',
    "slow name": MULTI + ATTACHED + b"\n filename*=punycode''" + SLOW + b"\r\n\r\nx\r\n--b--",
    "slow names": MULTI + (ATTACHED + b" filename*=punycode''" + SLOW[396_000:404_000] + b"\r\n\r\nx\r\n") * 80,
}  # fmt: skip
ODD = {
    "charset": b"Content-Type: text/plain; charset=klingon\r\n\r\nx",
    "base64": b"Content-Transfer-Encoding: base64\r\n\r\n!!!!",
    "encoding": b"Content-Transfer-Encoding: nothing\r\n\r\nx",
    "nul": b"Subject: a\x00b\r\n\r\n\x00\xff",
    "surrogates": b"Subject: \xff\xfe\r\nFrom: \xff <\xff@\xff>\r\n\r\n\xed\xa0\x80",
    "no boundary": b"Content-Type: multipart/mixed\r\n\r\nx",
    "header twice": b"Subject: a\r\nSubject: b\r\nFrom: a@b\r\nFrom: c@d\r\n\r\nx",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_mails_cost_a_moment(content: bytes) -> None:
    def work() -> None:
        try:
            Payload.from_outside(read(content), Door.INTAKE)
        except CodecError as refused:
            assert "example" not in str(refused)

    assert costs_within(150, work)  # the dearest of them takes 24


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_odd_mails_are_read(content: bytes) -> None:
    Payload.from_outside(read(content), Door.INTAKE)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(head: bytes, body: bytes) -> None:
    for content in (head + b"\r\n\r\n" + body, MULTI + b"--b\r\n" + head + b"\r\n\r\n" + body + b"\r\n--b--"):
        try:
            Payload.from_outside(read(content), Door.INTAKE)
        except CodecError:
            continue
