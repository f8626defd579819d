"""The corpus of bodies: what is read, what is written, what is refused and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.codecs.bodies import CodecError, decode, encode
from tests.unit.connectors import corpus_bodies as corpus


@pytest.mark.parametrize(("body", "content_type", "value"), corpus.READ.values(), ids=corpus.READ)
def test_body_is_read(body: bytes, content_type: str, value: Any) -> None:
    assert decode(body, content_type) == value


@pytest.mark.parametrize(("body", "content_type", "said"), corpus.REFUSED.values(), ids=corpus.REFUSED)
def test_body_is_refused_in_words_of_our_own(body: bytes, content_type: str, said: str) -> None:
    with pytest.raises(CodecError) as refused:
        decode(body, content_type)
    assert said in str(refused.value)
    assert corpus.SECRET not in str(refused.value)


@pytest.mark.parametrize(("value", "content_type", "body"), corpus.WRITTEN.values(), ids=corpus.WRITTEN)
def test_value_is_written(value: Any, content_type: str, body: bytes) -> None:
    assert encode(value, content_type).endswith(body)


@pytest.mark.parametrize(("value", "content_type"), corpus.UNWRITTEN.values(), ids=corpus.UNWRITTEN)
def test_value_is_not_written(value: Any, content_type: str) -> None:
    with pytest.raises(CodecError) as refused:
        encode(value, content_type)
    assert corpus.SECRET not in str(refused.value)


def test_form_quotes_no_part_of_a_body() -> None:
    """Whatever is wrong with it: an error of a form once held the field that had no `=`."""
    assert decode(f"status=ok&{corpus.SECRET}".encode(), corpus.FORM) == {"status": "ok", corpus.SECRET: ""}
