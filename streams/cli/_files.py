"""Files that commands are given."""

from __future__ import annotations

from pathlib import Path

from streams.ground.errors import UsageError


def text_of(file: Path) -> str:
    """What stands in a file; raises UsageError."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{file}: not UTF-8. Save the file as UTF-8 text.") from None
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}. Name a file that can be read.") from None
