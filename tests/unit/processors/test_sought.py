"""Definitions that are not known yet: learnt at once for a whole batch, and looked for in vain once."""

from __future__ import annotations

import pytest

from streams.definitions.book import DefinitionBook
from streams.processors.sought import Sought
from streams.runtime.processor import NotYet


class Counted(DefinitionBook):
    asked = 0

    async def catch_up(self) -> None:
        self.asked += 1


async def test_unknown_digests_of_a_batch_are_looked_for_together_and_once() -> None:
    book = Counted({})
    sought, digests = Sought(book), [f"{number:064x}" for number in range(50)]
    with pytest.raises(NotYet) as missing:
        sought.graph(digests[0], lambda: digests)
    await missing.value.wait()
    assert [sought.graph(each) for each in digests] == [None] * 50
    assert book.asked == 1
