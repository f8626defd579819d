"""The corpus of documents in XML: what is read, what is refused, and that nothing takes long."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from connectors.codecs.scalars import CodecError
from connectors.codecs.xml_mapping import XmlError, read, write
from tests.support.cost import costs_within
from tests.unit.connectors import corpus_xml as corpus

LOOPS = 60  # of a million rounds: the dearest of them takes 11


@pytest.mark.parametrize(("document", "value"), corpus.READ.values(), ids=corpus.READ)
def test_document_is_read(document: str | bytes, value: Any) -> None:
    assert read(document.encode() if isinstance(document, str) else document) == value


@pytest.mark.parametrize(("document", "value"), corpus.READ.values(), ids=corpus.READ)
def test_what_was_read_means_the_same_when_it_is_written(document: str | bytes, value: Any) -> None:
    assert read(write(value)) == value


@pytest.mark.parametrize("document", corpus.REFUSED.values(), ids=corpus.REFUSED)
def test_document_is_refused(document: str | bytes) -> None:
    with pytest.raises(CodecError):
        read(document.encode() if isinstance(document, str) else document)


@pytest.mark.parametrize("document", corpus.COSTLY.values(), ids=corpus.COSTLY)
def test_document_takes_no_long_time(document: str) -> None:
    content = document.encode()

    def work() -> None:
        with suppress(XmlError):
            read(content)

    assert costs_within(LOOPS, work)


def test_namespaces_cost_no_more_with_more_elements() -> None:
    declared = {f"@xmlns:n{i}": f"urn:{i}" for i in range(3_000)}
    value = {"a": {**declared, **{f"n{i}:b": "" for i in range(3_000)}, "c": [{"@xmlns": "u"}] * 3_000}}
    assert write(value)
    assert costs_within(LOOPS, lambda: write(value))
