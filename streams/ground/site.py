"""The site folder: files of the people who run Exlify, read at the start and followed while it runs.

A change counts once two looks in a row have seen the same, so that nobody applies half a file, and a file that is
swapped is never missing. A faulty file leaves the old value in force and says so; at the start there is no old one,
and the start is refused. The files are small: looking is reading them, since times and sizes can stay what they were.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog

from streams.ground import site_metrics
from streams.ground.beside import beside
from streams.ground.errors import ConfigurationError
from streams.ground.references import Content, References, content_of
from streams.ground.site_yaml import Part, SiteFault, read

MAX_BYTES = 256 * 1024
LOOK_S = 1.5  # two looks and the reading stay well within the promised 5 s

T = TypeVar("T")
Parse = Callable[[Part | None], T]
"""Makes the value of a file from its document, or from None where it is empty or missing; a fault goes by `Part`."""
Seen = tuple[Content, Mapping[Path, Content]]
"""What stands in a file, and in those that it refers to."""

log = structlog.get_logger()


class SiteFile(Generic[T]):
    """One file as a typed value. `value` never changes inside: another one takes its place."""

    def __init__(self, path: Path, parse: Parse[T], environ: Mapping[str, str] = os.environ, name: str = "") -> None:
        """Reads it; raises ConfigurationError where it is faulty. `name`: of a file in a folder of the site folder."""
        self.path = path
        self.name = name or path.name
        self._parse = parse
        self._environ = environ
        self._digest = ""
        self._known: Seen = (None, {})  # of the last reading, faulty or not
        self.fault: SiteFault | None = None  # of what stands there now, while `value` is that of before
        try:
            self.value = self._read(content_of(path, MAX_BYTES), {})
        except SiteFault as fault:
            raise ConfigurationError(f"{path}:{fault}") from None
        self._awaited: Seen = self._known
        self._tell()

    def reads_by(self, parse: Parse[Any]) -> bool:
        """Whether this is what makes its value."""
        return self._parse == parse

    def look(self) -> None:
        """Takes over a change that the look before has seen, too."""
        referred = {path: content_of(path, MAX_BYTES) for path in self._known[1]}
        seen = content_of(self.path, MAX_BYTES), referred
        if seen == self._known or seen != self._awaited:
            self._awaited = seen
            return
        try:
            self.value = self._read(*seen)
        except SiteFault as fault:
            self.fault = fault
            site_metrics.FAULTY.labels(self.name).set(1)
            place = {"file": str(self.path), "line": fault.line, "column": fault.column}
            log.error("site file faulty, the old one stays", **place, reason=fault.reason, remedy=fault.remedy)
            return
        self._tell()
        if seen[0] is None:
            log.warning("site file gone, counts as empty", file=str(self.path))
        else:
            log.info("site file applied", file=str(self.path), digest=self._digest)

    def _read(self, content: Content, referred: Mapping[Path, Content]) -> T:
        references = References(self.path.parent, self._environ, referred)
        try:
            return self._parse(_document(content, references))
        except SiteFault:
            raise
        except Exception as error:  # a bug in one parser must not end the following of all files
            log.exception("site file not understood", file=str(self.path))
            reason = f"not understood, by a bug of ours ({type(error).__name__})"
            raise SiteFault(1, 1, reason, "look for what is unusual in it, and tell us") from None
        finally:
            self._known = content, references.files

    def _tell(self) -> None:
        """A digest of what people wrote; secrets stand elsewhere, so it tells nothing of them."""
        content, _ = self._known
        self.fault = None
        digest = hashlib.sha256(content if isinstance(content, bytes) else b"").hexdigest()[:12]
        site_metrics.FAULTY.labels(self.name).set(0)
        if self._digest and self._digest != digest:
            site_metrics.INFO.remove(self.name, self._digest)
        site_metrics.INFO.labels(self.name, digest).set(1)
        self._digest = digest


class Site:
    """The site folder of one process, with the files that it follows."""

    def __init__(self, folder: Path, environ: Mapping[str, str] = os.environ) -> None:
        self._folder = folder
        self._environ = environ
        self._files: list[SiteFile[Any]] = []

    def file(self, name: str, parse: Parse[T]) -> SiteFile[T]:
        """A file that is followed from now on, once for all who read it in the same way.

        Raises ConfigurationError where it is faulty.
        """
        known = (each for each in self._files if each.path == self._folder / name and each.reads_by(parse))
        if (found := next(known, None)) is not None:
            return found
        found = SiteFile(self._folder / name, parse, self._environ, name)
        self._files.append(found)
        return found

    @property
    def faults(self) -> Mapping[str, SiteFault]:
        """What is wrong with files as they stand now, by their names."""
        return {each.name: each.fault for each in self._files if each.fault is not None}

    def look(self) -> None:
        """Looks at every file once."""
        for each in self._files:
            each.look()

    @asynccontextmanager
    async def followed(self, every_s: float = LOOK_S) -> AsyncIterator[None]:
        """Looks again and again for as long as the context lasts: one task for all files."""
        async with beside(self._look_forever(every_s), "site"):
            yield

    async def _look_forever(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            if self._files:
                await self._look_safely()

    async def _look_safely(self) -> None:
        """In a thread: a folder of a network may take its time."""
        try:
            await asyncio.to_thread(self.look)
        except Exception:  # a bug in one parser must not end the following of all files
            log.exception("site files not looked at")


def _document(content: Content, references: References) -> Part | None:
    if isinstance(content, str):
        raise SiteFault(1, 1, f"cannot be read ({content})", "let this process read it")
    if content is not None and len(content) > MAX_BYTES:
        raise SiteFault(1, 1, f"more than {MAX_BYTES:,} bytes", "write less into it")
    try:
        return read((content or b"").decode(), references.resolve)
    except UnicodeDecodeError:
        raise SiteFault(1, 1, "not UTF-8", "save it as UTF-8 text") from None
