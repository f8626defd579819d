"""A folder of another machine whose files are read by SFTP: what `folder` says of one of this machine holds for it.

All stands below the folder itself, in `.exlify`: positions and the ledger, written under another name and renamed, and
a claim for each file that is read. A claim is a file that only one can make. Who holds it touches it while it reads;
one that nobody has touched for a while was left by a process that was killed, and is taken over.
"""

from __future__ import annotations

import hashlib
import io
import os
import posixpath
import re
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EINVAL, ESTALE
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import asyncssh
import msgspec

from connectors.sftp.line import Line
from streams.files.folder import MOST_KEPT, OURS, Entry, Progress, Seen

K = TypeVar("K")
LEASE_S = 60.0
SHOWN = 20  # files of the ledger that are told of
_CHUNK = 256 * 1024
_TOKEN = re.compile(rb"[0-9a-f]{16}")


class RemoteFolder:
    """The files of one source."""

    def __init__(self, line: Line, path: Path, match: str) -> None:
        """`path` is below the folder of the connection."""
        self.path = path
        self._line = line
        self._match = match
        self._ours = posixpath.join(str(path), OURS)
        self._since: dict[str, tuple[Seen, float]] = {}  # how long files have been as they are
        self._claims: dict[str, tuple[bytes, float]] = {}  # of others, and how long they have been as they are
        self._held: dict[str, bytes] = {}

    def close(self) -> None:
        """Ends the connection."""
        self._line.close()

    def waiting(self) -> list[tuple[str, Seen]]:
        """The files that may be read, the oldest first. Raises OSError where the folder cannot be looked at."""

        async def look(client: asyncssh.SFTPClient) -> list[tuple[str, Seen]]:
            found = []
            async for each in client.scandir(str(self.path)):
                name = os.fsdecode(each.filename)
                if name.startswith(".") or not fnmatchcase(name, self._match):
                    continue
                if stat.S_ISREG(each.attrs.permissions or 0):
                    found.append((name, _seen(each.attrs)))
            return sorted(found, key=lambda each: (each[1].mtime_ns, each[0]))

        found = self._line.do(look)
        now = time.monotonic()
        before, self._since = self._since, {}
        for name, seen in found:
            known = before.get(name)
            self._since[name] = known if known is not None and known[0] == seen else (seen, now)
        return found

    def is_settled(self, name: str, seen: Seen, seconds: float) -> bool:
        """Whether it has been as it is for so long, by the clock of who looks."""
        known = self._since.get(name)
        return known is not None and known[0] == seen and time.monotonic() - known[1] >= seconds

    @contextmanager
    def claimed(self, name: str) -> Iterator[bool]:
        """Whether the file is ours for as long as the context lasts."""
        token = os.urandom(8).hex().encode()
        if not self._line.do(lambda client: self._claim(client, name, token)):
            yield False
            return
        self._held[name] = token
        stop = threading.Event()
        touching = threading.Thread(target=self._touch, args=(name, stop), name="claim", daemon=True)
        touching.start()
        try:
            yield self._exists(posixpath.join(str(self.path), name))
        finally:
            stop.set()
            touching.join()
            self._held.pop(name, None)
            with suppress(OSError):
                self._line.do(lambda client: self._release(client, name, token))

    def progress(self, name: str) -> Progress | None:
        """How far the file was read, if it is still the same."""
        found = self._read(self._at(f"{name}.position"), Progress)
        return found if found is not None and found.seen == self.seen(name) else None

    def keep(self, name: str, progress: Progress) -> None:
        """Keeps how far it was read. Raises OSError where another one has taken over."""
        if name in self._held and self._content(self._at(f"{name}.lock")) != self._held[name]:
            raise OSError(ESTALE, "another process has taken the file over")
        self._replace(name, self._at(f"{name}.position"), msgspec.json.encode(progress))

    def seen(self, name: str) -> Seen:
        """The file as it is now. Raises OSError."""
        path = posixpath.join(str(self.path), name)
        return _seen(self._line.do(lambda client: client.lstat(path)))

    def opened(self, name: str) -> BinaryIO:
        """The file to be read. Raises OSError."""
        path = posixpath.join(str(self.path), name)
        if not stat.S_ISREG(self._line.do(lambda client: client.lstat(path)).permissions or 0):
            raise OSError(EINVAL, "is no file")
        return cast(BinaryIO, io.BufferedReader(_Remote(self._line, path), _CHUNK))

    def begun(self, name: str) -> Progress:
        """The file from its beginning. Raises OSError."""
        seen, found = self.seen(name), hashlib.sha256()
        with self.opened(name) as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
        digest = found.hexdigest()
        return Progress(seen=seen, digest=digest, id=hashlib.sha256(f"{name}\n{digest}".encode()).hexdigest()[:32])

    def known(self, name: str, digest: str) -> Entry | None:
        """What the ledger has of a file of this name and content."""
        return self._read(self._entry(name, digest), Entry)

    def note(self, entry: Entry) -> None:
        """Into the ledger."""
        self._replace(entry.name, self._entry(entry.name, entry.digest), msgspec.json.encode(entry))

    def ledger(self) -> list[Entry]:
        """The files that were read last, the last first."""

        async def newest(client: asyncssh.SFTPClient) -> list[str]:
            try:
                listed = await client.readdir(self._at("ledger"))
            except asyncssh.SFTPNoSuchFile:
                return []
            files = [each for each in listed if os.fsdecode(each.filename).endswith(".json")]
            files.sort(key=lambda each: -(each.attrs.mtime or 0))
            return [os.fsdecode(each.filename) for each in files[:SHOWN]]

        names = self._line.do(newest)
        found = [self._read(posixpath.join(self._at("ledger"), name), Entry) for name in names]
        return sorted((each for each in found if each is not None), key=lambda each: -each.read_at_ms)

    def put_away(self, name: str, into: Path, digest: str) -> Path:
        """Moves a file that is done with; one of its name that is there already stays."""
        self._line.do(lambda client: client.makedirs(str(into), exist_ok=True))
        target = into / name
        if self._exists(str(target)):
            target = into / f"{name}.{digest[:12]}"
        source = posixpath.join(str(self.path), name)
        self._line.do(lambda client: client.posix_rename(source, str(target)))
        with suppress(FileNotFoundError):
            self._line.do(lambda client: client.remove(self._at(f"{name}.position")))
        return target

    def broken_size(self, into: Path, name: str) -> int:
        """How large the file of broken records is."""
        path = str(into / f"{name}.broken.ndjson")
        try:
            return self._line.do(lambda client: client.stat(path)).size or 0
        except FileNotFoundError:
            return 0

    def write_broken(self, into: Path, name: str, at: int, lines: bytes) -> int:
        """Writes lines behind so many bytes of it, where they are there; gives its size."""
        path = str(into / f"{name}.broken.ndjson")
        at = min(at, self.broken_size(into, name))

        async def write(client: asyncssh.SFTPClient) -> None:
            await client.makedirs(str(into), exist_ok=True)
            flags = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT
            async with client.open(path, flags, encoding=None) as file:
                await file.truncate(at)
                await file.write(lines, at)

        self._line.do(write)
        return at + len(lines)

    async def _claim(self, client: asyncssh.SFTPClient, name: str, token: bytes) -> bool:
        await client.makedirs(self._ours, exist_ok=True)
        lock = self._at(f"{name}.lock")
        if await self._made(client, lock, token):
            return True
        try:
            as_it_is = await _whole(client, lock) + str((await client.stat(lock)).mtime).encode()
        except asyncssh.SFTPNoSuchFile:
            return False  # let go of a moment ago: at the next look
        known = self._claims.get(name)
        if known is None or known[0] != as_it_is:
            self._claims[name] = as_it_is, time.monotonic()
            return False
        if time.monotonic() - known[1] < LEASE_S:
            return False
        aside = f"{lock}.{token.decode()}"
        try:
            await client.rename(lock, aside)  # of several, one succeeds
        except asyncssh.SFTPError:
            return False
        before = await _whole(client, aside)
        await client.remove(aside)
        if _TOKEN.fullmatch(before):
            with suppress(asyncssh.SFTPError):
                await client.remove(self._draft(name, before))  # if it was killed while it wrote
        del self._claims[name]
        return await self._made(client, lock, token)

    async def _made(self, client: asyncssh.SFTPClient, lock: str, token: bytes) -> bool:
        try:
            async with client.open(lock, "xb") as file:
                await file.write(token)
        except (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists):
            return False
        return True

    async def _release(self, client: asyncssh.SFTPClient, name: str, token: bytes) -> None:
        lock = self._at(f"{name}.lock")
        if await _whole(client, lock) == token:
            await client.remove(lock)

    def _touch(self, name: str, stop: threading.Event) -> None:
        while not stop.wait(LEASE_S / 4):
            with suppress(OSError):  # the next time; who reads hears of it anyway
                self._line.do(lambda client: client.utime(self._at(f"{name}.lock"), (time.time(), time.time())))

    def _at(self, name: str) -> str:
        return posixpath.join(self._ours, name)

    def _entry(self, name: str, digest: str) -> str:
        return self._at(f"ledger/{hashlib.sha256(name.encode()).hexdigest()[:16]}-{digest[:32]}.json")

    def _exists(self, path: str) -> bool:
        try:
            self._line.do(lambda client: client.lstat(path))
        except FileNotFoundError:
            return False
        return True

    def _content(self, path: str) -> bytes | None:
        try:
            return self._line.do(lambda client: _whole(client, path))
        except FileNotFoundError:
            return None

    def _read(self, path: str, kind: type[K]) -> K | None:
        content = self._content(path)
        try:
            return None if content is None else msgspec.json.decode(content, type=kind)
        except msgspec.DecodeError:  # what is not whole is begun anew
            return None

    def _replace(self, name: str, path: str, content: bytes) -> None:
        draft = self._draft(name, self._held.get(name, b"none"))

        async def write(client: asyncssh.SFTPClient) -> None:
            await client.makedirs(posixpath.dirname(path), exist_ok=True)
            async with client.open(draft, "wb") as file:
                await file.write(content)
            await client.posix_rename(draft, path)

        self._line.do(write)

    def _draft(self, name: str, token: bytes) -> str:
        """Of one claim, so that whoever takes over finds what was left."""
        return self._at(f".{name}.{token.decode()}")


class _Remote(io.RawIOBase):
    """A file of a server, read piece by piece; it is opened anew where the connection had to be."""

    def __init__(self, line: Line, path: str) -> None:
        super().__init__()
        self._line, self._path = line, path
        self._at = 0
        self._file: Any = None
        self._made = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """From the beginning, or from here."""
        if whence == 2:
            raise OSError(EINVAL, "it is read from its beginning")
        self._at = offset + (self._at if whence == 1 else 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, into: Any) -> int:
        wanted = len(into)
        found = self._line.do(lambda client: self._piece(client, wanted))
        into[: len(found)] = found
        self._at += len(found)
        return len(found)

    def close(self) -> None:
        if self._file is not None and self._made == self._line.made:
            file, self._file = self._file, None
            with suppress(OSError):
                self._line.do(lambda _: file.close())
        super().close()

    async def _piece(self, client: asyncssh.SFTPClient, wanted: int) -> bytes:
        if self._file is None or self._made != self._line.made:
            self._file, self._made = await client.open(self._path, "rb"), self._line.made
        return bytes(await self._file.read(wanted, self._at))


async def _whole(client: asyncssh.SFTPClient, path: str) -> bytes:
    """One of our own small files."""
    async with client.open(path, "rb") as file:
        content: Any = await file.read(MOST_KEPT)
    return bytes(content)


def _seen(found: asyncssh.SFTPAttrs) -> Seen:
    return Seen(found.size or 0, (found.mtime or 0) * 1_000_000_000)
