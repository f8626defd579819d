"""`exlify lint`: calls by AsyncAPI documents are held against the document of the site."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import group

DOCUMENT = """
asyncapi: 3.0.0
channels:
  orders: {address: orders}
  one: {address: 'orders/{id}'}
operations:
  receiveOrder: {action: receive, channel: {$ref: '#/channels/orders'}}
  receiveOne: {action: receive, channel: {$ref: '#/channels/one'}}
  shipped: {action: send, channel: {$ref: '#/channels/orders'}}
"""
CALL = "document: {endpoint: 'connection://warehouse'}, operation: receiveOrder, message: {payload: '${ .order }'}"
DEFINITION = f"""
document: {{dsl: '1.0.3', namespace: test, name: ordering, version: '1.0.0'}}
do:
  - order: {{call: asyncapi, with: {{{CALL}}}, metadata: {{effect: keyed}}}}
"""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("receiveOrder", "receiveOrder"), None),
        (("receiveOrder", "receiveOrders"), "did you mean `receiveOrder`?"),
        (("receiveOrder", "shipped"), "the system sends by shipped"),
        (("receiveOrder", "receiveOne"), "has parameters"),
        (("operation:", "channel:"), "write operation: receiveOrder"),
        (("operation: receiveOrder,", ""), "`operation` or `channel` is needed"),
        (("connection://warehouse", "https://warehouse.example.com/asyncapi.json"), "that of a connection"),
        (("connection://warehouse", "connection://elsewhere"), None),
        (("message:", "server: {name: staging}, message:"), "the connection is the server"),
        (("message: {payload: '${ .order }'}", "subscription: {consume: {amount: 1}}"), "messages.yaml"),
    ],
)
def test_definition_is_held_against_the_document(tmp_path: Path, change: tuple[str, str], says: str | None) -> None:
    (tmp_path / "warehouse.yaml").write_text(DOCUMENT)
    connection = "warehouse: {url: 'amqps://mq.example.com', asyncapi: '${file:warehouse.yaml}'}\n"
    (tmp_path / "connections.yaml").write_text(connection)
    (tmp_path / "workflow.yaml").write_text(DEFINITION.replace(*change))
    environ = {"EXLIFY_SITE_DIR": str(tmp_path), "EXLIFY_DATA_DIR": str(tmp_path)}
    told = CliRunner(env=environ).invoke(group, ["lint", str(tmp_path / "workflow.yaml")])
    assert (told.exit_code != 0, says is None or says in told.output) == (says is not None, True), told.output


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("asyncapi: 1.0.0\n", "no AsyncAPI document"),
        ("{a: [", "neither JSON nor YAML"),
        ("openapi: 3.1.0\n", "no AsyncAPI"),
    ],
)
def test_faulty_document_is_told_with_its_place(tmp_path: Path, document: str, says: str) -> None:
    (tmp_path / "warehouse.yaml").write_text(document)
    (tmp_path / "connections.yaml").write_text(
        "warehouse:\n  url: amqps://mq.example.com\n  asyncapi: '${file:warehouse.yaml}'\n"
    )
    (tmp_path / "workflow.yaml").write_text(DEFINITION)
    environ = {"EXLIFY_SITE_DIR": str(tmp_path), "EXLIFY_DATA_DIR": str(tmp_path)}
    told = CliRunner(env=environ).invoke(group, ["lint", str(tmp_path / "workflow.yaml")])
    assert told.exit_code != 0 and says in str(told.exception) and "connections.yaml:3" in str(told.exception)
