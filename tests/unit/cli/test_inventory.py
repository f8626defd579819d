"""`exlify connections inventory`: what definitions need of each system, and what lacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli import group

DEFINITION = """
document: {dsl: 1.0.3, namespace: shop, name: order, version: 1.0.0}
do:
  - look: {call: http, with: {method: get, endpoint: 'connection://ERP/orders'}}
  - each:
      for: {each: one, in: .all}
      do:
        - book:
            call: http
            with: {method: post, endpoint: {uri: 'connection://erp/orders'}}
            metadata: {effect: keyed}
  - thank: {call: mail.send, with: {connection: post, from: a@example.com, to: b@example.com, subject: A, text: B}}
  - pet: {call: openapi, with: {document: {endpoint: 'connection://pets'}, operationId: OPERATION}}
  - other: {call: http, with: {method: put, endpoint: '${ .url }'}}
  - fetch: {call: http, with: {method: get, endpoint: 'connection://erp/all', save: {connection: Exchange, file: a}}}
  - hand: {call: http, with: {method: put, endpoint: 'connection://erp/all', send: {connection: '${ .to }', file: a}}}
"""
DOCUMENT = '{"openapi": "3.1.0", "paths": {"/pets": {"get": {"operationId": "getPets"}}}}'
POST = "post: smtp://mail.example.com\nexchange: file:///srv/exchange\n"
SITE = """
erp: {url: 'https://erp.example.com', authentication: {bearer: {token: '${env:TOKEN}'}}, rate: 5/s}
pets: {url: 'https://pets.example.com', openapi: '${file:pets.json}'}
idle: https://idle.example.com
"""


def cli(folder: Path, *arguments: str, operation: str = "getPets", more: str = "", task: str = "") -> Result:
    (folder / "order.yaml").write_text(DEFINITION.replace("OPERATION", operation) + task)
    (folder / "pets.json").write_text(DOCUMENT)
    (folder / "connections.yaml").write_text(SITE + more)
    environ = {
        "EXLIFY_SITE_DIR": str(folder),
        "EXLIFY_DATA_DIR": str(folder / "data"),
        "TOKEN": "s3cret",
        "HOOK": "whsec_MDEyMzQ1Njc4OWFiY2RlZg==",
    }
    return CliRunner(env=environ).invoke(
        group, ["connections", "inventory", str(folder / "order.yaml"), *arguments], catch_exceptions=False
    )


def test_each_system_is_told_with_its_uses_and_what_it_lacks(tmp_path: Path) -> None:
    told = cli(tmp_path, "--json")
    found: dict[str, Any] = {each["name"]: each for each in json.loads(told.output)["systems"]}
    uses = {
        name: [(use["function"], use["operation"], use["effect"]) for use in each["uses"]]
        for name, each in found.items()
    }
    assert uses == {
        "erp": [("http", "GET", "read"), ("http", "POST", "keyed"), ("http", "PUT", "idempotent")],
        "post": [("mail.send", "", "blind")],
        "pets": [("openapi", "getPets", "read")],
        "idle": [],
        "exchange": [("http", "save", "idempotent")],
        "(by address or expression)": [("http", "PUT", "idempotent")],
    }
    assert {name: each["lacks"] for name, each in found.items() if each["lacks"]} == {
        "post": "an address",
        "exchange": "an address",
    }
    assert (found["erp"]["authentication"], found["erp"]["per_s"], found["erp"]["protocol"]) == (["bearer"], 5, "https")
    assert told.exit_code == 1


@pytest.mark.parametrize(
    ("operation", "code", "says"), [("getPets", 0, "shop.order"), ("getDogs", 1, "an operation in its document")]
)
def test_table_and_exit_code_say_whether_it_is_ready(tmp_path: Path, operation: str, code: int, says: str) -> None:
    told = cli(tmp_path, operation=operation, more=POST)
    assert (told.exit_code, says in told.output, "s3cret" in told.output) == (code, True, False), told.output


@pytest.mark.parametrize(
    ("way", "lacks"),
    [("bearer: {token: '${env:TOKEN}'}", "a secret to sign with"), ("webhook: {secret: '${env:HOOK}'}", None)],
)
def test_endpoint_of_webhooks_needs_a_secret(tmp_path: Path, way: str, lacks: str | None) -> None:
    task = "  - tell: {call: webhook.send, with: {connection: shop, body: {type: order.shipped}}}\n"
    told = cli(
        tmp_path, "--json", task=task, more=f"shop: {{url: https://shop.example.com, authentication: {{{way}}}}}\n"
    )
    (shop,) = [each for each in json.loads(told.output)["systems"] if each["name"] == "shop"]
    assert (shop["lacks"], shop["uses"][0]["effect"]) == (lacks, "keyed")


def test_what_the_site_takes_in_is_told_with_its_systems(tmp_path: Path) -> None:
    (tmp_path / "messages.yaml").write_text(
        "orders: {connection: mq, from: q-orders, type: a.b.v1}\n"
        "events: {connection: PARTNER, from: topic-a, avro: registry, type: a.b.v1}\n"
    )
    (tmp_path / "rows.yaml").write_text(
        "grown: {connection: shop, statement: 'SELECT id FROM a WHERE id > :id LIMIT :limit', cursor: id, start: 0,"
        " type: a.b.v1}\n"
        "outbox: {connection: shop, statement: 'SELECT id FROM b LIMIT :limit', key: id,"
        " done: 'DELETE FROM b WHERE id IN (:keys)', type: a.b.v1}\n"
    )
    (tmp_path / "files.yaml").write_text(
        "stock: {folder: 'connection://warehouse/out', match: 'S*.csv', format: csv, type: a.b.v1}\n"
        "here: {folder: /srv/in, format: csv, type: a.b.v1}\n"
    )
    more = "mq: amqps://mq.example.com\nshop: postgresql://db.example.com/shop\n"
    task = (
        "  - say: {call: kafka.publish, with: {connection: partner, topic: t, value: 1,"
        " avro: {registry: registry, subject: s}}}\n"
    )
    found = {each["name"]: each for each in json.loads(cli(tmp_path, "--json", more=more, task=task).output)["systems"]}
    uses = {
        name: [tuple(use.values()) for use in found[name]["uses"]]
        for name in ("mq", "partner", "registry", "shop", "warehouse")
    }
    assert uses == {
        "mq": [("messages", "q-orders", "taken", "/messages/orders")],
        "partner": [("kafka.publish", "", "blind", "shop.order"), ("messages", "topic-a", "taken", "/messages/events")],
        "registry": [
            ("kafka.publish", "schemas", "read", "shop.order"), ("messages", "schemas", "read", "/messages/events"),
        ],
        "shop": [("rows", "statement", "read", "/rows/grown"), ("rows", "statement", "taken", "/rows/outbox")],
        "warehouse": [("files", "out/S*.csv", "taken", "/files/stock")],
    }  # fmt: skip
    assert {name for name in uses if found[name]["lacks"]} == {"partner", "registry", "warehouse"}
