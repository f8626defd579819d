"""Requests as they go over the wire: those that a gateway must refuse, and those that are just right.

To add one, add a line to `REFUSED` or `TAKEN`.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib

from streams.gateway.webhooks import signature
from tests.support.desk import TASK_ID
from tests.support.gateways import NOW_S, SECRETS
from tests.support.waiting import PATIENCE_S

JSON = b"content-type: application/json\r\n"
STRUCTURED = b"content-type: application/cloudevents+json\r\n"
BINARY = JSON + b"ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t.v1\r\n"
YAML = b"content-type: application/yaml\r\n"
EVENT = b'{"specversion":"1.0","id":"1","source":"/s","type":"t.v1","data":%s}'
ANSWER = b'{"outcome":"approve","actor":"kim","data":%s}'
COMPLETE = f"/v1/tasks/{TASK_ID}/complete".encode()
CANCEL = b"/v1/instances/" + b"ab" * 16 + b"/cancel"


def post(path: bytes, body: bytes = b"{}", headers: bytes = JSON, method: bytes = b"POST") -> bytes:
    head = b"%s %s HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n" % (method, path)
    return head + headers + b"content-length: %d\r\n\r\n" % len(body) + body


def get(path: bytes, headers: bytes = b"") -> bytes:
    return post(path, b"", headers, b"GET")


def hook(id_: str = "m1", timestamp: str = str(NOW_S), body: bytes = b"{}", more: bytes = b"") -> bytes:
    """Signed as it should be, whatever it is."""
    signed = signature(SECRETS[0], id_, timestamp, body)
    said = f"webhook-id: {id_}\r\nwebhook-timestamp: {timestamp}\r\nwebhook-signature: {signed}\r\n"
    return post(b"/v1/hooks/applications", body, JSON + said.encode(errors="surrogateescape") + more)


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def answered(**members: str) -> bytes:
    return json.dumps({"outcome": "approve", "actor": "kim", **members}).encode()


def ended(**members: str) -> bytes:
    return json.dumps({"reason": "withdrawn", **members}).encode()


UNFIT_DATA = {
    "too deep": deep(201),
    "deep as the writer goes": deep(254),
    "deeper than it writes": deep(400),
    "deeper than it reads": deep(9_000),
    "a lone surrogate": rb'"\ud800"',
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "a number that is infinite": b"1e400",
    "a whole number beyond 64 bits": b"[18446744073709551616]",
    "bytes that are no text": b'"\xff"',
    "nothing": b"",
}
UNFIT_LINES = {
    "nothing": "",
    "blanks": "  ",
    "long": "x" * 201,
    "very long": "x" * 100_000,
    "NUL": "a\0b",
    "an escape": "\x1b[31mred",
    "C1": "\x9b2J",
    "a line end": "a\nb",
    "turned round": "a\u202eb",
    "a paragraph": "a\u2029b",
}
REFUSED = {
    **{f"actor of an answer: {name}": post(COMPLETE, answered(actor=text)) for name, text in UNFIT_LINES.items()},
    **{f"actor of an end: {name}": post(CANCEL, ended(actor=text)) for name, text in UNFIT_LINES.items() if text},
    **{f"reason of an end: {name}": post(CANCEL, ended(reason=text)) for name, text in UNFIT_LINES.items()},
    **{f"event data: {name}": post(b"/v1/events", EVENT % data, STRUCTURED) for name, data in UNFIT_DATA.items()},
    **{f"binary event: {name}": post(b"/v1/events", data or b"x", BINARY) for name, data in UNFIT_DATA.items()},
    **{f"webhook: {name}": hook(body=data) for name, data in UNFIT_DATA.items()},
    **{f"answer: {name}": post(COMPLETE, ANSWER % data) for name, data in UNFIT_DATA.items()},
    **{f"reason: {name}": post(CANCEL, b'{"reason":%s}' % data) for name, data in UNFIT_DATA.items()},
    **{f"definition: {name}": post(b"/v1/definitions", data, YAML) for name, data in UNFIT_DATA.items()},
    **{f"answer in full: {name}": post(COMPLETE, data) for name, data in UNFIT_DATA.items()},
    **{
        f"byte above 127 in {name.decode()}": post(path, b"{}", headers + name + b": \xff\r\n")
        for path, headers, name in (
            (b"/v1/hooks/applications", JSON + b"webhook-id: 1\r\nwebhook-timestamp: 1\r\n", b"webhook-signature"),
            (b"/v1/hooks/applications", JSON + b"webhook-signature: 1\r\nwebhook-timestamp: 1\r\n", b"webhook-id"),
            (b"/v1/hooks/applications", JSON + b"webhook-signature: 1\r\nwebhook-id: 1\r\n", b"webhook-timestamp"),
            (b"/v1/events", BINARY.replace(b"ce-id: 1\r\n", b""), b"ce-id"),
            (b"/v1/events", BINARY, b"ce-x"),
            (COMPLETE, JSON, b"idempotency-key"),
            (b"/v1/events", b"", b"content-type"),
            (b"/v1/events", BINARY, b"content-encoding"),
            (b"/v1/events", BINARY, b"expect"),
            (b"/nowhere", BINARY, b"accept"),
        )
    },
    "signed, with an id that is no text": hook(id_="\udcff"),
    "signed long ago, written long": hook(timestamp=f"00000{NOW_S}" + "9" * 40),
    "signed, with a time of other digits": hook(timestamp="١٢٣"),
    "signed, with a time that Python could not read": hook(timestamp="9" * 5000),
    "signed, without a body": hook(body=b""),
    "signature without a body": post(b"/v1/hooks/applications", b"", b"webhook-signature: v1,\xff\r\n"),
    "no such hook": post(b"/v1/hooks/%00"),
    "gzip that is none": post(b"/v1/events", b"\0\1\2", BINARY + b"content-encoding: gzip\r\n"),
    "gzip cut off": post(b"/v1/events", gzip.compress(b"{}" * 999)[:20], BINARY + b"content-encoding: gzip\r\n"),
    "deflate that is none": post(b"/v1/events", b"\xff\xff", BINARY + b"content-encoding: deflate\r\n"),
    "a bomb": post(b"/v1/events", gzip.compress(b" " * 5_000_000), BINARY + b"content-encoding: gzip\r\n"),
    "unknown packing": post(b"/v1/events", b"{}", BINARY + b"content-encoding: foo\r\n"),
    "packed twice": post(b"/v1/events", b"{}", BINARY + b"content-encoding: gzip, gzip\r\n"),
    "packed hook of another kind": hook(more=b"content-encoding: br\r\n"),
    "two ids": post(b"/v1/events", b"{}", BINARY + b"ce-id: 2\r\n"),
    "two types": post(b"/v1/events", b"{}", JSON + b"content-type: text/plain\r\n"),
    "two keys": post(COMPLETE, ANSWER % b"{}", JSON + b"idempotency-key: a\r\nidempotency-key: b\r\n"),
    "two signatures": hook(more=b"webhook-signature: v1,x\r\n"),
    "two lengths": post(b"/v1/events", b"{}", BINARY + b"content-length: 3\r\n"),
    "two hosts": post(b"/v1/events", b"{}", BINARY + b"host: example.org\r\n"),
    "a foreign host": b"GET /v1/tasks HTTP/1.1\r\nhost: ex\xffample.org\r\nconnection: close\r\n\r\n",
    "two ways to say how long": post(b"/v1/events", b"{}", BINARY + b"transfer-encoding: chunked\r\n"),
    "broken chunks": b"POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n" + BINARY
    + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "an unknown Expect": post(b"/v1/events", b"{}", BINARY + b"expect: miracles\r\n"),
    "an unknown Expect at no door": get(b"/nowhere", b"expect: miracles\r\n"),
    "a long header": post(b"/v1/events", b"{}", BINARY + b"ce-y: " + b"x" * 70_000 + b"\r\n"),
    "a long attribute": post(b"/v1/events", b"{}", BINARY + b"ce-y: " + b"x" * 7_000 + b"\r\n"),
    "very many attributes": post(b"/v1/events", b"{}", BINARY + b"".join(b"ce-a%d: x\r\n" % n for n in range(100))),
    "a header's name that is none": post(b"/v1/events", b"{}", BINARY + b"c\xffe-y: x\r\n"),
    "NUL in a header": post(b"/v1/events", b"{}", BINARY + b"ce-y: a\0b\r\n"),
    "NUL, percent-encoded": post(b"/v1/events", b"{}", BINARY + b"ce-y: a%00b\r\n"),
    "half a character, percent-encoded": post(b"/v1/events", b"{}", BINARY + b"ce-y: %c3\r\n"),
    "a surrogate, percent-encoded": post(b"/v1/events", b"{}", BINARY + b"ce-y: %ed%a0%80\r\n"),
    "no HTTP": b"\x16\x03\x01\x02\0\1\0\1\xfc\3\3" + b"\0" * 40 + b"\r\n\r\n",
    "an unknown method": post(b"/v1/events", b"{}", BINARY, b"BREW"),
    "a method of other letters": post(b"/v1/events", b"{}", BINARY, b"P\xd6ST"),
    "another version": b"GET /v1/tasks HTTP/9.9\r\nhost: 127.0.0.1\r\n\r\n",
    "no host": b"GET /v1/tasks HTTP/1.1\r\n\r\n",
    "a raw byte in the path": get(b"/v1/tasks/\xff"),
    "a byte in the path": get(b"/v1/tasks/%ff"),
    "a surrogate in the path": get(b"/v1/tasks/%ed%a0%80"),
    "NUL in the path": get(b"/v1/instances/%00"),
    "a byte in a path that is written to": post(b"/v1/instances/%ff%00/cancel", b'{"reason":"x"}'),
    "a byte in the query": get(b"/v1/instances?workflow=%ff&status=%00"),
    "NUL in the query": get(b"/v1/instances?workflow=a%00b"),
    "a cursor that is none": get(b"/v1/tasks?cursor=%ff%00"),
    "a long number": get(b"/v1/tasks?limit=" + b"9" * 5_000),
    "a time that is none": get(b"/v1/instances?since=99999-01-01T00:00:00Z"),
    "a version beyond a number": post(COMPLETE, b'{"outcome":"approve","actor":"a","expected_version":1e99}'),
    "a member twice": post(COMPLETE, b'{"outcome":"approve","actor":"a","actor":{"a":1}}'),
    "no object": post(COMPLETE, b"[]"),
    "deep members": post(CANCEL, b'{"reason":"x","' + b"y" * 9_000 + b'":1}'),
    "zlib that goes on": post(b"/v1/events", zlib.compress(b"{}")[:-3], BINARY + b"content-encoding: deflate\r\n"),
}  # fmt: skip


TAKEN = {
    "data as deep as it may be": post(b"/v1/events", deep(200), BINARY),
    "the largest whole number": post(b"/v1/events", b"[18446744073709551615,-9223372036854775808]", BINARY),
    "long digits in a text": post(b"/v1/events", b'"123456789012345678901234567890"', BINARY),
    "a name of any letters": post(COMPLETE, answered(actor="Žofie O’Hara 李")),
    "packed": post(b"/v1/events", gzip.compress(b"{}"), BINARY + b"content-encoding: gzip\r\n"),
    "not packed, and said so": post(b"/v1/events", b"{}", BINARY + b"content-encoding: Identity\r\n"),
    "UTF-8 in a header": post(b"/v1/events", b"{}", BINARY + "ce-subject: Žofie\r\n".encode()),
    "an answer as deep as it may be": post(COMPLETE, ANSWER % deep(200)),
    "a team that nobody has": get(b"/v1/tasks?team=%ed%a0%80"),
    "a client that asks first": post(b"/v1/events", b"{}", BINARY + b"expect: 100-continue\r\n"),
}


async def answer(port: int, request: bytes) -> tuple[int, str, bytes]:
    """Status, media type and body of what a gateway says to a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
    if head.startswith(b"HTTP/1.1 100"):
        head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
    body = await reader.readexactly(int(fields["content-length"]))
    writer.close()
    return int(head.split(b" ", 2)[1]), fields["content-type"], body
