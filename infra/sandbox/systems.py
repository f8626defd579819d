"""The HTTP systems: what each takes, and what it answers. Answers depend on the request alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson
from lxml import etree

REFUSED_PERCENT = 3
FOUNDRY_HAS, TRADER_HAS = 500, 2_000  # pieces at once
JSON = "application/json"
XML = "application/xml"


class UnacceptableError(Exception):
    """The request is not one that the system takes; the text says why."""


@dataclass(frozen=True, slots=True)
class System:
    """One system with one effectful endpoint."""

    name: str
    path: str
    status: int  # of the answer
    media_type: str  # of requests and answers
    answer: Callable[[bytes], bytes]  # raises UnacceptableError
    problem: Callable[[str], bytes]


def verify(body: bytes) -> bytes:
    """Identity: `{"applicant": {...}}` → `{"status": "verified" | "refused", "reference"}`; about 3 % are refused."""
    applicant = _object(body).get("applicant")
    if not isinstance(applicant, dict) or not applicant:
        raise UnacceptableError("member `applicant`, an object that describes a person, is missing")
    digest = sha256(orjson.dumps(applicant, option=orjson.OPT_SORT_KEYS)).digest()
    refused = int.from_bytes(digest[:4]) % 100 < REFUSED_PERCENT
    return orjson.dumps(
        {"status": "refused" if refused else "verified", "reference": f"IDV-{digest.hex()[:12].upper()}"}
    )


def look_up(body: bytes) -> bytes:
    """Registry: `{"person": {...}}` → `{"known": true | false, "file"}`: the persons that identity verifies."""
    person = _object(body).get("person")
    if not isinstance(person, dict) or not person:
        raise UnacceptableError("member `person`, an object that describes a person, is missing")
    found = orjson.loads(verify(orjson.dumps({"applicant": person})))
    return orjson.dumps({"known": found["status"] == "verified", "file": found["reference"].replace("IDV", "REG")})


def open_account(body: bytes) -> bytes:
    """ERP: `<account>` with any content → `<accountCreated><number/><status/></accountCreated>`."""
    root = _xml(body, "account")
    number = int.from_bytes(sha256(etree.tostring(root, method="c14n")).digest()[:8]) % 10**10
    created = etree.Element("accountCreated")
    etree.SubElement(created, "number").text = f"{number:010d}"
    etree.SubElement(created, "status").text = "active"
    return bytes(etree.tostring(created, encoding="utf-8", xml_declaration=True))


def close_account(body: bytes) -> bytes:
    """ERP: `<closure>` with the number of an account → `<accountClosed><number/></accountClosed>`."""
    number = _xml(body, "closure").findtext("number")
    if not number:
        raise UnacceptableError("an element `number`, of the account, is missing")
    closed = etree.Element("accountClosed")
    etree.SubElement(closed, "number").text = number
    return bytes(etree.tostring(closed, encoding="utf-8", xml_declaration=True))


def send_letter(body: bytes) -> bytes:
    """Mail: `{"to", "template", ...}` → `{"message_id", "status": "queued"}`."""
    message = _object(body)
    for member in ("to", "template"):
        if not isinstance(message.get(member), str) or not message[member]:
            raise UnacceptableError(f"member `{member}`, a string, is missing")
    digest = sha256(orjson.dumps(message, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return orjson.dumps({"message_id": f"MSG-{digest[:16].upper()}", "status": "queued"})


def order(body: bytes) -> bytes:
    """Foundry: `{"part", "quantity", "needed_by", ...}` → `{"order", "confirmed_for"}`; more than it has is refused."""
    wanted = _object(body)
    part, quantity, day = (wanted.get(name) for name in ("part", "quantity", "needed_by"))
    if not (isinstance(part, str) and isinstance(quantity, int) and isinstance(day, str)):
        raise UnacceptableError("members `part` and `needed_by`, strings, and `quantity`, a whole number, are expected")
    _check_stock(quantity, FOUNDRY_HAS)
    return orjson.dumps({"order": f"F-{_number(body)}", "confirmed_for": day})


def request_part(body: bytes) -> bytes:
    """Trader: `<request><article/><pieces/>...</request>` → `<confirmation><number/><day/></confirmation>`."""
    root = _xml(body, "request")
    article, pieces = root.findtext("article"), root.findtext("pieces") or ""
    if not article or not (pieces.isascii() and pieces.isdecimal()):
        raise UnacceptableError("elements `article` and `pieces`, a whole number, are expected")
    _check_stock(int(pieces), TRADER_HAS)
    confirmed = etree.Element("confirmation")
    etree.SubElement(confirmed, "number").text = f"T-{_number(body)}"
    etree.SubElement(confirmed, "day").text = "in ten days"
    return bytes(etree.tostring(confirmed, encoding="utf-8", xml_declaration=True))


def _check_stock(wanted: int, there: int) -> None:
    if not 0 < wanted <= there:
        raise UnacceptableError(f"1 to {there} pieces can be delivered at once")


def _number(body: bytes) -> str:
    return sha256(body).hexdigest()[:8].upper()


def _xml(body: bytes, tag: str) -> Any:
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        raise UnacceptableError("not well-formed XML") from None
    if root.tag != tag or len(root) == 0:
        raise UnacceptableError(f"an element `{tag}` with content is expected")
    return root


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UnacceptableError("not JSON") from None
    if not isinstance(value, dict):
        raise UnacceptableError("a JSON object is expected")
    return value


def _json_problem(why: str) -> bytes:
    return orjson.dumps({"type": "about:blank", "title": "Not acceptable", "detail": why})


def _xml_problem(why: str) -> bytes:
    fault = etree.Element("fault")
    fault.text = why
    return bytes(etree.tostring(fault))


SYSTEMS = (
    System("identity", "/identity/verifications", 201, JSON, verify, _json_problem),
    System("registry", "/registry/persons", 200, JSON, look_up, _json_problem),
    System("erp", "/erp/accounts", 201, XML, open_account, _xml_problem),
    System("erp-closures", "/erp/closures", 200, XML, close_account, _xml_problem),
    System("foundry", "/foundry/orders", 201, JSON, order, _json_problem),
    System("trader", "/trader/requests", 201, XML, request_part, _xml_problem),
    System("mail", "/mail/messages", 202, JSON, send_letter, _json_problem),
)
