"""Files that commands write for people: there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.ground.errors import UsageError


@contextmanager
def whole(file: Path, remedy: str = "") -> Iterator[Path]:
    """The name to write a file under, which gets its own once nothing has gone wrong; else nothing is left of it.

    An OSError within becomes a UsageError, with the remedy at its end.
    """
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        yield fresh
        fresh.replace(file)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}{remedy}") from None
    finally:
        fresh.unlink(missing_ok=True)
