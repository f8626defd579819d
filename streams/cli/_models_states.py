"""`exlify models activate`, `suspend`, `resume`, `rollback` and `retire`: which version decides, and how."""

from __future__ import annotations

import asyncio
import getpass
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli import _models as ours
from streams.cli._output import echo, json_option, print_json
from streams.ground.errors import UsageError
from streams.processors.decide.places import SITE_FOLDER

if TYPE_CHECKING:
    from models.serving.shelf import Pin
    from schemas.codec import Codec
    from streams.ground.settings import Settings
    from streams.processors.decide.states import ModelBook

Choose = Callable[["ModelBook"], "Pin"]

why_option: Callable[[Any], Any] = click.option("--why", default="", help="Why, for the record.")


audit_option: Callable[[Any], Any] = click.option(
    "--audit",
    type=click.IntRange(0, 100),
    help="Per cent of what it decides alone that a person looks at, too; as before unless said.",
)


@click.command("activate")
@click.argument("model", metavar="NAME@VERSION")
@audit_option
@why_option
@json_option
def activate(model: str, audit: int | None, why: str, as_json: bool) -> None:
    """Let a version decide from now on, in exactly these files.

    Commands that were made before keep the version that they were made for. Without a certificate it decides nothing
    alone, which is said. One that was tried beside the model is let decide with reasons only (--why).
    """

    def choose(book: ModelBook) -> Pin:
        pin = activated(book, model)
        now = book.active.get(pin.name)
        if not why and now is not None and now.rival is not None and now.rival.version == pin.version:
            raise UsageError(f"{model}: {now.rival.words}. Say why it is to decide: --why TEXT")
        return pin if audit is None else pin._replace(audit=audit)

    _change(choose, why, as_json)


@click.command("audit")
@click.argument("name")
@click.option(
    "--share", type=click.IntRange(0, 100), required=True, help="Per cent of its decisions; 1 to 5 are usual."
)
@why_option
@json_option
def audit(name: str, share: int, why: str, as_json: bool) -> None:
    """Have a share of what a model decides alone looked at by people who do not see its score.

    By their answers the monitor tells whether its error is still as certified, and suspends it if it is not.
    """
    _change(lambda book: decides(book, name)._replace(audit=share), why, as_json)


@click.command("suspend")
@click.argument("name")
@why_option
@json_option
def suspend(name: str, why: str, as_json: bool) -> None:
    """Take the band of a model away: everything goes to people, with its score, until it is resumed."""
    _change(lambda book: decides(book, name)._replace(state="suspended"), why, as_json)


@click.command("resume")
@click.argument("name")
@why_option
@json_option
def resume(name: str, why: str, as_json: bool) -> None:
    """Give a suspended model its band back. Its files, and so its certificate, may be new.

    One that the monitor has suspended needs a new certificate.
    """

    def choose(book: ModelBook) -> Pin:
        found = decides(book, name)
        if found.state != "suspended":
            raise UsageError(f"{name}: is not suspended")
        return _watched(book, _as_installed(book, name, found.version, warn=True))._replace(rival=found.rival)

    _change(choose, why, as_json)


@click.command("rollback")
@click.argument("name")
@why_option
@json_option
def rollback(name: str, why: str, as_json: bool) -> None:
    """Go back to the version that decided before, in the files that it had then."""

    def choose(book: ModelBook) -> Pin:
        from models.serving.shelf import Pin

        now = decides(book, name)
        before = [each for each in book.history(name) if each.state == "active" and each.version != now.version]
        if not before:
            raise UsageError(f"{name}: no other version has decided before. Name one: exlify models activate")
        ours.loaded(book, name, before[-1].version)
        return _watched(book, Pin(name, before[-1].version, before[-1].sha256))

    _change(choose, why, as_json)


@click.command("retire")
@click.argument("name")
@why_option
@json_option
def retire(name: str, why: str, as_json: bool) -> None:
    """Let a model decide no longer. Steps that ask it are incidents; its files stay, for the decisions on record."""
    _change(lambda book: decides(book, name)._replace(state="retired"), why, as_json)


def activated(book: ModelBook, model: str) -> Pin:
    """A version that decides, in the files that are there. Raises UsageError."""
    if "@" not in model:
        raise UsageError(f"{model}: say which version decides: {model}@VERSION")
    return _watched(book, _as_installed(book, *ours.place(book, model), warn=True))


def decides(book: ModelBook, name: str) -> Pin:
    """What decides for a name. Raises UsageError where nothing does."""
    found = book.active.get(name)
    if found is None or found.state == "retired":
        raise UsageError(f"{name}: decides nothing now. Those that do: {', '.join(sorted(book.active)) or 'none'}.")
    return found


def _as_installed(book: ModelBook, name: str, version: str, *, warn: bool) -> Pin:
    """A version in the files as they are now. Raises UsageError where they cannot be used."""
    from models.serving.shelf import Pin

    model = ours.loaded(book, name, version)
    if warn and model.band.closed is not None:
        echo(f"! {name}@{version}: {model.band.closed.text}. Everything goes to people.", err=True)
    return Pin(name, version, model.band.files_sha256)


def _watched(book: ModelBook, pin: Pin) -> Pin:
    """A version about to decide, audited as much as what decides now. Raises UsageError where it was found wanting."""
    refuse_wanting(book, pin.name, pin.version, pin.sha256)
    now = book.active.get(pin.name)
    return pin._replace(audit=now.audit) if now else pin


def refuse_wanting(book: ModelBook, name: str, version: str, sha256: str) -> None:
    """Raises UsageError where the monitor has taken these files their right: all, or their share as a challenger."""
    from streams.processors.monitor import ITSELF

    changes = book.history(name)
    for before, each in zip((None, *changes), changes, strict=False):
        if each.by != ITSELF:
            continue
        # more audits of what people have suspended are on record as the monitor's, too
        all_ = each.state == "suspended" != (before.state if before else None)
        share = before is not None and bool(before.share) and not each.share
        if (all_ and (each.version, each.sha256) == (version, sha256)) or (
            share and (each.rival, each.rival_sha256) == (version, sha256)
        ):
            raise UsageError(
                f"{name}@{version}: audits have found more wrong decisions than its certificate allows. "
                f"Certify it anew, or activate another version: exlify models certify"
            )


def change(choose: Choose, why: str, *, by: str = "") -> dict[str, Any]:
    """Publishes the change where Exlify runs; in any case writes it down for what runs without Kafka.

    `by` is who is on record for it: the user of this process unless said.
    """

    async def work(settings: Settings, codec: Codec | None, book: ModelBook) -> dict[str, Any]:
        from streams.ground.publish import Publisher
        from streams.processors.decide import states

        pin = choose(book)
        start = None
        if codec is not None:
            async with Publisher(settings) as publisher:
                start = (await states.change(publisher, codec, book, pin, by=by or getpass.getuser(), why=why)).from_ms
        path = settings.site_dir / SITE_FOLDER / "active.toml"
        _write_down(path, pin)
        if start is not None:  # so that what is done after this command meets the change
            await asyncio.sleep(max(0, start - time.time_ns() // 1_000_000) / 1_000)
        return {**pin._asdict(), "published": start is not None, "file": str(path)}

    return ours.with_book(work)


def _change(choose: Choose, why: str, as_json: bool) -> None:
    found = change(choose, why)
    rival = found["rival"]
    if as_json:
        print_json({**found, "rival": rival._asdict() if rival else None})
        return
    tried = f", {rival.words}" if rival else ""
    where = "" if found["published"] else f", by {found['file']}: no Exlify runs here"
    echo(f"{found['name']}@{found['version']} is {found['state']}{tried}{where}")


def _write_down(path: Path, pin: Pin) -> None:
    """What runs without Kafka goes by this file; where Exlify runs the record counts."""
    import tomli_w

    try:
        found = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {' '.join(str(error).split())[:200]}") from None
    rival = pin.rival._asdict() if pin.rival else None
    entry = {
        "version": pin.version, "sha256": pin.sha256, "state": pin.state, "challenger": rival, "audit": pin.audit,
    }  # fmt: skip
    active = {**found.get("active", {}), pin.name: {key: value for key, value in entry.items() if value}}
    ours.write_whole(path, tomli_w.dumps({**found, "active": active}).encode())


@click.command("shadow")
@click.argument("model", metavar="NAME@VERSION")
@why_option
@json_option
def shadow(model: str, why: str, as_json: bool) -> None:
    """Try a version beside the one that decides: it scores every case, which is on record, and decides none."""
    _change(lambda book: beside(book, model, 0), why, as_json)


@click.command("canary")
@click.argument("model", metavar="NAME@VERSION")
@click.option("--share", type=click.IntRange(1, 100), required=True, help="Per cent of the cases that it decides.")
@why_option
@json_option
def canary(model: str, share: int, why: str, as_json: bool) -> None:
    """Let a version decide a share of the cases, inside its own band: a case has the same version every time.

    `activate` lets it decide all, `withdraw` none.
    """
    _change(lambda book: beside(book, model, share), why, as_json)


@click.command("withdraw")
@click.argument("name")
@why_option
@json_option
def withdraw(name: str, why: str, as_json: bool) -> None:
    """Let nothing be tried beside a model any more."""

    def choose(book: ModelBook) -> Pin:
        found = decides(book, name)
        if found.rival is None:
            raise UsageError(f"{name}: nothing is tried beside it")
        return found._replace(rival=None)

    _change(choose, why, as_json)


def beside(book: ModelBook, model: str, share: int) -> Pin:
    """What decides, with a version tried beside it. Raises UsageError."""
    from models.serving.shelf import Rival

    if "@" not in model:
        raise UsageError(f"{model}: say which version is tried: {model}@VERSION")
    name, version = ours.place(book, model)
    found = decides(book, name)
    if found.version == version:
        raise UsageError(f"{name}@{version}: decides already. Try another version beside it.")
    if found.state == "suspended" and share:
        raise UsageError(f"{name}: is suspended, so nothing of it decides. Resume it, or let the version be a shadow.")
    tried = _as_installed(book, name, version, warn=True)
    if share:
        refuse_wanting(book, name, version, tried.sha256)
    return found._replace(rival=Rival(version, tried.sha256, share))


COMMANDS = (shadow, canary, withdraw, activate, audit, suspend, resume, rollback, retire)
