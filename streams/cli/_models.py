"""What the commands about models share: what is known, where it is, and files of rows."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from streams.catalogue import load_settings
from streams.cli._output import echo
from streams.ground.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from models.making.rows import Rows
    from models.serving.predict import Model
    from schemas.codec import Codec
    from streams.ground.settings import Settings
    from streams.processors.decide.states import ModelBook

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
T = TypeVar("T")


def known() -> ModelBook:
    """What decides: by record where Exlify runs, else by what the folders say."""

    async def as_it_is(settings: Settings, codec: Codec | None, book: ModelBook) -> ModelBook:
        return book

    return with_book(as_it_is)


def with_book(work: Callable[[Settings, Codec | None, ModelBook], Awaitable[T]]) -> T:
    """Does something with what is known; there is a codec where Exlify runs.

    Raises UnavailableError where it ought to run and does not answer.
    """
    return asyncio.run(_with_book(load_settings(), work))


async def _with_book(settings: Settings, work: Callable[[Settings, Codec | None, ModelBook], Awaitable[T]]) -> T:
    from streams.ground.codec import open_codec
    from streams.processors.decide.places import folders, store, trusted
    from streams.processors.decide.states import ModelBook, ModelFeed

    if not settings.bootstrap:
        book = ModelBook(folders(settings), trusted(settings), store(settings))
        await book.start()
        return await work(settings, None, _warned(book))
    codec = await open_codec(settings)
    feed = ModelFeed(settings, codec)
    try:
        await feed.start()
        return await work(settings, codec, _warned(feed))
    finally:
        await feed.close()


def _warned(book: ModelBook) -> ModelBook:
    """Says where the store could not be asked: then what was brought before is all that is known."""
    if book.store is not None and book.store.fault is not None:
        echo(f"! {book.store.fault}", err=True)
    return book


def models_folder() -> Path:
    """Where versions are made: in the site folder, or where those of the store are on this machine."""
    from streams.processors.decide.places import folders

    *mine, _ = folders(load_settings())
    return mine[-1]


def stored(place: Path) -> None:
    """Takes a version that was made or changed to the store, where there is one. Raises UnavailableError."""
    from models.serving.store import StoreError
    from streams.processors.decide.places import store

    found = store(load_settings())
    if found is None or not place.is_relative_to(found.folder):
        return
    try:
        found.put(place)
    except StoreError as error:
        again = f"exlify models push {place.parent.name}@{place.name}"
        raise UnavailableError(f"{error} The version is in {place} meanwhile; then: {again}") from None


def place(book: ModelBook, text: str) -> tuple[str, str]:
    """NAME@VERSION, or the version of NAME that decides. Raises UsageError."""
    from models.serving.errors import UnknownModelError
    from models.serving.shelf import is_word

    name, _, version = text.partition("@")
    if not is_word(name) or (version and not is_word(version)):
        raise UsageError(f"{text}: names no model. Write NAME or NAME@VERSION, in letters, digits, dots and hyphens.")
    if not version:
        versions = [each for known_name, each in book.versions() if known_name == name]
        try:
            pin = book.pin(name)
        except UnknownModelError as error:
            if len(versions) != 1:
                raise UsageError(f"{name}: {error}") from None
            return name, versions[0]
        version = pin.version if pin else versions[-1] if versions else ""
    return name, version


def loaded(book: ModelBook, name: str, version: str) -> Model:
    """A version, from its files as they are. Raises UsageError where they cannot be used."""
    return loaded_from(book, book.folder(name, version))


def loaded_from(book: ModelBook, place: Path) -> Model:
    """A model in a folder. Raises UsageError where it cannot be used."""
    from models.serving.errors import RefusedModelError
    from models.serving.predict import Model

    try:
        return Model.load(place, book.trusted)
    except RefusedModelError as error:
        raise UsageError(str(error)) from None


def signed(certificate: bytes, *, needed: bool = False) -> bytes:
    """A certificate signed by the key of this process, if it has one. Raises UsageError."""
    from models.serving import signature
    from streams.processors.decide import ModelSettings

    text = load_settings().of(ModelSettings).certificate_key
    if not text and not needed:
        return certificate
    try:
        return signature.signed(certificate, signature.private_key(text))
    except ValueError as error:
        raise UsageError(f"EXLIFY_CERTIFICATE_KEY: {error} Or name its file in EXLIFY_CERTIFICATE_KEY_FILE.") from None


def rows(file: Path) -> Rows:
    """The rows of a file. Raises UsageError where they cannot be read."""
    from models.making.rows import read_rows

    try:
        return read_rows(file)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{file}: {said}") from None


def write_whole(path: Path, data: bytes) -> None:
    """So that nobody ever reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(data)
    fresh.replace(path)
