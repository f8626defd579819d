"""Any JSON is an AsyncAPI document that somebody may have: what it takes can be published by it, or it is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.asyncapi.document import read
from connectors.hub.documents import DocumentError
from schemas.payload import Json

pytestmark = pytest.mark.fuzz

names = st.sampled_from(["a", "b", "orders", "", "ä", "$ref", "{a}", "\n"]) | st.text(max_size=5)
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | names,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(names, inside, max_size=3),
    max_leaves=6,
)
references = st.sampled_from([{"$ref": f"#/{path}"} for path in ("channels/a", "components/x", "operations", "")])
anything = references | json
by_amqp = {"is": st.sampled_from(["queue", "routingKey"]) | json, "queue": anything, "exchange": anything}
bindings = st.fixed_dictionaries(
    {},
    optional={
        "kafka": anything | st.fixed_dictionaries({"topic": anything}),
        "amqp": anything | st.fixed_dictionaries(by_amqp),
        "http": anything | st.fixed_dictionaries({"method": anything}),
    },
)
messages = anything | st.fixed_dictionaries({}, optional={"contentType": json, "payload": json, "schemaFormat": json})
publishing = anything | st.fixed_dictionaries(
    {}, optional={"message": messages | st.fixed_dictionaries({"oneOf": json}), "bindings": bindings | json}
)
channels = anything | st.fixed_dictionaries(
    {},
    optional={
        "address": names | json,
        "servers": json | st.lists(names | references, max_size=2),
        "messages": st.dictionaries(names, messages, max_size=2) | json,
        "bindings": bindings | json,
        "publish": publishing,
    },
)
operations = anything | st.fixed_dictionaries(
    {"action": st.sampled_from(["send", "receive"]) | json, "channel": channels},
    optional={"messages": st.lists(messages, max_size=2) | json, "bindings": bindings | json},
)
documents = json | st.fixed_dictionaries(
    {"asyncapi": st.sampled_from(["2.6.0", "3.0.0", "3.1.0", "1.0.0"]) | json},
    optional={
        "operations": st.dictionaries(names | st.integers(), operations, max_size=3) | json,
        "channels": st.dictionaries(names | st.integers(), channels, max_size=3) | json,
        "servers": st.dictionaries(names, anything, max_size=2) | json,
        "components": st.fixed_dictionaries({"x": channels | messages}),
        "defaultContentType": json,
    },
)


@given(documents)
def test_document_is_read_or_refused(document: Json) -> None:
    try:
        api = read(document)
    except DocumentError as error:
        assert str(error)
        return
    for name, operation in api.items():
        assert operation.id == name
        assert operation.refusal or (operation.address and operation.topic and operation.key)
