"""`exlify` with the intent before an effect switched off, to show that the suite notices: `python -m
tests.chaos.without_intent worker ...`."""

from __future__ import annotations

import sys

from streams import cli
from streams.runtime import once


async def _promise(self: once._Intent, repeatable: bool, effectful: bool = True, /) -> None:
    """What `_Intent.__call__` does, but for writing anything down."""
    self.harmless = repeatable


if __name__ == "__main__":
    once._Intent.__call__ = _promise  # type: ignore[method-assign]
    sys.argv[0] = "exlify"
    cli.main()
