"""`channels.yaml`: what it may say, what is told of a fault, and what goes out on each kind of channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.functions import EffectClass
from streams.ground.errors import ConfigurationError
from streams.ground.site import SiteFile
from streams.processors.escalate.channels import asking
from streams.processors.escalate.plan import FILE, Plan, read_plan

ENVIRON = {"CHAT": "s3cret", "ODD": "{odd}"}
NOTICE = {
    "event": "opened", "severity": "critical", "kind": "incident", "title": "order waits", "detail": None, "count": 3,
    "total": 4, "workflow": "order", "owner": "desk", "instance_id": "ab", "alert_id": "cd", "since_ms": 0,
    "opened_at_ms": 1_000, "at_ms": 1_000, "reference": None,
}  # fmt: skip


def plan_of(folder: Path, text: str) -> Plan:
    (folder / FILE).write_text(text)
    return SiteFile(folder / FILE, read_plan, ENVIRON).value


def call(folder: Path, channel: str, **more: Any) -> Any:
    made = asking(plan_of(folder, f"channels: {{it: {channel}}}").channels["it"], {**NOTICE, **more})
    return made and (made.function, made.effect, dict(made.arguments))


def test_a_webhook_gets_its_body_and_its_secrets(tmp_path: Path) -> None:
    body = "{text: '{severity}: {title} ({count})', n: 1, l: ['${env:ODD}']}"
    channel = f"{{webhook: 'http://h/${{env:CHAT}}', headers: {{X: '${{env:CHAT}}'}}, body: {body}}}"
    function, effect, arguments = call(tmp_path, channel)
    assert (function, effect) == ("http", EffectClass.BLIND)
    assert arguments["body"] == {"text": "critical: order waits (3)", "n": 1, "l": ["{odd}"]}
    assert (arguments["endpoint"], arguments["headers"]) == ("connection://it", {"X": "s3cret"})
    plan = plan_of(tmp_path, f"channels: {{it: {channel}}}")
    assert plan.urls == {"it": "http://h/s3cret"}
    assert "s3cret" not in repr(plan)


def test_a_webhook_without_a_body_gets_all_that_there_is(tmp_path: Path) -> None:
    _, _, arguments = call(tmp_path, "{webhook: 'http://h'}")
    assert (arguments["body"]["title"], arguments["body"]["since"]) == ("order waits", "1970-01-01T00:00:00.000Z")


def test_alertmanager_gets_an_alert_that_ends_when_it_has_ended(tmp_path: Path) -> None:
    _, effect, arguments = call(tmp_path, "{alertmanager: 'http://h:9093/prefix'}")
    (alert,) = arguments["body"]
    assert (effect, arguments["endpoint"]) == (EffectClass.IDEMPOTENT, "connection://it/api/v2/alerts")
    assert alert["labels"] == {
        "alertname": "ExlifyIncident", "alert_id": "cd", "severity": "critical", "kind": "incident",
        "workflow": "order", "owner": "desk",
    }  # fmt: skip
    assert alert["startsAt"] == "1970-01-01T00:00:01.000Z" < alert["endsAt"]
    _, _, arguments = call(tmp_path, "{alertmanager: 'http://h'}", event="closed", at_ms=9_000)
    assert arguments["body"][0]["endsAt"] == "1970-01-01T00:00:09.000Z"


def test_a_ticket_is_closed_by_the_number_that_it_was_given(tmp_path: Path) -> None:
    close = "{path: '/{reference}/x', method: put, body: {a: '{event}'}}"
    channel = f"{{ticket: 'http://h/api', body: {{subject: '{{title}}'}}, reference: /n, close: {close}}}"
    _, _, arguments = call(tmp_path, channel)
    assert (arguments["method"], arguments["body"]) == ("post", {"subject": "order waits"})
    _, _, arguments = call(tmp_path, channel, event="closed", reference="T/7")
    assert (arguments["method"], arguments["endpoint"]) == ("put", "connection://it/T%2F7/x")
    assert arguments["body"] == {"a": "closed"}
    assert call(tmp_path, channel, event="closed") is None


def test_a_mail_says_what_is_known(tmp_path: Path) -> None:
    channel = "{mail: 'smtp://u:${env:CHAT}@h:25', from: a@example.com, to: [b@example.com]}"
    function, _, arguments = call(tmp_path, channel, event="escalated")
    assert (function, arguments["connection"]) == ("mail.send", "it")
    assert (arguments["from"], arguments["to"]) == ("a@example.com", ["b@example.com"])
    assert arguments["subject"] == "[critical] order waits (escalated)"
    assert "workflow: order" in arguments["text"]


def test_without_the_file_every_kind_has_its_limit_and_nobody_is_told(tmp_path: Path) -> None:
    rule = plan_of(tmp_path, "").rule("incident", "order", None)
    assert (rule.older_ms, rule.severity, rule.ladder) == (900_000, "warning", ())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("chanels: {}", "`chanels` is no key here"),
        ("channels: {It: {webhook: 'http://h'}}", "no name of a channel"),
        ("channels: {it: {}}", "no kind of channel"),
        ("channels: {it: {webhook: 'http://h', mail: 'smtp://h'}}", "no kind of channel"),
        ("channels: {it: {webhook: 'ftp://h'}}", "no address of such a channel"),
        ("channels: {it: {webhook: 'http://h:x'}}", "no address of such a channel"),
        ("channels: {it: {webhook: '${env:NONE}'}}", "the variable NONE is not set"),
        ("channels: {it: {webhook: 'http://h', effect: read}}", "none of the choices"),
        ("channels: {it: {webhook: 'http://h', body: {a: '{what}'}}}", "{what} is nothing that a notice says"),
        ("channels: {it: {ticket: 'http://h', close: {}}}", "no path"),
        ("channels: {it: {mail: 'smtp://h', to: [a@b]}}", "no `from`"),
        ("channels: {it: {mail: 'smtp://h', from: a@b, to: []}}", "nobody"),
        ("channels: {it: {mail: 'smtp://h', from: a@b, to: [me]}}", "no mailbox"),
        ("ladders: {usual: []}", "no ladder"),
        ("ladders: {usual: [{after: 1h}]}", "nobody to tell"),
        ("ladders: {usual: [{tell: [it]}]}", "no channel of this file"),
        ("ladders: {usual: [{tell: [it], after: soon}]}\nchannels: {it: {webhook: 'http://h'}}", "no length of time"),
        ("rules: [{older: 1m}]", "no cause"),
        ("rules: [{cause: rain}]", "none of the choices"),
        ("rules: [{cause: task, ladder: usual}]", "no ladder of this file"),
        ("rules: {}", "not a list"),
        ("window: long", "no length of time"),
    ],
)
def test_a_fault_is_told_with_its_place_and_without_a_secret(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        plan_of(tmp_path, text)
    assert told in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert f"{FILE}:" in str(caught.value)
