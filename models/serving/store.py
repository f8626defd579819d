"""Models at an S3-compatible store, brought into a folder of this machine and kept as they are there.

    s3://BUCKET/PREFIX/<name>/<version>/model.onnx ...  ─▶  FOLDER/<name>/<version>/model.onnx ...

Everything else goes by the folder, so a store that is away takes nothing away: what was brought stays in use. A version
that is new is brought whole; of one that is there the files that have changed. A version that is gone from the store
stays, since decisions on record name it. What is brought is bounded, and nothing is run that its card does not pin.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from models.serving.card import CARD_FILE, MAX_CARD_BYTES, MAX_MODEL_BYTES, MODEL_FILE
from models.serving.certificate import CERTIFICATE_FILE, MAX_CERTIFICATE_BYTES
from models.serving.errors import ModelError
from models.serving.shelf import ACTIVE_FILE, MAX_ACTIVE_BYTES, is_word

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import S3Store

EVERY_S = 3.0
CONNECT_S, SILENT_S, RETRIES, RETRY_S = 5, 5, 2, 10
WHOLE_S = 600  # for an object, however slowly it comes
MAX_OBJECTS = 20_000
MAX_BYTES = 8 * 2**30  # of all that is brought
PARITY_FILE, MAX_PARITY_BYTES = "parity.jsonl", 64 * 2**20
FILES: Mapping[str, int] = {  # in the order in which they are written: the card last, which makes it a version
    MODEL_FILE: MAX_MODEL_BYTES,
    PARITY_FILE: MAX_PARITY_BYTES,
    CERTIFICATE_FILE: MAX_CERTIFICATE_BYTES,
    CARD_FILE: MAX_CARD_BYTES,
}
NO_BUCKET = "there is no such bucket. Correct EXLIFY_MODELS_STORE, or make it."
NO_ENTRY = "the store refuses these credentials. Correct EXLIFY_MODELS_STORE_KEY and EXLIFY_MODELS_STORE_SECRET."
KNOWN = ".brought.json"  # by the path of an object: what it was when it was brought


class StoreError(ModelError):
    """The store cannot be used; the text is one line with place, reason and remedy."""


class Address(NamedTuple):
    """Where a store is, and as whom it is asked; without a key as the environment of AWS says."""

    bucket: str
    prefix: str = ""
    endpoint: str = ""  # of another store than that of AWS
    region: str = ""
    key: str = ""
    secret: str = ""

    @property
    def url(self) -> str:
        """For people."""
        return f"s3://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


class Store:
    """One store and the folder that it is brought to. Of threads one brings, the others go by what is there."""

    def __init__(self, address: Address, folder: Path) -> None:
        self.address = address
        self.folder = folder
        self.fault: str | None = None  # of the last look
        self._opened: S3Store | None = None
        self._looked = float("-inf")
        self._looking = threading.Lock()

    def look(self, *, now: bool = False) -> None:
        """Brings what has changed; looks at most every three seconds unless `now`. What goes wrong is in `fault`."""
        if not self._looking.acquire(blocking=now):
            return
        try:
            if now or time.monotonic() >= self._looked + EVERY_S:
                try:
                    self._bring()
                    self.fault = None
                except StoreError as error:
                    self.fault = str(error)
                self._looked = time.monotonic()
        finally:
            self._looking.release()

    def put(self, place: Path) -> None:
        """Takes the version in a folder `.../<name>/<version>` to the store. Raises StoreError.

        A model file is never changed there: another one under the same version is refused.
        """
        store, version = self._store(), f"{place.parent.name}/{place.name}"
        files = [name for name in FILES if (place / name).is_file()]
        with _told(self.address):
            there = {each["path"]: each for each in _listed(store, version)}
            model = there.get(f"{version}/{MODEL_FILE}")
            if model is not None and _bytes(store, model, MAX_MODEL_BYTES) != (place / MODEL_FILE).read_bytes():
                raise StoreError(f"{self.address.url}/{version}: holds another model already. Take another version.")
            for name in files:
                if name != MODEL_FILE or model is None:
                    store.put(f"{version}/{name}", (place / name).read_bytes(), use_multipart=False)
            if CERTIFICATE_FILE not in files and f"{version}/{CERTIFICATE_FILE}" in there:
                store.delete(f"{version}/{CERTIFICATE_FILE}")

    def _bring(self) -> None:
        store, known = self._store(), self._known()
        with _told(self.address):
            found = {each["path"]: each for each in _listed(store)}
            wanted = {path: each for path, each in found.items() if _most(path) is not None}
            if (size := sum(each["size"] for each in wanted.values())) > MAX_BYTES:
                raise StoreError(f"{self.address.url}: holds {size:,} bytes of models, more than {MAX_BYTES:,}.")
            marks = {path: _mark(each) for path, each in wanted.items()}
            if marks == known:
                return
            self.folder.mkdir(parents=True, exist_ok=True)
            for version in sorted({path.rpartition("/")[0] for path in marks}):
                self._bring_version(store, version, wanted, marks, known)
        _write(self.folder / KNOWN, json.dumps(marks).encode())

    def _bring_version(
        self,
        store: S3Store,
        version: str,
        wanted: Mapping[str, ObjectMeta],
        marks: Mapping[str, Any],
        known: Mapping[str, Any],
    ) -> None:
        place = self.folder / version
        mine = {path.rpartition("/")[2]: path for path in marks if path.rpartition("/")[0] == version}
        whole = not version or place.is_dir()
        into = place if whole else place.with_name(f".{place.name}.{os.getpid()}")
        into.mkdir(parents=True, exist_ok=True)
        for name in (ACTIVE_FILE, *FILES):
            path = mine.get(name)
            if path is None:
                continue
            if whole and marks[path] == known.get(path) and (into / name).is_file():
                continue
            _write(into / name, _bytes(store, wanted[path], _most(path) or 0))
        if whole and CERTIFICATE_FILE not in mine and f"{version}/{CERTIFICATE_FILE}" in known:
            (into / CERTIFICATE_FILE).unlink(missing_ok=True)  # it was taken away there, so nothing is proved here
        if not whole:
            try:
                into.rename(place)
            except OSError:  # somebody else has brought it meanwhile
                shutil.rmtree(into, ignore_errors=True)

    def _store(self) -> S3Store:
        if self._opened is None:
            self._opened = _opened(self.address)
        return self._opened

    def _known(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / KNOWN).read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def _most(path: str) -> int | None:
    """How large an object may be; None for what is none of a model."""
    if path == ACTIVE_FILE:
        return MAX_ACTIVE_BYTES
    parts = path.split("/")
    return FILES.get(parts[2]) if len(parts) == 3 and all(map(is_word, parts[:2])) else None


def _mark(meta: ObjectMeta) -> list[Any]:
    return [meta["e_tag"], meta["size"], meta["last_modified"].isoformat()]


def _opened(address: Address) -> S3Store:
    """Raises StoreError where what it needs is not installed."""
    try:
        from obstore.store import S3Store
    except ImportError:
        raise StoreError("EXLIFY_MODELS_STORE: needs the extra `s3`: pip install 'exlify[s3]'.") from None
    more: dict[str, Any] = {"access_key_id": address.key, "secret_access_key": address.secret, "region": address.region}
    if address.endpoint:
        more |= {"endpoint": address.endpoint, "region": address.region or "us-east-1"}
    try:
        return S3Store(
            address.bucket,
            prefix=address.prefix or None,
            client_options={
                "timeout": timedelta(seconds=WHOLE_S),
                "connect_timeout": timedelta(seconds=CONNECT_S),
                "read_timeout": timedelta(seconds=SILENT_S),  # a store that hangs holds up whoever starts
                "allow_http": address.endpoint.startswith("http://"),
            },
            retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_S)},
            **{name: value for name, value in more.items() if value},
        )
    except Exception as error:  # noqa: BLE001  # the library raises whatever it likes about an address
        raise StoreError(f"{address.url}: {_said(error)}. Correct EXLIFY_MODELS_STORE and what goes with it.") from None


def _listed(store: S3Store, prefix: str | None = None) -> Iterator[ObjectMeta]:
    count = 0
    for chunk in store.list(prefix):
        for each in chunk:
            count += 1
            if count > MAX_OBJECTS:
                what = f"more than {MAX_OBJECTS:,} objects"
                raise StoreError(f"EXLIFY_MODELS_STORE: {what}. Give the models a prefix of their own.")
            yield each


def _bytes(store: S3Store, meta: ObjectMeta, most: int) -> bytes:
    """An object whole. Raises StoreError where it is too large."""
    if meta["size"] > most:
        raise StoreError(f"{meta['path']}: {meta['size']:,} bytes, more than {most:,}. Store a smaller one.")
    found = store.get(meta["path"])
    if found.meta["size"] > most:  # it was exchanged since it was listed
        raise StoreError(f"{meta['path']}: {found.meta['size']:,} bytes, more than {most:,}. Store a smaller one.")
    return bytes(found.bytes())


@contextmanager
def _told(address: Address) -> Iterator[None]:
    """What the library raises, in one line that names no credentials."""
    from obstore import exceptions

    try:
        yield
    except StoreError:
        raise
    except (exceptions.BaseError, OSError) as error:
        said, refused = str(error), (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
        # A list that is refused has no error of its own, only the answer.
        if isinstance(error, exceptions.NotFoundError) or "NoSuchBucket" in said:
            raise StoreError(f"{address.url}: {NO_BUCKET}") from None
        if isinstance(error, refused) or any(status in said for status in ("403 Forbidden", "401 Unauthorized")):
            raise StoreError(f"{address.url}: {NO_ENTRY}") from None
        where = f" at {address.endpoint}" if address.endpoint else ""
        raise StoreError(f"{address.url}{where}: {_said(error)}. What was brought before stays in use.") from None


def _said(error: Exception) -> str:
    text = str(error).partition("Debug source")[0]  # of the library, many lines
    return " ".join(text.split())[:200] or type(error).__name__


def _write(path: Path, data: bytes) -> None:
    """So that nobody ever reads half a file."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    fresh.write_bytes(data)
    fresh.replace(path)
