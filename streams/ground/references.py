"""`${env:NAME}` and `${file:PATH}` in a site file: what they stand for, now, and which files that depends on.

A secret stands in the environment or in a file of its own, never in the site file. No message tells what was found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

MAX_BYTES = 64 * 1024
Content = bytes | str | None
"""What stands in a file; a text says why it cannot be read, None that it is not there."""

_REFERENCE = re.compile(r"\$\{([^}]*)\}?")


class UnresolvedError(Exception):
    """A reference stands for nothing; the text says why, `remedy` what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


class References:
    """Resolves the references of one reading of a file; `files` has what the files named there had in them."""

    def __init__(self, folder: Path, environ: Mapping[str, str], seen: Mapping[Path, Content]) -> None:
        self._folder = folder
        self._environ = environ
        self._seen = seen
        self.files: dict[Path, Content] = {}

    def resolve(self, text: str) -> str:
        """The text with everything in place; raises UnresolvedError."""
        return _REFERENCE.sub(lambda found: self._value(found[0], found[1]), text)

    def _value(self, reference: str, inner: str) -> str:
        kind, _, name = inner.partition(":")
        if reference.endswith("}") and name and kind == "env":
            return self._variable(name)
        if reference.endswith("}") and name and kind == "file":
            return self._content(self._folder / name)
        raise UnresolvedError("a reference that cannot be read", "write ${env:NAME} or ${file:PATH}")

    def _variable(self, name: str) -> str:
        if value := self._environ.get(name):
            return value
        raise UnresolvedError(f"the variable {name} is not set", "set it and start again, or name a file: ${file:PATH}")

    def _content(self, path: Path) -> str:
        content = self.files[path] = self._seen[path] if path in self._seen else content_of(path, MAX_BYTES)
        if content is None:
            raise UnresolvedError(f"the file {path} is not there", "put it there, or correct its path")
        if isinstance(content, str):
            raise UnresolvedError(f"the file {path} cannot be read ({content})", "let this process read it")
        if len(content) > MAX_BYTES:
            raise UnresolvedError(f"the file {path} has more than {MAX_BYTES:,} bytes", "name a file with one secret")
        try:
            return content.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise UnresolvedError(f"the file {path} is not UTF-8", "save it as UTF-8 text") from None


def content_of(path: Path, limit: int) -> Content:
    """What stands in a file, one byte more than the limit at most."""
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return str(error.strerror)


def without_references(text: str) -> str:
    """What somebody has written out beside the references."""
    return _REFERENCE.sub("", text)
