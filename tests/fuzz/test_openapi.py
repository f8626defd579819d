"""Any JSON is a document that somebody may have: its operations can be called by it, or it is refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.codecs.scalars import CodecError
from connectors.http.openapi import STYLES, ParameterError, cut, fill, read
from connectors.hub.documents import DocumentError
from schemas.payload import Json
from streams.processors.call.drafts import draft

pytestmark = pytest.mark.fuzz

names = st.sampled_from(["a", "b", "id", "x-y", "", "ä", "$ref", "{a}", "\n"]) | st.text(max_size=5)
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | names,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(names, inside, max_size=3),
    max_leaves=6,
)
references = st.sampled_from(
    [{"$ref": "#/components/x"}, {"$ref": "#/paths"}, {"$ref": "http://e.com"}, {"$ref": "#/"}]
)
parameters = (
    references
    | json
    | st.fixed_dictionaries(
        {"name": names, "in": st.sampled_from([*STYLES, "body"]) | json},
        optional={
            "required": json,
            "style": json | st.sampled_from(sum(STYLES.values(), ())),
            "explode": json,
            "content": json,
        },
    )
)
operations = (
    references
    | json
    | st.fixed_dictionaries(
        {"operationId": names},
        optional={
            "parameters": st.lists(parameters, max_size=4) | json,
            "requestBody": references
            | json
            | st.fixed_dictionaries({"content": st.dictionaries(names, json, max_size=2)}),
        },
    )
)
paths = st.dictionaries(
    st.sampled_from(["/a", "/a/{id}", "/{a}/{b}", "x", "/{}"]) | names | st.integers(),
    st.dictionaries(
        st.sampled_from(["get", "post", "parameters", "$ref"]), operations | st.lists(parameters, max_size=3)
    ),
    max_size=3,
)
documents = json | st.fixed_dictionaries(
    {"openapi": st.sampled_from(["3.0.1", "3.1.0", "2.0"]) | json, "paths": paths | json},
    optional={
        "components": st.fixed_dictionaries({"x": json | operations | parameters}),
        "servers": json,
        "info": json,
    },
)


@given(documents, st.dictionaries(names, json, max_size=4))
def test_document_is_read_or_refused(document: Json, given: dict[str, Json]) -> None:
    try:
        api = read(document)
    except DocumentError as error:
        assert str(error)
        return
    for operation in api.values():
        try:
            filled = fill(operation, given)
        except (ParameterError, CodecError):
            continue
        assert isinstance(filled.path, str) and isinstance(filled.query, str)
    try:
        made = draft("it", document, "https://example.com")
    except DocumentError:
        return
    assert read(cut(document, api)).keys() == api.keys() and made.operations
